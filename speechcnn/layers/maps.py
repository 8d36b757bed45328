"""What every layer asks of its arguments and its maps, and the sentences that answer when they do not fit.

Maps are [B, C, T] for 1-D layers and [B, C, F, T] for 2-D layers: batch, channels, bands, frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

Backprop: TypeAlias = Literal["custom", "torch"]  # whose backward pass runs: this package's or torch's own
Size: TypeAlias = int | Sequence[int]  # one number for all axes, or one number for each

LETTERS = {1: "[B, C, T]", 2: "[B, C, F, T]"}


def check_backprop(backprop: str) -> None:
    """Raise a ValueError unless `backprop` is one of the two words."""
    if backprop not in get_args(Backprop):
        raise ValueError(f"backprop must be 'custom' or 'torch'; got {backprop!r}.")


def per_axis(name: str, value: Size, n_axes: int, least: int = 1) -> tuple[int, ...]:
    """Return one number for each axis.

    Raises:
        ValueError: a number is below `least`, or their count is not the number of axes.
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * n_axes
    if len(numbers) != n_axes or any(not isinstance(n, int) or n < least for n in numbers):
        raise ValueError(f"{name} must be one whole number of at least {least}, or {n_axes} of them; got {value}.")
    return numbers


def check_maps(layer: str, maps: Tensor, n_axes: Sequence[int], channels: int | None = None) -> None:
    """Raise unless `maps` are floating maps of an admitted number of axes and channels.

    Raises:
        TypeError: the values are whole numbers or booleans.
        ValueError: another rank, or another number of channels.
    """
    if not maps.is_floating_point():
        raise TypeError(f"{layer} takes floating maps; got {maps.dtype}. Convert them: maps.float().")
    if maps.dim() - 2 not in n_axes:
        shapes = " or ".join(LETTERS[n] for n in n_axes)
        raise ValueError(f"{layer} takes maps of the shape {shapes}; got {list(maps.shape)}.")
    if channels is not None and maps.shape[1] != channels:
        raise ValueError(
            f"{layer} has {channels} input channels (axis 1); got {maps.shape[1]} in maps of shape {list(maps.shape)}."
        )


def check_types(layer: str, maps: Tensor, weight: Tensor) -> None:
    """Raise a TypeError unless maps and weights hold numbers of one type."""
    if maps.dtype != weight.dtype:
        raise TypeError(f"{layer}: maps and weights must be of one type; got {maps.dtype} and {weight.dtype}.")


def check_fits(layer: str, maps: Tensor, extent: Sequence[int], padding: Sequence[int]) -> None:
    """Raise a ValueError when a kernel's extent (its dilation counted in) is larger than the padded map."""
    sizes = maps.shape[2:]
    for size, covered, padded in zip(sizes, extent, padding, strict=True):
        if size + 2 * padded < covered:
            raise ValueError(
                f"{layer}: the kernel covers {list(extent)} values, more than a map of shape {list(sizes)} "
                f"with padding {list(padding)} has. Give longer maps, a smaller kernel or more padding."
            )


def autocast(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Return the tensors in the type that autocast asks for, as torch does for its own operators; else unchanged."""
    device = next(tensor.device.type for tensor in tensors if tensor is not None)
    if device == "meta" or not torch.is_autocast_enabled(device):  # tensors without values have no autocast
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(None if tensor is None else tensor.to(dtype) for tensor in tensors)
