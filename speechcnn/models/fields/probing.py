"""What a net really sees: the NaN probe, and the effective receptive field.

NaN passes through every sum, product and maximum, so an output turns NaN exactly when it reads an input that is NaN:
the net itself says what it sees, weights and rectifiers as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


def probe(
    model: nn.Module, shape: Sequence[int], layer: str | None = None, axis: int = -1, place: int | None = None
) -> tuple[int, int]:
    """Return the first and last input, along one axis, that an output reads; (0, -1) where it reads none.

    All inputs up to a place are made NaN, then all from a place on; halving finds where the output turns NaN. That is
    2 log2(n) runs of the net, which is set to evaluation for them.

    Args:
        model: a net.
        shape: of one input without the batch, [C, F, T] or [C, T].
        layer: the dotted name of the module whose output is meant; by default the model's.
        axis: of the input, -1 for frames and -2 for bands. The output's axis is the same where the output has as many
            axes; where it has fewer, all of the output is meant.
        place: position of the output along that axis; by default the middle.
    """
    inputs = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    n_inputs = shape[axis]

    def reads(first: int, last: int) -> bool:
        spoilt = inputs.clone()
        spoilt.narrow(axis, first, last - first).fill_(torch.nan)
        return bool(at(output(model, spoilt, layer), inputs.dim(), axis, place).isnan().any())

    with evaluation(model), torch.no_grad():
        if not reads(0, n_inputs):
            return 0, -1
        low = least(lambda last: reads(0, last), n_inputs) - 1
        high = n_inputs - least(lambda count: reads(n_inputs - count, n_inputs), n_inputs)
    return low, high


def at(result: Tensor, n_axes: int, axis: int, place: int | None) -> Tensor:
    """Return one position of an output along an axis, or all of it where the axis is gone."""
    if result.dim() != n_axes:
        return result
    return result.select(axis, result.shape[axis] // 2 if place is None else place)


def least(holds: Callable[[int], bool], most: int) -> int:
    """Return the least number from 1 to `most` for which it holds, when it holds for all above."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def output(model: nn.Module, inputs: Tensor, layer: str | None) -> Tensor:
    """Return the output of a model or of one of its layers."""
    if layer is None:
        return model(inputs)
    caught: list[Any] = []
    hook = model.get_submodule(layer).register_forward_hook(lambda _module, _inputs, result: caught.append(result))
    try:
        model(inputs)
    finally:
        hook.remove()
    return caught[-1]


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Set a model to evaluation while this lasts, each of its modules by itself."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@dataclass(frozen=True)
class EffectiveField:
    """How much each input moves an output in the middle, on average; along an axis, how many hold 95 % of it.

    Shape: weights [F, T] or [T], summing to 1.
    """

    weights: Tensor
    bands: int | None
    frames: int


def effective_field(
    model: nn.Module, shape: Sequence[int], layer: str | None = None, n_inputs: int = 16, seed: int = 0
) -> EffectiveField:
    """Return the effective receptive field of the middle of a net's maps: the mean size of derivatives by the input.

    The derivative of all maps at the middle position, weighted at random, is taken for inputs of unit noise.

    Args:
        model: a net; it is set to evaluation and its parameters get no gradients.
        shape: of one input without the batch, [C, F, T] or [C, T].
        layer: the dotted name of the module whose output is meant; by default the model's.
        n_inputs: inputs over which the mean is taken.
        seed: of the inputs and the weights.

    Source: Luo, Li, Urtasun and Zemel (2016), "Understanding the effective receptive field in deep convolutional
    neural networks".
    """
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(tuple(shape[1:]))
    with evaluation(model), torch.enable_grad():
        for _ in range(n_inputs):
            inputs = torch.randn(1, *shape, generator=generator).requires_grad_()
            result = output(model, inputs, layer)
            middle = result
            while middle.dim() > 2:
                middle = middle[..., middle.shape[-1] // 2]
            weighted = (middle * torch.randn(middle.shape, generator=generator)).sum()
            (moved,) = torch.autograd.grad(weighted, inputs)
            total += moved[0].abs().sum(0)
    weights = total / total.sum().clamp(min=torch.finfo(total.dtype).tiny)
    bands = held(weights.sum(-1)) if weights.dim() == 2 else None
    return EffectiveField(weights, bands, held(weights.sum(0) if weights.dim() == 2 else weights))


def held(weights: Tensor, share: float = 0.95) -> int:
    """Return the fewest neighbouring positions that hold a share of all weight.

    Shape: [n].
    """
    sums = torch.cat([weights.new_zeros(1), weights.cumsum(0)])
    for size in range(1, len(weights) + 1):
        if bool((sums[size:] - sums[:-size] >= share * sums[-1] - 1e-9).any()):
            return size
    return len(weights)
