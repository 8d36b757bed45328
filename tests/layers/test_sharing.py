"""Limited weight sharing against a loop over sections and against its own torch composition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.layers.sharing import LimitedWeightSharingConv

SETTINGS: dict[str, Any] = {
    "in_channels": 2,
    "out_channels": 3,
    "n_bands": 10,
    "section_width": 6,
    "section_shift": 2,
    "kernel_size": (3, 4),
    "padding": 1,
}


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def test_each_section_is_convolved_with_its_own_filters() -> None:
    layer = LimitedWeightSharingConv(**SETTINGS).double()
    maps = doubles(2, 2, 10, 7)
    above = layer(maps)
    assert above.shape == (2, 9, 4, 6)
    padded = F.pad(maps, (1, 1))
    for s, j, f, t in [(0, 0, 0, 0), (1, 2, 3, 5), (2, 1, 0, 4)]:
        seen = padded[:, :, 2 * s + f : 2 * s + f + 3, t : t + 4]
        expected = (seen * layer.weight[s, j]).sum((1, 2, 3)) + layer.bias[s, j]
        torch.testing.assert_close(above[:, 3 * s + j, f, t], expected)


@pytest.mark.parametrize("bias", [True, False])
def test_both_backward_passes_agree(bias: bool) -> None:
    custom, peer = (LimitedWeightSharingConv(**SETTINGS, bias=bias, backprop=b).double() for b in ("custom", "torch"))
    peer.load_state_dict(custom.state_dict())
    maps = doubles(2, 2, 10, 7)
    mine, expected = (
        torch.autograd.grad(layer(maps).sin().sum(), [maps, *layer.parameters()]) for layer in (custom, peer)
    )
    torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)


def test_one_section_is_a_plain_convolution() -> None:
    layer = LimitedWeightSharingConv(2, 3, 10, 10, 1, (3, 4)).double()
    maps = doubles(2, 2, 10, 7)
    torch.testing.assert_close(layer(maps), F.conv2d(maps, layer.weight[0], layer.bias[0]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"section_width": 2}, "section_width must be from the kernel's 3 bands to n_bands, 10; got 2"),
        ({"section_width": 11}, "got 11"),
        ({"section_shift": 3}, "must divide n_bands - section_width.*; got 3 for 10 - 6 = 4"),
        ({"section_shift": 0}, "section_shift must divide"),
        ({"padding": -1}, "padding must be"),
        ({"kernel_size": (1, 2, 3)}, "kernel_size must be"),
        ({"backprop": "hand"}, "backprop must be"),
    ],
)
def test_bad_settings_are_answered_by_a_sentence(change: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LimitedWeightSharingConv(**(SETTINGS | change))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2, 2, 9, 7), "made for 10 bands"),
        ((2, 3, 10, 7), "2 input channels"),
        ((2, 10, 7), r"\[B, C, F, T\]"),
        ((2, 2, 10, 1), "the kernel covers"),
    ],
)
def test_maps_that_do_not_fit_are_answered_by_a_sentence(shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LimitedWeightSharingConv(**SETTINGS)(torch.zeros(shape))
