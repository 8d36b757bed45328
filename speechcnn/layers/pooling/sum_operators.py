"""Weighted sums over windows as an operator of torch, and its adjoint, which spreads a sum over its window.

Both are linear and each is the other's derivative, so derivatives of every order are by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from speechcnn.layers.pooling import compositions, threads
from speechcnn.layers.pooling.operators import array, define, derivable, finished, planes, room
from speechcnn.layers.pooling.windows import pooled

Weights = Sequence[float]


def _run(which: str, arrays: tuple[Any, Any], weights: tuple[Weights, Weights], window: Sequence[int]) -> None:
    from speechcnn.layers.pooling import sum_kernels  # at first use, because it compiles

    kernel, dtype = getattr(sum_kernels, f"{which}_windows"), arrays[0].dtype.type
    typed = (sum_kernels.np.array(own, dtype) for own in weights)
    threads.share(kernel, (*arrays, *typed, tuple(window)), len(arrays[0]), max(one.size for one in arrays))


def _sum(x: Tensor, over_bands: Weights, over_frames: Weights, window: Sequence[int]) -> Tensor:
    maps = planes(x, 2)
    if maps.device.type == "cpu":
        y = room((len(maps), *pooled(maps.shape[1:], window)), maps)
        _run("sum", (array(maps), array(y)), (over_bands, over_frames), window)
    else:
        y = compositions.weighted_sum(maps, over_bands, over_frames, window)
    return finished(y, (*x.shape[:-2], *y.shape[1:]), x.dtype)


def _spread(
    dy: Tensor, sizes: Sequence[int], over_bands: Weights, over_frames: Weights, window: Sequence[int]
) -> Tensor:
    given = planes(dy, 2)
    if given.device.type == "cpu":
        dx = room((len(given), *sizes), given)
        _run("spread", (array(given), array(dx)), (over_bands, over_frames), window)
    else:
        dx = compositions.spread(given, sizes, over_bands, over_frames, window)
    return finished(dx, (*dy.shape[:-2], *sizes), dy.dtype)


_sum_op = define(
    "window_sum",
    "(Tensor x, float[] over_bands, float[] over_frames, int[] window) -> Tensor",
    _sum,
    lambda x, over_bands, over_frames, window: x.new_empty((*x.shape[:-2], *pooled(x.shape[-2:], window))),
)
_spread_op = define(
    "window_spread",
    "(Tensor dy, SymInt[] sizes, float[] over_bands, float[] over_frames, int[] window) -> Tensor",
    _spread,
    lambda dy, sizes, over_bands, over_frames, window: dy.new_empty((*dy.shape[:-2], *sizes)),
)


@_sum_op.register_vmap
def _(info: Any, axes: Any, x: Tensor, *settings: Any) -> Any:
    return _sum_op(x.movedim(axes[0], 0), *settings), 0


@_spread_op.register_vmap
def _(info: Any, axes: Any, dy: Tensor, *settings: Any) -> Any:
    return _spread_op(dy.movedim(axes[0], 0), *settings), 0


def _keep_sizes(ctx: Any, inputs: Any, output: Tensor) -> None:
    ctx.sizes, ctx.settings = inputs[0].shape[-2:], inputs[1:]


def _keep_settings(ctx: Any, inputs: Any, output: Tensor) -> None:
    ctx.settings = inputs[2:]


window_sum: Callable[..., Tensor] = derivable(
    _sum_op, _keep_sizes, lambda ctx, dy: (window_spread(dy, ctx.sizes, *ctx.settings), None, None, None)
)
window_spread: Callable[..., Tensor] = derivable(
    _spread_op, _keep_settings, lambda ctx, dx: (window_sum(dx, *ctx.settings), None, None, None, None)
)
