"""Max pooling as operators of torch, with the lecture's pair of adjoints: y = x[P] and dx[P] += dy.

There are two families. `max_pool`, `pool_take`, `pool_give` pool all maps over the same windows; `max_rows`,
`rows_take`, `rows_give` pool each map along bands at sizes of its own and write the rows of all maps below one another.
In both, the first finds y and P, the second takes x[P] and the third gives dy back. Take and give are linear and each
is the other's derivative, so derivatives of every order are by hand.

P holds offsets inside the windows: one byte each where a window has at most 127 values, four otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from speechcnn.layers.pooling.operators import array, at_front, define, derivable, finished, planes, room


@dataclass(frozen=True)
class Family:
    """What differs between the two families; `plan` is the list of whole numbers that describes the pooling."""

    names: tuple[str, str, str]
    n_axes: int  # trailing axes of the maps that belong together: [F, T] or [C, F, T]; always two of the output
    pooled: Callable[[Sequence[int], Sequence[int]], tuple[int, ...]]  # (trailing sizes, plan) -> those of the output
    largest: Callable[[Sequence[int]], int]  # plan -> values in the largest window
    run: Callable[[str, tuple[Any, Any, Any], Sequence[int]], None]  # (which, arrays, plan): calls a compiled kernel
    find: Callable[..., tuple[Tensor, Tensor]]  # the three as compositions for other devices
    take: Callable[..., Tensor]
    give: Callable[..., Tensor]

    def offsets_dtype(self, plan: Sequence[int]) -> torch.dtype:
        """Return the narrowest type that holds every offset."""
        return torch.int8 if self.largest(plan) <= 127 else torch.int32

    def compute_find(self, x: Tensor, plan: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return y and P."""
        maps, dtype = planes(x, self.n_axes), self.offsets_dtype(plan)
        if maps.device.type == "cpu":
            shape = (len(maps), *self.pooled(maps.shape[1:], plan))
            y, offsets = room(shape, maps), room(shape, maps, dtype)
            self.run("max", (array(maps), array(y), array(offsets)), plan)
        else:
            y, offsets = self.find(maps, plan, dtype)
        shape = (*x.shape[: -self.n_axes], *y.shape[1:])
        return finished(y, shape, x.dtype), finished(offsets, shape, dtype)

    def compute_take(self, x: Tensor, offsets: Tensor, plan: Sequence[int]) -> Tensor:
        """Return x[P]."""
        maps, places = planes(x, self.n_axes), planes(offsets, 2)
        if maps.device.type == "cpu":
            y = room(places.shape, maps)
            self.run("take", (array(maps), array(places), array(y)), plan)
        else:
            y = self.take(maps, places, plan)
        return finished(y, offsets.shape, x.dtype)

    def compute_give(self, dy: Tensor, offsets: Tensor, sizes: Sequence[int], plan: Sequence[int]) -> Tensor:
        """Return dx after dx[P] += dy."""
        given, places = planes(dy, 2), planes(offsets, 2)
        if given.device.type == "cpu":
            dx = room((len(given), *sizes), given)
            self.run("give", (array(given), array(places), array(dx)), plan)
        else:
            dx = self.give(given, places, sizes, plan)
        return finished(dx, (*dy.shape[:-2], *sizes), dy.dtype)

    def shape_find(self, x: Tensor, plan: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return y and P without values, for compilers."""
        shape = (*x.shape[: -self.n_axes], *self.pooled(x.shape[-self.n_axes :], plan))
        return x.new_empty(shape), x.new_empty(shape, dtype=self.offsets_dtype(plan))


def register(family: Family) -> tuple[Any, Any, Any]:
    """Register the three operators of a family, their shapes, derivatives and rules for vmap."""
    n_axes, names = family.n_axes, family.names
    schema = "(Tensor x, int[] plan) -> (Tensor, Tensor)"
    find_op = define(names[0], schema, family.compute_find, family.shape_find)
    schema = "(Tensor x, Tensor offsets, int[] plan) -> Tensor"
    take_op = define(names[1], schema, family.compute_take, lambda x, offsets, plan: x.new_empty(offsets.shape))
    schema = "(Tensor dy, Tensor offsets, SymInt[] sizes, int[] plan) -> Tensor"
    give_op = define(
        names[2], schema, family.compute_give,
        lambda dy, offsets, sizes, plan: dy.new_empty((*dy.shape[:-2], *sizes)),
    )  # fmt: skip
    _register_vmap(find_op, take_op, give_op)

    def keep(ctx: Any, x: Tensor, offsets: Tensor, plan: Sequence[int]) -> None:
        ctx.save_for_backward(offsets)
        ctx.sizes, ctx.plan = x.shape[-n_axes:], plan

    def back(ctx: Any, dy: Tensor) -> Tensor:
        return give(dy, *ctx.saved_tensors, ctx.sizes, ctx.plan)

    def keep_found(ctx: Any, inputs: Any, output: Any) -> None:
        keep(ctx, inputs[0], output[1], inputs[1])
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # or torch fills a map of zeros as the derivative of P

    find = derivable(
        find_op,
        keep_found,
        lambda ctx, dy, _: (None if dy is None else back(ctx, dy), None),
    )
    take = derivable(
        take_op,
        lambda ctx, inputs, output: keep(ctx, *inputs),
        lambda ctx, dy: (back(ctx, dy), None, None),
    )
    give = derivable(
        give_op,
        lambda ctx, inputs, output: keep(ctx, output, inputs[1], inputs[3]),
        lambda ctx, dx: (take(dx, *ctx.saved_tensors, ctx.plan), None, None, None),
    )
    return find, take, give


def _register_vmap(find: Any, take: Any, give: Any) -> None:
    """The mapped axis becomes one more leading axis, of which the operators take any number."""

    @find.register_vmap
    def _(info: Any, axes: Any, x: Tensor, plan: Sequence[int]) -> Any:
        return find(x.movedim(axes[0], 0), plan), (0, 0)

    @take.register_vmap
    def _(info: Any, axes: Any, x: Tensor, offsets: Tensor, plan: Sequence[int]) -> Any:
        n = info.batch_size
        return take(at_front(x, axes[0], n), at_front(offsets, axes[1], n), plan), 0

    @give.register_vmap
    def _(info: Any, axes: Any, dy: Tensor, offsets: Tensor, sizes: Sequence[int], plan: Sequence[int]) -> Any:
        n = info.batch_size
        return give(at_front(dy, axes[0], n), at_front(offsets, axes[1], n), sizes, plan), 0
