"""Softmax-weighted pooling with a learned sharpness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speechcnn.layers.maps import Backprop, Size, check_maps
from speechcnn.layers.pooling import compositions, threads
from speechcnn.layers.pooling.operators import array, at_front, define, derivable, finished, planes, room
from speechcnn.layers.pooling.windows import Window, WindowPool, pooled


class SoftPool(WindowPool):
    """The mean of each window weighted by softmax(a x), where each map learns its sharpness a.

    Sharpness 0 is mean pooling, and the larger it grows the closer it comes to max pooling; negative sharpness tends to
    the minimum. Padded places belong to no window.

        y = sum p_j x_j,  p = softmax(a x),  dy/dx_j = p_j (1 + a (x_j - y)),  dy/da = sum p_j x_j (x_j - y)

    Args:
        channels: maps of the input, each with a sharpness of its own.
        kernel_size: values along each axis of a window; one number makes a square window on 2-D maps.
        stride: values between two windows; by default the kernel's size.
        padding: places added at both ends of each axis.
        dilation: values between two values of a window.
        sharpness: what every map's sharpness starts from.
        backprop: "custom" for the derivatives worked out by hand, "torch" for torch's own operators.

    Raises:
        ValueError: a number out of range.

    Source: McFee, Salamon and Bello (2018), "Adaptive pooling operators for weakly labeled sound event detection";
    Stergiou, Poppe and Kalliatakis (2021), "Refining activation downsampling with SoftPool" (there a = 1).

    Example:
        >>> import torch
        >>> SoftPool(1, 2, sharpness=0)(torch.tensor([[[1.0, 3.0, 5.0, 9.0]]])).tolist()
        [[[2.0, 7.0]]]
    """

    def __init__(
        self,
        channels: int,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        sharpness: float = 1.0,
        *,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, backprop=backprop)
        if channels < 1:
            raise ValueError(f"channels must be at least 1; got {channels}.")
        self.sharpness = nn.Parameter(torch.full((channels,), float(sharpness)))

    def extra_repr(self) -> str:
        """Return the arguments for printing."""
        return f"{len(self.sharpness)}, {super().extra_repr()}"

    def forward(self, maps: Tensor) -> Tensor:
        """Pool each map over its windows.

        Shape: [B, C, T] -> [B, C, T'], or [B, C, F, T] -> [B, C, F', T'].

        Raises:
            TypeError: the maps hold whole numbers.
            ValueError: another rank or number of channels, or maps smaller than one window.
        """
        check_maps("SoftPool", maps, tuple(self._windows), len(self.sharpness))
        return super().forward(maps)

    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        return soft_pool(planes, self.sharpness.expand(planes.shape[:2]), window)[0]

    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        return compositions.soft(planes, self.sharpness.to(planes.dtype).expand(planes.shape[:2]), window)[0]


def _run(which: str, arrays: tuple[Any, ...], maps: Tensor, window: Sequence[int]) -> None:
    from speechcnn.layers.pooling import soft_kernels  # at first use, because it compiles

    threads.share(getattr(soft_kernels, which), (*arrays, tuple(window)), len(maps), maps.numel())


def _soft(x: Tensor, sharpness: Tensor, window: Sequence[int]) -> tuple[Tensor, Tensor]:
    maps = planes(x, 2)
    a = sharpness.to(maps.dtype).flatten().contiguous()
    if maps.device.type == "cpu":
        y, log_sum = (room((len(maps), *pooled(maps.shape[1:], window)), maps) for _ in range(2))
        _run("soft_windows", tuple(map(array, (maps, a, y, log_sum))), maps, window)
    else:
        y, log_sum = compositions.soft(maps, a, window)
    shape = (*x.shape[:-2], *y.shape[1:])
    return finished(y, shape, x.dtype), finished(log_sum, shape, log_sum.dtype)


def _give_soft(
    dy: Tensor, x: Tensor, sharpness: Tensor, y: Tensor, log_sum: Tensor, window: Sequence[int], for_maps: bool
) -> tuple[Tensor, Tensor]:
    """Return the derivatives for the maps, without values unless `for_maps`, and for the sharpness."""
    maps, shape = planes(x, 2), _shape_of_dx(x, for_maps)
    a = sharpness.to(maps.dtype).flatten().contiguous()
    if maps.device.type == "cpu":
        dx, da = room((len(maps), *shape[-2:]), maps), room(a.shape, a)
        given = (planes(dy, 2), maps, a, planes(y, 2), planes(log_sum, 2), dx, da)
        _run("give_soft", tuple(map(array, given)), maps, window)
    else:
        dx, da = compositions.give_soft(planes(dy, 2), maps, a, window)
        dx = dx[:, : shape[-2], : shape[-1]]
    return finished(dx, shape, x.dtype), finished(da, sharpness.shape, sharpness.dtype)


def _shape_of_dx(x: Tensor, for_maps: bool) -> tuple[int, ...]:
    return tuple(x.shape) if for_maps else (*x.shape[:-2], 0, 0)


def _soft_shapes(x: Tensor, sharpness: Tensor, window: Sequence[int]) -> tuple[Tensor, Tensor]:
    y = x.new_empty((*x.shape[:-2], *pooled(x.shape[-2:], window)))
    return y, torch.empty_like(y, dtype=torch.promote_types(x.dtype, torch.float32))


_soft_op = define("soft_pool", "(Tensor x, Tensor sharpness, int[] window) -> (Tensor, Tensor)", _soft, _soft_shapes)
_give_op = define(
    "soft_give",
    "(Tensor dy, Tensor x, Tensor sharpness, Tensor y, Tensor log_sum, int[] window, bool for_maps)"
    " -> (Tensor, Tensor)",
    _give_soft,
    lambda dy, x, sharpness, y, log_sum, window, for_maps: (
        x.new_empty(_shape_of_dx(x, for_maps)), sharpness.new_empty(sharpness.shape),
    ),
)  # fmt: skip


@_soft_op.register_vmap
def _(info: Any, axes: Any, x: Tensor, sharpness: Tensor, window: Sequence[int]) -> Any:
    n = info.batch_size
    return _soft_op(at_front(x, axes[0], n), at_front(sharpness, axes[1], n), window), (0, 0)


@_give_op.register_vmap
def _(info: Any, axes: Any, *inputs: Any) -> Any:
    mapped = (at_front(one, axis, info.batch_size) for one, axis in zip(inputs[:-2], axes, strict=False))
    return _give_op(*mapped, *inputs[-2:]), (0, 0)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    x, sharpness, ctx.window = inputs
    ctx.save_for_backward(x, sharpness, *output)
    ctx.mark_non_differentiable(output[1])


def _back(ctx: Any, dy: Tensor, _: Any) -> tuple[Tensor | None, Tensor | None, None]:
    """Derive by the kernel; where the derivative shall be derived again, by the same formula in torch's operators."""
    x, sharpness, y, log_sum = ctx.saved_tensors
    for_maps, for_sharpness = ctx.needs_input_grad[:2]
    if torch.is_grad_enabled():
        wide = sharpness.to(x.dtype)
        dx, da = compositions.give_soft(dy, x, wide, ctx.window)
        return dx if for_maps else None, da.to(sharpness.dtype) if for_sharpness else None, None
    dx, da = _give_op(dy, x, sharpness, y, log_sum, ctx.window, for_maps)
    return dx if for_maps else None, da if for_sharpness else None, None


soft_pool = derivable(_soft_op, _keep, _back)
