"""Draws that the layers of this package share: their settings, maps that fit, and loops with the same settings.

Maps are tiny, so that loops over hundreds of draws take seconds. Settings are drawn first; then each axis gets as many
values as one place of the kernel needs, and up to four more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn.layers.verify.differences import apart
from speechcnn.layers.verify.subject import Case, Loops

Rng: TypeAlias = np.random.Generator
Array: TypeAlias = NDArray[np.float64]


def case(layer: type[nn.Module], settings: dict[str, Any], maps: Tensor, loops: Loops) -> Case:
    """Return a layer with a custom backward pass, beside itself as a composition of torch's own operators."""
    return Case(layer(**settings), (maps,), loops, layer(**settings, backprop="torch"))


def loops(forward: Callable[..., Array], backward: Callable[..., Sequence[Array]], **settings: Any) -> Loops:
    """Return loops with their settings."""
    return Loops(partial(forward, **settings), partial(backward, **settings))


def whole(rng: Rng, low: int, high: int) -> int:
    """Draw a whole number, both ends included."""
    return int(rng.integers(low, high + 1))


def each(rng: Rng, n_axes: int, low: int, high: int) -> tuple[int, ...]:
    """Draw a whole number for each axis."""
    return tuple(whole(rng, low, high) for _ in range(n_axes))


def scan(rng: Rng, n_axes: int) -> dict[str, Any]:
    """Draw how a kernel moves over maps."""
    kernel = each(rng, n_axes, 1, 3)
    return {
        "kernel_size": kernel,
        "stride": each(rng, n_axes, 1, 3),
        "padding": tuple(whole(rng, 0, k // 2) for k in kernel),
        "dilation": each(rng, n_axes, 1, 2),
    }


def maps_for(rng: Rng, channels: int, scan: dict[str, Any]) -> Tensor:
    """Draw maps in which the kernel has one place along each axis, or some more."""
    sizes = []
    for kernel, dilation, padding in zip(scan["kernel_size"], scan["dilation"], scan["padding"], strict=True):
        least = max(dilation * (kernel - 1) + 1 - 2 * padding, dilation, 1)
        sizes.append(least + whole(rng, 0, 4))
    return apart(rng, (whole(rng, 1, 2), channels, *sizes))


def without_kernel(moves: dict[str, Any]) -> dict[str, Any]:
    """Return how a kernel moves, without its size, which loops see in the filter."""
    return {name: value for name, value in moves.items() if name != "kernel_size"}


def channels(rng: Rng) -> dict[str, Any]:
    """Draw channels below and above, groups and whether there are offsets."""
    groups = whole(rng, 1, 2)
    below, above = groups * whole(rng, 1, 2), groups * whole(rng, 1, 2)
    return {"in_channels": below, "out_channels": above, "groups": groups, "bias": bool(whole(rng, 0, 1))}
