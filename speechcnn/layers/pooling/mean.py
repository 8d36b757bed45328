"""Mean pooling and Lp pooling: sums over windows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.layers.maps import Backprop, Size
from speechcnn.layers.pooling import compositions
from speechcnn.layers.pooling.sum_operators import window_spread, window_sum
from speechcnn.layers.pooling.windows import Window, WindowPool


class MeanPool(WindowPool):
    """The mean of each window, of 1-D and of 2-D maps; padded zeros count as values, as is torch's default.

    Each value of a window receives its share of the derivative, and shares add up where windows overlap.
    Source: lecture, "Mean Pooling layer at layer l" and "Derivative of mean pooling layer at layer l".

    Example:
        >>> import torch
        >>> MeanPool(2)(torch.tensor([[[1.0, 3.0, 5.0, 9.0]]]))
        tensor([[[2., 7.]]])
    """

    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        kf, kt = window[:2]
        return window_sum(planes, [1 / kf] * kf, [1 / kt] * kt, window)

    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        return _torch_mean(planes, window)


class LpPool(WindowPool):
    """The p-norm of each window, (sum |x|^p)^(1/p), of 1-D and of 2-D maps.

    p = 1 sums magnitudes, p = 2 is the root of the energy, and larger p come closer to the largest magnitude. Unlike
    torch's Lp pooling it takes magnitudes, which matters where p is odd and values are negative. Where a norm is zero
    its derivative is taken as zero; for 1 < p < 2, second derivatives at zero values do not exist.

    Args:
        norm_type: p, at least 1.
        kernel_size: values along each axis of a window; one number makes a square window on 2-D maps.
        stride: values between two windows; by default the kernel's size.
        padding: zeros added at both ends of each axis.
        dilation: values between two values of a window.
        backprop: "custom" for the derivatives worked out by hand, "torch" for torch's own operators.

    Raises:
        ValueError: p below 1 or infinite, or another number out of range.
    """

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        *,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, backprop=backprop)
        if not 1 <= norm_type < math.inf:
            raise ValueError(
                f"norm_type must be a number of at least 1; got {norm_type}. Infinity would be MaxPool of magnitudes."
            )
        self.norm_type = float(norm_type)

    def extra_repr(self) -> str:
        """Return the arguments for printing."""
        return f"norm_type={self.norm_type}, {super().extra_repr()}"

    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        return _Norm.apply(planes, self.norm_type, window)

    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        total = _torch_mean(planes.abs() ** self.norm_type, window) * (window[0] * window[1])
        # The root's derivative at zero is infinite, so zeros are kept away from it.
        nothing = total == 0
        return total.masked_fill(nothing, 1).pow(1 / self.norm_type).masked_fill(nothing, 0)


def _torch_mean(planes: Tensor, window: Window) -> Tensor:
    if window[6:] == (1, 1):
        return F.avg_pool2d(planes, window[:2], window[2:4], window[4:6])
    return compositions.unfold(planes, window).mean(-3)


class _Norm(torch.autograd.Function):
    """y = (sum |x|^p)^(1/p) over windows, with dy/dx = (|x| / y)^(p - 1) sign(x), and zero where y is zero."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, p: float, window: Window) -> Tensor:
        ones = ([1.0] * window[0], [1.0] * window[1])
        total = window_sum(x * x if p == 2 else x.abs() if p == 1 else x.abs().pow_(p), *ones, window)
        return total.sqrt() if p == 2 else total.pow(1 / p)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        x, ctx.p, ctx.window = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        (x, y), p, window = ctx.saved_tensors, ctx.p, ctx.window
        nothing = y == 0
        shares = (dy * y.masked_fill(nothing, 1).pow(1 - p)).masked_fill(nothing, 0)
        spread = window_spread(shares, x.shape[-2:], [1.0] * window[0], [1.0] * window[1], window)
        return spread * (x if p == 2 else x.sign() if p == 1 else x.sign() * x.abs().pow(p - 1)), None, None
