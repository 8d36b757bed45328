"""What all pooling operators share around their kernels: leading axes, narrow types, derivatives, torch's vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

NARROW = (torch.bfloat16, torch.float16)  # computed in float32, because the compiled kernels lack them


def room(shape: Sequence[int], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return memory for results, taken from numpy; narrow types get float32.

    On Linux numpy asks for large pages where an array is large. Entering fresh small pages costs three quarters of the
    time that filling them takes: 40 ms of processor time for 75 MB instead of 10 ms.
    """
    kind = {torch.int8: np.int8, torch.int32: np.int32, torch.float64: np.float64}.get(dtype or like.dtype, np.float32)
    return torch.from_numpy(np.empty(tuple(shape), kind))


def planes(maps: Tensor, n_axes: int) -> Tensor:
    """Return contiguous maps with all but the last axes made one, in a type that kernels take."""
    if maps.dtype in NARROW:
        maps = room(maps.shape, maps).copy_(maps) if maps.device.type == "cpu" else maps.float()
    return maps.contiguous().flatten(0, -n_axes - 1)


def array(tensor: Tensor) -> Any:
    """Return the tensor's values as a numpy array that shares its memory."""
    return tensor.numpy(force=True)


def finished(result: Tensor, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return an operator's result in its shape and type; not as a view, which torch forbids to change in place."""
    return torch.ops.aten._unsafe_view(result.to(dtype).contiguous(), list(shape))


def at_front(tensor: Tensor, axis: int | None, n: int) -> Tensor:
    """Return a tensor whose mapped axis is the first of its leading axes; one that is not mapped is repeated."""
    return tensor.expand(n, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def define(name: str, schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> Any:
    """Register speechcnn::name with what it computes and with the shapes of what it returns."""
    operator = torch.library.custom_op(f"speechcnn::{name}", function, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    return operator


def derivable(operator: Any, keep: Callable[..., None], back: Callable[..., Any]) -> Callable[..., Any]:
    """Register an operator's derivative and return the operator in a form that torch.func can derive too.

    torch.func does not derive registered operators, and compilers keep them whole but may not follow the function that
    torch.func needs; so each gets the form it takes, over the same two callables.

    Args:
        operator: what `define` returned.
        keep: stores what `back` needs; called as keep(ctx, inputs, output).
        back: returns one derivative for each input; called as back(ctx, *derivatives of the outputs).
    """

    class Derivable(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*inputs: Any) -> Any:
            return operator(*inputs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, inputs, output)

        @staticmethod
        def backward(ctx: Any, *derivatives: Any) -> Any:
            return back(ctx, *derivatives)

    def call(*inputs: Any) -> Any:
        return operator(*inputs) if torch.compiler.is_compiling() else Derivable.apply(*inputs)

    operator.register_autograd(back, setup_context=Derivable.setup_context)
    return call
