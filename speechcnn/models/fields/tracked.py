"""A tensor without values that knows what each of its positions sees, and what torch's functions make of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speechcnn.models.fields import spans as arithmetic
from speechcnn.models.fields.spans import Spans


class FieldError(ValueError):
    """An operator whose effect on what is seen is not known; the sentence names it."""


class Tracked(Tensor):
    """A tensor on the meta device with, for each axis of the input, its own axis (None: mixed into others) and spans.

    Axes are counted from the end, -1 being the last, as torch's broadcasting counts.
    """

    seen: dict[int, tuple[int | None, Spans]]

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the function and follow what its result sees."""
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            result = function(*args, **kwargs)
        several = isinstance(result, list | tuple) and any(isinstance(one, Tensor) for one in result)
        if not isinstance(result, Tensor) and not several:
            return result
        name = function.__name__.strip("_")
        if several or name not in RULES:
            raise FieldError(
                f"what torch's {name} makes of a receptive field is not known here; measure the model with `probe`."
            )
        return tracked(result, RULES[name](result, args, kwargs))


Seen = dict[int, tuple[int | None, Spans]]


def tracked(tensor: Tensor, seen: Seen) -> Tracked:
    """Return the tensor with what its positions see."""
    for axis, spans in seen.values():
        if axis is not None and tensor.shape[axis] not in (len(spans), 1):
            raise FieldError(f"an axis of {len(spans)} positions became one of {tensor.shape[axis]}.")
    result = tensor.as_subclass(Tracked)
    result.seen = seen
    return result


def plain(tensor: Tensor) -> Tensor:
    """Return the tensor without what it knows."""
    return tensor.as_subclass(Tensor)


def mixed(seen: Seen, axes: Sequence[int]) -> Seen:
    """Mix these axes of a tensor into others: whoever stood along them is seen by all."""
    return {
        key: (None, arithmetic.together(spans)) if axis in axes else (axis, spans)
        for key, (axis, spans) in seen.items()
    }


def spread(seen: Seen, axes: Sequence[int]) -> Seen:
    """Let each position along these axes see what all see, and keep the axes."""
    return {
        key: (axis, arithmetic.together(spans, len(spans))) if axis in axes else (axis, spans)
        for key, (axis, spans) in seen.items()
    }


def over_all(args: Any) -> Seen:
    """Unite what all tensors among the arguments see, position by position."""
    seen: Seen = {}
    for tensor in tensors(args):
        for key, (axis, spans) in tensor.seen.items():
            seen[key] = (axis, spans) if key not in seen else united(seen[key], (axis, spans))
    return seen


def united(one: tuple[int | None, Spans], other: tuple[int | None, Spans]) -> tuple[int | None, Spans]:
    """Unite what two operands see along one axis of the input."""
    if None in (one[0], other[0]) or one[0] == other[0]:
        return (other[0] if one[0] is None else one[0]), arithmetic.united(one[1], other[1])
    return None, arithmetic.united(arithmetic.together(one[1]), arithmetic.together(other[1]))


def tensors(args: Any) -> list[Tracked]:
    """Return the tracked tensors among arguments, lists included."""
    if isinstance(args, Tracked):
        return [args]
    if isinstance(args, list | tuple):
        return [tensor for one in args for tensor in tensors(one)]
    return []


def from_end(axis: int, n_axes: int) -> int:
    """Return an axis counted from the end."""
    return axis if axis < 0 else axis - n_axes


def named_axes(value: Any, n_axes: int) -> list[int]:
    """Return the axes that an argument names (None: all), counted from the end."""
    if value is None:
        return list(range(-n_axes, 0))
    return [from_end(axis, n_axes) for axis in ([value] if isinstance(value, int) else value)]


