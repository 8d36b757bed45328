"""Windows over maps: their arguments, how many fit, and what all layers that pool over windows share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor, nn

from speechcnn.layers.maps import Backprop, Size, check_backprop, check_fits, check_maps, per_axis

# (kernel, stride, padding, dilation), each for bands and frames: (kf, kt, sf, st, pf, pt, df, dt).
Window: TypeAlias = tuple[int, int, int, int, int, int, int, int]


def window_of(kernel: Size, stride: Size | None, padding: Size, dilation: Size, n_axes: int) -> Window:
    """Return the window over bands and frames; along one axis alone it is a window over frames of maps with one band.

    Raises:
        ValueError: a number out of range, or padding of more than half the extent, so that a window might be empty.
    """
    kernels = per_axis("kernel_size", kernel, n_axes)
    strides = kernels if stride is None else per_axis("stride", stride, n_axes)
    paddings, dilations = per_axis("padding", padding, n_axes, 0), per_axis("dilation", dilation, n_axes)
    for k, p, d in zip(kernels, paddings, dilations, strict=True):
        if 2 * p > (k - 1) * d + 1:
            raise ValueError(
                f"padding must be at most half of what the kernel covers, {(k - 1) * d + 1}; got {p}. "
                "Otherwise a window could lie wholly outside the map."
            )
    if n_axes == 1:
        return 1, kernels[0], 1, strides[0], 0, paddings[0], 1, dilations[0]
    return (*kernels, *strides, *paddings, *dilations)  # type: ignore[return-value]


def pooled(sizes: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
    """Return how many windows fit along bands and along frames."""
    kernel, stride, padding, dilation = window[:2], window[2:4], window[4:6], window[6:]
    bands, frames = (
        (sizes[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis] + 1
        for axis in (0, 1)
    )
    return bands, frames


class WindowPool(nn.Module, ABC):
    """What pooling over windows needs, whatever is computed in them.

    Args:
        kernel_size: values along each axis of a window; one number makes a square window on 2-D maps.
        stride: values between two windows; by default the kernel's size.
        padding: values added at both ends of each axis.
        dilation: values between two values of a window.
        backprop: "custom" for the derivatives worked out by hand, "torch" for torch's own operators.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        *,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.backprop = backprop
        named = [len(size) for size in (kernel_size, stride, padding, dilation) if isinstance(size, Sequence)]
        ranks = [n for n in (1, 2) if all(n == count for count in named)] or [2]
        self._windows = {n: window_of(kernel_size, stride, padding, dilation, n) for n in ranks}

    def extra_repr(self) -> str:
        """Return the arguments for printing."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, backprop={self.backprop!r}"
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Pool each map over its windows.

        Shape: [B, C, T] -> [B, C, T'], or [B, C, F, T] -> [B, C, F', T'].

        Raises:
            TypeError: the maps hold whole numbers.
            ValueError: another rank, or maps smaller than one window.
        """
        name = type(self).__name__
        check_maps(name, maps, tuple(self._windows))
        n_axes = maps.dim() - 2
        window = self._windows[n_axes]
        self._check_size(name, maps, window, n_axes)
        planes = maps if n_axes == 2 else maps.unsqueeze(2)
        values = self._pool(planes, window) if self.backprop == "custom" else self._pool_torch(planes, window)
        return values if n_axes == 2 else values.squeeze(2)

    def _check_size(self, name: str, maps: Tensor, window: Window, n_axes: int) -> None:
        extent = [(window[axis] - 1) * window[6 + axis] + 1 for axis in (0, 1)]
        check_fits(name, maps, extent[-n_axes:], window[4:6][-n_axes:])
        for axis in range(2 - n_axes, 2):
            size, padding, dilation = maps.shape[axis - 2], window[4 + axis], window[6 + axis]
            if padding and size < dilation:
                raise ValueError(
                    f"{name}: with padding, a map needs at least as many values as the dilation, {dilation}; "
                    f"got {list(maps.shape[2:])}. Otherwise a window could skip the whole map."
                )

    @abstractmethod
    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        """Pool by the derivatives worked out by hand."""

    @abstractmethod
    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        """Pool by torch's own operators."""
