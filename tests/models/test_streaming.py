from __future__ import annotations

import pytest
import torch
from torch import nn

from speechcnn.layers import Conv1d
from speechcnn.models.streaming import Residual, Scanned, Stack, field_of, state_of, tensors_of


def picking(kernel: int, tap: int) -> Scanned:
    """Return a convolution that gives back one of the frames it sees."""
    layer = Conv1d(1, 1, kernel, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, tap] = 1
    return Scanned(layer)


def test_a_residual_adds_the_frame_in_the_middle_of_what_its_body_sees() -> None:
    frames = torch.arange(1.0, 10.0).reshape(1, 1, 9)
    block = Residual(Stack(picking(3, 1), picking(5, 2)), nn.Identity())
    assert torch.equal(block(frames), 2 * frames[..., 3:6])
    found, state = block.step(frames[..., :4], None)
    assert found is None
    assert torch.equal(block.step(frames[..., 4:], state)[0], 2 * frames[..., 3:6])


def test_a_state_is_taken_apart_and_put_together() -> None:
    state = (torch.zeros(1), None, (torch.ones(2), ()))
    again = state_of(state, iter([torch.full((1,), 5.0), torch.full((2,), 6.0)]))
    assert [one.tolist() for one in tensors_of(again)] == [[5.0], [6.0, 6.0]]
    assert again[1:2] == (None,)


def test_the_field_of_a_stack() -> None:
    field = field_of(Stack(Scanned(Conv1d(1, 1, 5, 2)), nn.ReLU(), Scanned(Conv1d(1, 1, 3, dilation=4))))
    assert (field.size, field.stride) == (5 + 2 * 8, 2)


@pytest.mark.parametrize("arguments", [{"padding": 1}, {"stride": 4}])
def test_layers_that_do_not_stream_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="must not pad time, nor move by more than it covers"):
        Scanned(Conv1d(1, 1, 3, **arguments))
