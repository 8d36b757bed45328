"""What a unit looks for: the unit is set to 1, and the input is learnt by backpropagation.

Source: lecture, receptive fields ("We estimate it by setting the output of the neuron to 1, and learning the input by
backpropagation"); Erhan, Bengio, Courville and Vincent (2009), "Visualizing higher-layer features of a deep network".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechcnn.models.fields.probing import evaluation, output


@dataclass(frozen=True)
class LearntInput:
    """An input learnt for a unit.

    Shape: features [C, F, T].
    """

    features: Tensor
    value: float  # of the unit for this input; the nearer to the goal, the more was learnt
    course: tuple[float, ...]  # the unit's value before each step


def learn_input(
    model: nn.Module,
    shape: Sequence[int],
    unit: int,
    layer: str | None = None,
    place: Sequence[int] | None = None,
    *,
    goal: float = 1.0,
    steps: int = 200,
    rate: float = 0.1,
    decay: float = 0.01,
    start: float = 0.01,
    seed: int = 0,
) -> LearntInput:
    """Learn an input for which a unit's output is 1.

    Each step goes down the derivative as far as would remove a share of the error if the net were a straight line
    there (a damped Gauss-Newton step), and draws the input back to zero a little. For one filter that gives the
    filter itself, up to its size.

    Args:
        model: a net; it is set to evaluation, and its parameters stay.
        shape: of the input without the batch, [C, F, T].
        unit: class of the scores, or channel of a layer's maps.
        layer: the dotted name of the module that holds the unit; by default the model's scores are meant.
        place: position of the unit in the maps; by default the middle.
        goal: what the unit's output is to be.
        steps: of learning.
        rate: share of the error that a step is to remove; also the most by which it changes a value, on average.
        decay: share of the input that each step takes away, times `rate`.
        start: deviation of the noise that the input starts from.
        seed: of that noise.

    Raises:
        ValueError: no such unit, or no steps.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}.")
    drawn = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed))
    device = next(model.parameters()).device
    features = (start * drawn).to(device)
    values: list[float] = []
    with evaluation(model), torch.enable_grad():
        for _ in range(steps + 1):
            inputs = features.requires_grad_()
            value = unit_of(output(model, inputs, layer), unit, place)
            (slope,) = torch.autograd.grad(value, inputs)
            values.append(float(value.detach()))
            if len(values) <= steps:
                features = features.detach() * (1 - rate * decay) + step_along(slope, goal - values[-1], rate)
    return LearntInput(features.detach()[0], values[-1], tuple(values[:-1]))


def step_along(slope: Tensor, error: float, rate: float) -> Tensor:
    """Return the step along a slope that removes a share of an error, cut to a mean size of at most that share."""
    tiny = torch.finfo(slope.dtype).tiny
    step = rate * error * slope / slope.square().sum().clamp(min=tiny)
    size = step.square().mean().sqrt()
    return step * (rate / size.clamp(min=rate))


def unit_of(result: Tensor, unit: int, place: Sequence[int] | None) -> Tensor:
    """Return the value of one unit of an output [1, K] or [1, C, F, T]."""
    if not 0 <= unit < result.shape[1]:
        raise ValueError(f"unit must be from 0 to {result.shape[1] - 1}; got {unit}.")
    if place is not None and len(place) != result.dim() - 2:
        raise ValueError(f"place must name one position for each of the axes {list(result.shape[2:])}; got {place}.")
    where = [size // 2 for size in result.shape[2:]] if place is None else list(place)
    if any(not 0 <= position < size for position, size in zip(where, result.shape[2:], strict=True)):
        raise ValueError(f"place must lie in maps of {list(result.shape[2:])}; got {where}.")
    value = result[0, unit]
    for position in where:
        value = value[position]
    return value
