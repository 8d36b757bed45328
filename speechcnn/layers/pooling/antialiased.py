"""Anti-aliased max pooling: maxima at every place, then a blur before values are dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from speechcnn.layers.maps import Backprop, Size
from speechcnn.layers.pooling import compositions
from speechcnn.layers.pooling.maximum import MaxPool
from speechcnn.layers.pooling.sum_operators import window_sum
from speechcnn.layers.pooling.windows import Window


class AntiAliasedPool(MaxPool):
    """Max pooling whose values change smoothly when the input is shifted, of 1-D and of 2-D maps.

    Max pooling with a stride keeps every stride-th maximum and so breaks the sampling theorem: a shift of the input by
    one value may change all outputs. Here maxima are taken at every place, blurred by a binomial filter, and only then
    dropped. An axis with stride 1 drops nothing and is not blurred, so (6, 1) pools and blurs along frequency alone.
    At the edges the filter's weights that lie inside the maps are scaled to sum to one, so constant maps stay constant.
    The output has the shape that `MaxPool` would give.

    Args:
        kernel_size: values along each axis of a window; one number makes a square window on 2-D maps.
        stride: values between two outputs; by default the kernel's size.
        padding: values added at both ends of each axis before maxima are taken; they never win.
        dilation: values between two values of a window.
        taps: length of the blur along each axis with a stride; odd. 3 weighs 1 2 1, 5 weighs 1 4 6 4 1.
        backprop: "custom" for the derivatives worked out by hand, "torch" for torch's own operators.

    Raises:
        ValueError: a number out of range.

    Source: Zhang (2019), "Making convolutional networks shift-invariant again".

    Example:
        >>> import torch
        >>> AntiAliasedPool(3, stride=2)(torch.ones(1, 1, 9))
        tensor([[[1., 1., 1., 1.]]])
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        taps: int = 3,
        *,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, backprop=backprop)
        if taps < 1 or taps % 2 == 0:
            raise ValueError(f"taps must be an odd number of at least 1, so that the blur has a middle; got {taps}.")
        self.taps = taps

    def extra_repr(self) -> str:
        """Return the arguments for printing."""
        return f"{super().extra_repr()}, taps={self.taps}"

    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        maxima = super()._pool(planes, _every_place(window))
        bands, frames, blur = self._blur(window)
        return window_sum(maxima, bands, frames, blur) / window_sum(_ones(maxima), bands, frames, blur)

    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        maxima = super()._pool_torch(planes, _every_place(window))
        bands, frames, blur = self._blur(window)
        with torch.autocast(maxima.device.type, enabled=False):  # it keeps its maps' type
            total = compositions.weighted_sum(maxima.flatten(0, 1), bands, frames, blur)
            inside = compositions.weighted_sum(_ones(maxima), bands, frames, blur)
        return (total / inside).unflatten(0, maxima.shape[:2])

    def _blur(self, window: Window) -> tuple[Sequence[float], Sequence[float], Window]:
        """Return the weights over bands and over frames, and the window they stand in."""
        strides = window[2:4]
        bands, frames = (_binomial(self.taps if stride > 1 else 1) for stride in strides)
        return bands, frames, (len(bands), len(frames), *strides, len(bands) // 2, len(frames) // 2, 1, 1)


def _every_place(window: Window) -> Window:
    return (*window[:2], 1, 1, *window[4:])


def _ones(maps: Tensor) -> Tensor:
    return maps.new_ones((1, *maps.shape[-2:]))


def _binomial(taps: int) -> list[float]:
    return [math.comb(taps - 1, k) / 2 ** (taps - 1) for k in range(taps)]
