"""Length arithmetic against torch's own layers and against marked inputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from speechcnn.shapes import Window, conv_length, frame_count, frame_counts, length_mask, receptive_field


@pytest.mark.parametrize("n_samples", [0, 1, 399, 400, 401, 559, 560, 561, 51200])
def test_frames_are_whole_windows(n_samples: int) -> None:
    starts = [start for start in range(0, n_samples, 160) if start + 400 <= n_samples]
    assert frame_count(n_samples, 400, 160) == len(starts)
    assert frame_counts(torch.tensor([n_samples]), 400, 160).tolist() == [len(starts)]


@pytest.mark.parametrize("kernel", [1, 3, 8])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 3, 1), (3, 1, 2), (1, 2, 3)])
def test_conv_length_is_that_of_torch(kernel: int, stride: int, padding: int, dilation: int) -> None:
    layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
    assert conv_length(40, kernel, stride, padding, dilation) == layer(torch.zeros(1, 1, 40)).shape[-1]


def test_a_kernel_longer_than_its_input_has_no_output() -> None:
    assert conv_length(3, kernel=9) == 0


def test_a_mask_is_true_inside_each_length() -> None:
    mask = length_mask(torch.tensor([0, 2, 3]), 3)
    assert mask.tolist() == [[False, False, False], [True, True, False], [True, True, True]]


def test_the_receptive_field_is_where_the_gradient_arrives() -> None:
    windows = [Window(5, stride=2, padding=1), Window(3, dilation=2, padding=1), Window(2, stride=3), Window(4)]
    layers = [nn.Conv1d(1, 1, w.kernel, w.stride, w.padding, w.dilation, bias=False) for w in windows]
    for layer in layers:
        nn.init.ones_(layer.weight)
    inputs = torch.zeros(1, 1, 120, requires_grad=True)
    nn.Sequential(*layers)(inputs)[0, 0, 2:4].sum().backward()
    reached = inputs.grad[0, 0].nonzero().flatten()
    assert receptive_field(windows).inputs(2, 3) == (int(reached[0]), int(reached[-1]) + 1)


def test_an_empty_stack_sees_one_input() -> None:
    assert receptive_field([]).inputs(7, 7) == (7, 8)
