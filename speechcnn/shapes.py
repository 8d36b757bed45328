"""Length arithmetic, masks and receptive fields: said once, used by all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


def frame_count(n_samples: int, window: int, shift: int) -> int:
    """Number of whole windows in `n_samples` samples; none when they are fewer than one window.

    >>> frame_count(51200, 400, 160), frame_count(399, 400, 160)
    (318, 0)
    """
    return max(0, (n_samples - window) // shift + 1)


def frame_counts(lengths: Tensor, window: int, shift: int) -> Tensor:
    """Number of whole windows in each of several recordings.

    Shape: [B] -> [B].
    """
    return ((lengths - window).div(shift, rounding_mode="floor") + 1).clamp(min=0)


def conv_length(length: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of outputs of a convolution or pooling over `length` inputs, padded on both sides.

    >>> conv_length(40, kernel=8), conv_length(33, kernel=6, stride=6)
    (33, 5)
    """
    return max(0, (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)


def length_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Mask that is true inside each item's own length.

    Shape: [B] -> [B, max_length].
    """
    return torch.arange(max_length, device=lengths.device) < lengths[:, None]


@dataclass(frozen=True)
class Window:
    """What a layer sees along one axis: a kernel, how far apart its taps and its outputs lie, and its padding."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: int = 0  # on each side


@dataclass(frozen=True)
class ReceptiveField:
    """The inputs that an output of a stack of layers sees: output i sees `size` of them from start + i * stride on.

    `start` is negative where the first output also sees padding.
    """

    size: int = 1
    stride: int = 1
    start: int = 0

    def after(self, window: Window) -> ReceptiveField:
        """Field of a stack that has one more layer on top."""
        extent = (window.kernel - 1) * window.dilation + 1
        return self.then(ReceptiveField(extent, window.stride, -window.padding))

    def then(self, upper: ReceptiveField) -> ReceptiveField:
        """Field of two stacks, this one below.

        >>> ReceptiveField(400, 160).then(ReceptiveField(5, 1, -2))
        ReceptiveField(size=1040, stride=160, start=-320)
        """
        return ReceptiveField(
            size=self.size + (upper.size - 1) * self.stride,
            stride=self.stride * upper.stride,
            start=self.start + upper.start * self.stride,
        )

    def inputs(self, first: int, last: int) -> tuple[int, int]:
        """Inputs [begin, end) that the outputs `first` to `last`, both included, see together."""
        return self.start + first * self.stride, self.start + last * self.stride + self.size


def receptive_field(windows: Iterable[Window]) -> ReceptiveField:
    """Receptive field of a stack of layers, the one nearest to the input first (Araujo, Norris and Sim, 2019).

    >>> receptive_field([Window(400, 160), Window(15)]).size
    2640
    """
    field = ReceptiveField()
    for window in windows:
        field = field.after(window)
    return field
