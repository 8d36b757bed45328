"""Derivatives by finite differences, accurate enough to be the truth to 1e-9, and honest where there is none.

A difference of fourth order, D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, errs by h^4 f'''''/30: at h = 1e-3
that is below the rounding of float64. At a kink (two values of a max-pooling window nearly tie) it errs by as much as
the slopes differ, which shows in that D(h) and D(h/2) disagree; then the step is made smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

STEPS = (2e-3, 2e-4, 2e-5)
PROBES = 8  # directions tried for each tensor


def derivative(function: Callable[[float], Tensor], weights: Tensor, tolerance: float) -> float | None:
    """Return d/dt <weights, function(t)> at t = 0, or None where the slope changes within the smallest step."""
    for step in STEPS:
        coarse, fine = estimates(function, weights, step)
        if abs(coarse - fine) <= tolerance / 4 * max(1.0, abs(fine)):
            return fine
    return None


def estimates(function: Callable[[float], Tensor], weights: Tensor, step: float) -> tuple[float, float]:
    """Return the differences of fourth order D(step) and D(step / 2).

    The outputs are subtracted before they are weighted, so that those which do not depend on t cancel exactly.
    """
    half, one, two = ((weights * (function(t) - function(-t))).sum().item() for t in (step / 2, step, 2 * step))
    return (8 * one - two) / (12 * step), (8 * half - one) / (6 * step)


def directions(like: Tensor, rng: np.random.Generator, most: int = PROBES) -> Iterator[Tensor]:
    """Yield each element's own direction when there are at most `most`, else as many random ones of length 1.

    An error in a single element shows in every random direction.
    """
    if like.numel() <= most:
        yield from torch.eye(like.numel(), dtype=like.dtype, device=like.device).reshape(-1, *like.shape)
        return
    for _ in range(most):
        direction = normal(rng, like.shape, like)
        yield direction / direction.norm()


def normal(rng: np.random.Generator, shape: Sequence[int], like: Tensor) -> Tensor:
    """Return normally distributed numbers of the type and on the device of `like`."""
    return torch.from_numpy(rng.standard_normal(tuple(shape))).to(like)


def apart(rng: np.random.Generator, shape: Sequence[int]) -> Tensor:
    """Return values from -2 to 2 in random order, no two of them and none of them and 0 nearly equal.

    So the maximum of any window, the sign of any value and their gradients are not in doubt.
    """
    n = int(np.prod(shape))
    places = rng.permutation(n) + 0.25 + rng.uniform(-0.1, 0.1, n)
    return torch.from_numpy((4 * places / max(n, 1) - 2).reshape(tuple(shape)))
