"""The second derivatives of the natural cubic spline through all samples of an axis, and their adjoint.

They solve, with m = 0 at the first and the last sample,

    m[i-1] + 4 m[i] + m[i+1] = 6 (x[i-1] - 2 x[i] + x[i+1])        0 < i < N - 1.

On an axis without ends the left side is undone by two first-order filters, one from each direction, whose answers
decay as powers of z = sqrt(3) - 2 (-0.268): 32 terms reach the rounding of float64. The terms are added by doubling,
1 + z, then (1 + z) (1 + z^2), .., so an axis of any length takes the same few passes over memory and no matrix. What
is missing at the ends solves the equation with nothing on the right side, so it is A z^i + B z^(N-1-i), and the two
zeros at the ends give A and B exactly, for short axes too.

Source: Unser, Aldroubi and Eden (1993), "B-spline signal processing", for the factorisation; the ends as above.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ROOT = math.sqrt(3) - 2  # z^2 + 4 z + 1 = 0


def second_derivatives(samples: Tensor, axis: int) -> Tensor:
    """Return m for samples at unit distance along an axis counted from the end; zeros for fewer than three samples."""
    return 6 * solve(second_differences(samples, axis), axis)


def second_derivatives_adjoint(values: Tensor, axis: int) -> Tensor:
    """Return the adjoint of `second_derivatives`; solving is symmetric, so the steps come in the other order."""
    return 6 * second_differences(solve(values, axis), axis)


def second_differences(samples: Tensor, axis: int) -> Tensor:
    """Return x[i-1] - 2 x[i] + x[i+1] with zeros outside the axis."""
    length = samples.shape[axis]
    wide = F.pad(samples, sides(1, 1, axis))
    return (wide.narrow(axis, 0, length) + wide.narrow(axis, 2, length)).sub_(samples, alpha=2)


def solve(values: Tensor, axis: int) -> Tensor:
    """Solve m[i-1] + 4 m[i] + m[i+1] = values[i] between two ends at which m is zero.

    What `values` hold at the ends is left out, as it stands in no equation.
    """
    free = filtered(filtered(ends_to_zero(values, axis), axis, False), axis, True).mul_(-ROOT)
    length = free.shape[axis]
    decay = torch.pow(ROOT, torch.arange(length, dtype=free.dtype, device=free.device))
    far = decay[-1]
    scale = (1 - far * far).clamp_min(0.5)  # only a single sample, which is zero already, comes below
    first, last = free.narrow(axis, 0, 1), free.narrow(axis, length - 1, 1)
    shape = [-1] + [1] * (-axis - 1)
    free = (
        free
        - (first - far * last) / scale * decay.view(shape)
        - (last - far * first) / scale * decay.flip(0).view(shape)
    )
    return ends_to_zero(free, axis)


def ends_to_zero(values: Tensor, axis: int) -> Tensor:
    """Return a copy whose first and last values are zero."""
    values = values.clone()
    values.narrow(axis, 0, 1).zero_()
    values.narrow(axis, values.shape[axis] - 1, 1).zero_()
    return values


def filtered(values: Tensor, axis: int, backwards: bool) -> Tensor:
    """Return sum over n of z^n values[i - n], or of values[i + n] when going backwards, by doubling."""
    length, step = values.shape[axis], 1
    while abs(ROOT) ** step > torch.finfo(values.dtype).eps:
        wide = F.pad(values, sides(0, step, axis) if backwards else sides(step, 0, axis))
        moved = wide.narrow(axis, step if backwards else 0, length)
        values = torch.add(values, moved, alpha=ROOT**step)
        step *= 2
    return values


def sides(before: int, after: int, axis: int) -> list[int]:
    """Return the padding of one axis in torch's order, which starts at the last axis."""
    return [0, 0] * (-axis - 1) + [before, after]


def spline_matrix(length: int, device: torch.device) -> Tensor:
    """Return the matrix that turns samples into second derivatives, by a dense solve in float64.

    Shape: [N, N]; its memory grows with the square of the axis.
    """
    line = torch.eye(length, dtype=torch.float64, device=device)
    system, differences = line.clone(), torch.zeros_like(line)
    inner = torch.arange(length, device=device)[1:-1]
    system[inner, inner - 1], system[inner, inner], system[inner, inner + 1] = 1.0, 4.0, 1.0
    differences[1:-1] = 6 * (line[:-2] - 2 * line[1:-1] + line[2:])
    return torch.linalg.solve(system, differences)