def argument(args: Sequence[Any], kwargs: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    """Return an argument that may stand by place or by name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


Rule = Callable[[Tensor, tuple[Any, ...], dict[str, Any]], Seen]


def pointwise(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """Each position sees what the operands' positions see."""
    return over_all([*args, *kwargs.values()])


def reduced(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """A mean, sum or maximum sees all along its axes; the axes after them move."""
    source = args[0]
    axes = named_axes(argument(args, kwargs, 1, "dim"), source.dim())
    if argument(args, kwargs, 2, "keepdim", False):
        return mixed(source.seen, axes)
    return {
        key: (None if axis is None else axis + sum(gone > axis for gone in axes), spans)
        for key, (axis, spans) in mixed(source.seen, axes).items()
    }


def along(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """A softmax sees all along its axis and keeps it."""
    return spread(args[0].seen, named_axes(argument(args, kwargs, 1, "dim", -1), result.dim()))


def permuted(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """Axes change places: a tensor whose axes all differ in size tells which went where."""
    source, function = args[0], kwargs["function"]
    sizes = list(range(2, 2 + source.dim()))
    order = list(function(torch.empty(sizes, device="meta"), *args[1:]).shape)
    return {
        key: (None if axis is None else order.index(sizes[axis]) - len(order), spans)
        for key, (axis, spans) in source.seen.items()
    }


def reshaped(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """An axis that keeps its size beside axes of size 1 is the same axis; merged or divided, it is mixed."""
    source = args[0]
    moved = kept_axes(list(source.shape), list(result.shape))
    lost = [axis for axis in range(-source.dim(), 0) if axis not in moved]
    return {
        key: (None if axis is None else moved.get(axis), spans)
        for key, (axis, spans) in mixed(source.seen, lost).items()
    }


def kept_axes(before: list[int], after: list[int]) -> dict[int, int]:
    """Return where each axis of `before` stands in `after`, for those that were neither merged nor divided."""
    kept, i, j = {}, 0, 0
    while i < len(before) and j < len(after):
        first, second, product, other = i, j, before[i], after[j]
        while product != other:
            if product < other:
                i += 1
                product *= before[i]
            else:
                j += 1
                other *= after[j]
        olds = [axis for axis in range(first, i + 1) if before[axis] > 1]
        news = [axis for axis in range(second, j + 1) if after[axis] > 1]
        if len(olds) == len(news) == 1:
            kept[olds[0] - len(before)] = news[0] - len(after)
        i, j = i + 1, j + 1
    return kept


def indexed(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """A slice or a list keeps its axis, a number takes it away, None puts one in."""
    source, index = args
    items = list(index) if isinstance(index, tuple) else [index]
    lists = sum(isinstance(item, list) for item in items)
    if lists > 1 or not all(item is None or item is Ellipsis or isinstance(item, int | slice | list) for item in items):
        raise FieldError("what an index of tensors or of several lists makes of a receptive field is not known here.")
    if Ellipsis not in items:
        items.append(Ellipsis)
    given = sum(item is not None and item is not Ellipsis for item in items)
    place = items.index(Ellipsis)
    items[place : place + 1] = [slice(None)] * (source.dim() - given)
    return picked(source, items)


def picked(source: Tracked, items: Sequence[Any]) -> Seen:
    """Apply one item for each axis, None standing for new ones."""
    owners = {axis: key for key, (axis, _) in source.seen.items() if axis is not None}
    seen, axis = dict(source.seen), -source.dim()
    kept: list[int | None] = []
    for item in items:
        if item is None:
            kept.append(None)
            continue
        key = owners.get(axis)
        if key is not None:
            spans = source.seen[key][1]
            places = np.arange(len(spans))[item]
            step = item.step or 1 if isinstance(item, slice) else 1
            chosen = arithmetic.gathered(spans, [np.atleast_1d(places)], spans.stride * step)
            seen[key] = (None, chosen)
        if isinstance(item, slice | list):
            kept.append(key)
        axis += 1
    for place, key in enumerate(kept):
        if key is not None:
            seen[key] = (place - len(kept), seen[key][1])
    return seen


def concatenated(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """Maps side by side see what any of them sees; along their own axis they follow one another."""
    parts = list(args[0])
    axis = from_end(argument(args, kwargs, 1, "dim", 0), result.dim())
    seen = over_all([part for part in parts if not any(a == axis for a, _ in getattr(part, "seen", {}).values())])
    for key in {key for part in tensors(parts) for key, (at, _) in part.seen.items() if at == axis}:
        if not all(isinstance(part, Tracked) and part.seen[key][0] == axis for part in parts):
            raise FieldError("maps with and without a receptive field are joined along one axis.")
        rest = over_all(parts)
        seen = {**rest, key: (axis, arithmetic.joined([part.seen[key][1] for part in parts]))}
    return seen


def padded(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """Zeros around the maps see nothing."""
    if argument(args, kwargs, 2, "mode", "constant") != "constant":
        raise FieldError("padding by anything but a constant is not known here.")
    amounts, seen = argument(args, kwargs, 1, "pad"), dict(args[0].seen)
    for key, (axis, spans) in args[0].seen.items():
        if axis is not None and -axis <= len(amounts) // 2:
            before, after = amounts[-2 * axis - 2], amounts[-2 * axis - 1]
            seen[key] = (axis, arithmetic.padded(spans, before, after))
    return seen


def narrowed(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """A part of one axis is a slice of it."""
    source, axis, first, length = args
    items: list[Any] = [slice(None)] * source.dim()
    items[axis] = slice(first, first + length)
    return picked(source, items)


def multiplied(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """A matrix mixes the last axis; two tracked operands mix their last two."""
    if len(tensors(args)) == 1 and isinstance(args[0], Tracked):
        return mixed(args[0].seen, [-1])
    seen = over_all(args)
    return {key: (None, arithmetic.together(spans)) for key, (_, spans) in seen.items()}


def attended(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """Each place sees what all see."""
    return {key: (None, arithmetic.together(spans)) for key, (_, spans) in over_all(args).items()}


ARITHMETIC = ("add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "truediv", "rtruediv", "div", "neg")
POWERS = ("pow", "rpow", "abs", "exp", "log", "log1p", "sqrt", "rsqrt", "square", "sin", "cos")
NONLINEAR = ("sigmoid", "tanh", "relu", "gelu", "silu", "elu", "leaky_relu", "hardtanh", "softplus", "clamp", "dropout")
CHOICES = ("maximum", "minimum", "where", "masked_fill", "lerp")
COPIES = ("to", "float", "double", "half", "contiguous", "clone", "detach", "expand", "expand_as", "type_as")
RULES: dict[str, Rule] = {
    **dict.fromkeys((*ARITHMETIC, *POWERS, *NONLINEAR, *CHOICES, *COPIES), pointwise),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "logsumexp", "prod", "var", "std"), reduced),
    **dict.fromkeys(("softmax", "log_softmax", "cumsum"), along),
    **dict.fromkeys(("flatten", "unflatten", "view", "reshape", "squeeze", "unsqueeze"), reshaped),
    **dict.fromkeys(("linear", "matmul", "rmatmul", "bmm"), multiplied),
    "transpose": lambda result, args, _: permuted(result, args, {"function": torch.transpose}),
    "swapaxes": lambda result, args, _: permuted(result, args, {"function": torch.swapaxes}),
    "permute": lambda result, args, _: permuted(result, args, {"function": Tensor.permute}),
    "movedim": lambda result, args, _: permuted(result, args, {"function": torch.movedim}),
    "getitem": indexed,
    "cat": concatenated,
    "pad": padded,
    "narrow": narrowed,
    "scaled_dot_product_attention": attended,
}
