"""Layers, forward and backward: the hand-derived backward pass against what torch offers for the same.

Shapes are those of the recogniser's input, 16 utterances of 3 x 40 x 300, and of the maps above. "overhead" rows are
tiny, so that nothing but the cost of a call is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from bench import Row, compare
from benchmarks import _pooling
from torch import Tensor, nn

from speechcnn.layers.conv import Conv1d, Conv2d, DepthwiseSeparableConv1d
from speechcnn.layers.expanding import ExpandingConv1d
from speechcnn.layers.flat import Linear
from speechcnn.layers.invariant import TransformInvariantConv2d
from speechcnn.layers.sharing import LimitedWeightSharingConv
from speechcnn.layers.transforms import FrequencyShift
from speechcnn.layers.upsampling import Upsample

FIRST = {"in_channels": 3, "out_channels": 120, "kernel_size": (8, 15), "padding": (0, 7)}
WIDE = {"in_channels": 128, "out_channels": 128}
SECTIONS = {"n_bands": 40, "section_width": 12, "section_shift": 4, "kernel_size": (8, 15), "padding": 7}
SHARED = {"in_channels": 3, "out_channels": 16, **SECTIONS}
SHIFTED = {
    "in_channels": 3,
    "out_channels": 16,
    "kernel_size": (8, 15),
    "transforms": [FrequencyShift(bands) for bands in range(-2, 4)],
}
TINY = {"in_channels": 2, "out_channels": 2}


@dataclass(frozen=True)
class Case:
    """A layer with its settings, the shape of its input, and whether the derivative for the input is wanted."""

    name: str
    layer: Callable[..., nn.Module]
    settings: dict[str, Any]
    shape: tuple[int, ...]
    peer: str
    dy: bool = True
    repeats: int = 15


CASES = (
    Case("conv 3 -> 120, 8 x 15, first layer", Conv2d, FIRST, (16, 3, 40, 300), "Conv2d", dy=False),
    Case("conv 3 -> 120, 8 x 15, with dY", Conv2d, FIRST, (16, 3, 40, 300), "Conv2d"),
    Case("conv 128 -> 128, 5", Conv1d, WIDE | {"kernel_size": 5}, (16, 128, 300), "Conv1d"),
    Case("depthwise 128, 9", Conv1d, WIDE | {"kernel_size": 9, "groups": 128}, (16, 128, 300), "Conv1d"),
    Case("separable 128, 9", DepthwiseSeparableConv1d, WIDE | {"kernel_size": 9}, (16, 128, 300), "two Conv1d"),
    Case("expanding x 4", ExpandingConv1d, WIDE | {"kernel_size": 8, "stride": 4}, (16, 128, 75), "ConvTranspose1d"),
    Case("flat 1000", Linear, {"in_features": 1000, "out_features": 1000}, (16, 300, 1000), "Linear"),
    Case("8 sections of 16", LimitedWeightSharingConv, SHARED, (16, 3, 40, 300), "loop of conv2d", dy=False),
    Case("8 sections of 16, with dY", LimitedWeightSharingConv, SHARED, (16, 3, 40, 300), "loop of conv2d"),
    Case("invariant: 6 shifts of 16 filters", TransformInvariantConv2d, SHIFTED, (16, 3, 40, 300), "torch", dy=False),
    Case("up-sampling x 4, zeros", Upsample, {"factor": (1, 4), "mode": "zeros"}, (16, 32, 40, 75), "torch"),
    Case("up-sampling x 4, linear", Upsample, {"factor": (1, 4), "mode": "linear"}, (16, 32, 40, 75), "torch"),
    Case("up-sampling x 4, cubic", Upsample, {"factor": (1, 4), "mode": "cubic"}, (16, 32, 40, 75), "dense matrix"),
    Case("overhead: conv", Conv1d, TINY | {"kernel_size": 3}, (1, 2, 8), "Conv1d", repeats=501),
    Case("overhead: flat", Linear, {"in_features": 2, "out_features": 2}, (1, 1, 2), "Linear", repeats=501),
)


def step(layer: nn.Module, maps: Tensor, upward: Tensor) -> Callable[[], list[Tensor]]:
    """One forward and backward pass."""
    wanted = [tensor for tensor in (maps, *layer.parameters()) if tensor.requires_grad]

    def run() -> list[Tensor]:
        above = layer(maps)
        return [above, *torch.autograd.grad(above, wanted, upward)]

    return run


def compared(case: Case) -> Row:
    """Run a layer's two backward passes against each other."""
    custom, peer = (case.layer(**case.settings, backprop=backprop) for backprop in ("custom", "torch"))
    peer.load_state_dict(custom.state_dict())
    maps = torch.randn(case.shape, requires_grad=case.dy)
    upward = torch.randn_like(custom(maps))
    ours, theirs = step(custom, maps, upward), step(peer, maps, upward)
    return compare(
        case.name,
        ours,
        theirs,
        peer_name=case.peer,
        repeats=case.repeats,
        difference=max(relative_difference(a, b) for a, b in zip(ours(), theirs(), strict=True)),
        memory=maps.numel() > 1000,
    )


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference as a share of the largest value."""
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())


def rows() -> Iterator[Row]:
    torch.manual_seed(0)
    yield from map(compared, CASES)
    yield from _pooling.rows()
