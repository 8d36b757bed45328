"""The flat layer of a multi-layer perceptron and the rectifier, with the lecture's backward pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from speechcnn.layers.maps import Backprop, autocast, check_backprop, check_types


class Affine(Function):
    """z = W y + b for vectors y; dy = W' dz, dW = dz y', db = dz, summed over all vectors (lecture, "flat" layer)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Shape: y [..., I], weight [J, I], bias [J] -> [..., J]."""
        return F.linear(y, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        """Give each of y, W and b its derivative, if it is asked for."""
        y, weight = ctx.saved_tensors
        needs_y, needs_weight, needs_bias = ctx.needs_input_grad
        rows = dz.reshape(-1, dz.shape[-1])
        return (
            dz @ weight if needs_y else None,
            rows.T @ y.reshape(-1, y.shape[-1]) if needs_weight else None,
            rows.sum(0) if needs_bias else None,
        )


class Rectify(Function):
    """y = max(z, 0); dz = dy where z > 0 (lecture, "Backpropagating through the activation")."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        """Shape: any, kept."""
        return z.clamp(min=0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep the output: it is positive where the input was."""
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        """Let the derivative pass where the value did."""
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(dy, y, 0)


class Linear(nn.Module):
    """Flat layer over the last axis.

    Args:
        in_features: values of a vector below.
        out_features: values of a vector above.
        bias: whether each value above has an offset.
        backprop: whose backward pass runs.

    >>> Linear(40, 183)(torch.zeros(2, 300, 40)).shape
    torch.Size([2, 300, 183])
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, backprop: Backprop = "custom") -> None:
        super().__init__()
        check_backprop(backprop)
        if min(in_features, out_features) < 1:
            raise ValueError(f"in_features and out_features must be at least 1; got {in_features} and {out_features}.")
        self.backprop = backprop
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters as torch's own layer does, in the same order."""
        draw_like_torch(self.weight, self.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Map each vector.

        Shape: [..., I] -> [..., J].

        Raises:
            TypeError, ValueError: vectors of another length or type.
        """
        if not vectors.dim() or vectors.shape[-1] != self.weight.shape[1]:
            raise ValueError(f"Linear takes vectors [..., {self.weight.shape[1]}]; got {list(vectors.shape)}.")
        if self.backprop == "torch":
            return F.linear(vectors, self.weight, self.bias)
        vectors, weight, bias = autocast(vectors, self.weight, self.bias)
        check_types("Linear", vectors, weight)
        return Affine.apply(vectors, weight, bias)

    def extra_repr(self) -> str:
        """Show the settings."""
        j, i = self.weight.shape
        return f"{i}, {j}, bias={self.bias is not None}, backprop={self.backprop}"


class ReLU(nn.Module):
    """The rectifier."""

    def __init__(self, backprop: Backprop = "custom") -> None:
        super().__init__()
        check_backprop(backprop)
        self.backprop = backprop

    def forward(self, values: Tensor) -> Tensor:
        """Keep what is positive.

        Shape: any, kept.
        """
        return Rectify.apply(values) if self.backprop == "custom" else F.relu(values)

    def extra_repr(self) -> str:
        """Show the setting."""
        return f"backprop={self.backprop}"


def draw_like_torch(weight: Tensor, bias: Tensor | None) -> None:
    """Draw weights and offsets evenly within 1 / sqrt(weights of a filter), in the order in which torch draws them."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(weight[0].numel())
        nn.init.uniform_(bias, -bound, bound)
