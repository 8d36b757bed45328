"""Expanding convolutions against torch's, against the lecture's push loop, and their start without artefacts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speechcnn.layers.expanding import ExpandingConv1d, ExpandingConv2d

CASES = [
    (ExpandingConv1d, nn.ConvTranspose1d, (4, 6, 5), {"stride": 3}, (2, 4, 7)),
    (
        ExpandingConv1d,
        nn.ConvTranspose1d,
        (4, 6, 3),
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        (2, 4, 5),
    ),
    (ExpandingConv1d, nn.ConvTranspose1d, (4, 2, 3), {"dilation": 2, "bias": False}, (1, 4, 6)),
    (ExpandingConv2d, nn.ConvTranspose2d, (3, 2, (2, 4)), {"stride": (1, 2), "padding": (0, 1)}, (2, 3, 4, 5)),
]


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize(("ours", "theirs", "sizes", "settings", "shape"), CASES)
def test_values_and_gradients_are_those_of_torch(ours, theirs, sizes, settings, shape, backprop) -> None:
    layer, peer = ours(*sizes, **settings, backprop=backprop).double(), theirs(*sizes, **settings).double()
    peer.load_state_dict(layer.state_dict())
    maps = doubles(*shape)
    torch.testing.assert_close(layer(maps), peer(maps), rtol=0, atol=1e-12)
    mine, expected = (
        torch.autograd.grad(module(maps).sin().sum(), [maps, *module.parameters()]) for module in (layer, peer)
    )
    torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)


def pushed(y: np.ndarray, w: np.ndarray, b: int) -> np.ndarray:
    """The lecture's loop, with b - 1 more zeros at the end: the second size formula."""
    z = np.zeros((w.shape[1], b * y.shape[1] + w.shape[2] - 1))
    for j, x, i, k in itertools.product(range(w.shape[1]), range(y.shape[1]), range(len(y)), range(w.shape[2])):
        z[j, x * b + k] += w[i, j, k] * y[i, x]
    return z


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (4, 4), (3, 1), (2, 3)])
def test_every_admitted_output_size_is_a_crop_of_the_pushed_map(kernel: int, stride: int, backprop: str) -> None:
    layer = ExpandingConv1d(2, 3, kernel, stride, bias=False, backprop=backprop).double()
    maps = doubles(1, 2, 4)
    whole = pushed(maps[0].detach().numpy(), layer.weight.detach().numpy(), stride)
    last, most = 3 * stride + kernel, 4 * stride + kernel - 1
    assert whole.shape[1] == most
    for size in range(1, most + 1):
        first = -(-max(last - size, 0) // 2)
        above = layer(maps, output_size=size)
        np.testing.assert_allclose(above[0].detach().numpy(), whole[:, first : first + size], atol=1e-12)
        (gradient,) = torch.autograd.grad(above.sum(), maps)
        assert gradient.isfinite().all()


def test_the_usual_size_cuts_half_a_stride_on_both_sides_of_a_kernel_of_two_strides() -> None:
    layer = ExpandingConv1d(1, 1, 4, stride=2, bias=False)
    layer.weight.data = torch.tensor([[[1.0, 2, 3, 4]]])
    assert layer(torch.tensor([[[1.0, 0, 10]]]), output_size=6).tolist() == [[[2, 3, 4, 10, 20, 30]]]


@pytest.mark.parametrize(("kernel", "stride"), [(4, 4), (5, 2), (7, 3), (8, 4)])
def test_at_the_start_a_constant_map_stays_constant(kernel: int, stride: int) -> None:
    """Away from the edges; torch's own start makes a tone of the stride's period."""
    maps = torch.ones(1, 8, 20)
    ours, theirs = ExpandingConv1d(8, 4, kernel, stride), nn.ConvTranspose1d(8, 4, kernel, stride)
    inside = slice(kernel, -kernel)
    assert ours(maps)[..., inside].std(-1).max() < 1e-5
    assert theirs(maps)[..., inside].std(-1).min() > 1e-3


def test_at_the_start_the_layer_repeats_and_convolves() -> None:
    layer = ExpandingConv2d(3, 2, (5, 4), stride=(2, 3), bias=False).double()
    maps = doubles(1, 3, 4, 5)
    repeated = maps.repeat_interleave(2, 2).repeat_interleave(3, 3)
    # If some short filter gives every value of the layer's answer, least squares finds it and nothing is left over.
    rows = torch.nn.functional.unfold(torch.nn.functional.pad(repeated, (1, 1, 3, 3)), (4, 2)).mT.flatten(0, 1)
    answers = layer(maps).flatten(2).mT.flatten(0, 1)
    assert len(rows) == len(answers)
    short = torch.linalg.lstsq(rows, answers).solution
    torch.testing.assert_close(rows @ short, answers)


@pytest.mark.parametrize("settings", [{"kernel_size": 2, "stride": 3}, {"kernel_size": 4, "stride": 2, "dilation": 2}])
def test_where_no_such_start_exists_the_filters_are_drawn_as_torch_draws_them(settings) -> None:
    torch.manual_seed(5)
    mine = ExpandingConv1d(3, 4, **settings).weight
    torch.manual_seed(5)
    assert torch.equal(mine, nn.ConvTranspose1d(3, 4, **settings).weight)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: ExpandingConv1d(3, 4, 3)(torch.zeros(2, 4, 9)), ValueError, "3 input channels .* got 4"),
        (lambda: ExpandingConv1d(3, 4, 3)(torch.zeros(2, 3, 9, 9)), ValueError, r"\[B, C, T\]; got \[2, 3, 9, 9\]"),
        (lambda: ExpandingConv1d(3, 4, 3)(torch.zeros(2, 3, 9).long()), TypeError, "floating maps"),
        (lambda: ExpandingConv1d(3, 4, 3)(torch.zeros(2, 3, 9).double()), TypeError, "one type"),
        (
            lambda: ExpandingConv1d(3, 4, 5, stride=2)(torch.zeros(2, 3, 9), output_size=23),
            ValueError,
            r"output_size must be from 1 to .* = \[22\]; got \[23\] for maps of shape \[9\]",
        ),
        (lambda: ExpandingConv1d(3, 4, 5)(torch.zeros(2, 3, 9), output_size=0), ValueError, "output_size must be one"),
        (
            lambda: ExpandingConv1d(3, 4, 3, padding=6)(torch.zeros(2, 3, 9)),
            ValueError,
            r"padding \[6\] leaves nothing",
        ),
        (lambda: ExpandingConv1d(3, 4, 3, stride=2, output_padding=2), ValueError, "smaller than the stride"),
        (lambda: ExpandingConv2d(3, 4, 3, backprop="jax"), ValueError, "backprop must be"),
        (lambda: ExpandingConv1d(3, 4, 3, groups=3), ValueError, "multiples of groups"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(call, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
