"""Maps made longer by a factor b: zeros, straight lines or natural cubic splines between the values.

Output b i is input i, the b - 1 outputs behind it are filled in, and a map of N values becomes one of b N. Behind the
last value nothing is known: zeros are filled in by zero insertion, its own value by the two interpolations. All three
are linear in the values, so the derivative is the transposed map, written out here as loops of its own.

Lecture: "Synthetically fill in the missing intermediate values of the previous layer".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speechcnn.layers.reference.scanning import Array, Size, per_axis


def insert_zeros_forward(x: Array, factor: Size) -> Array:
    """Fill in zeros: y(b i) = x(i).

    Shape: [B, C, ...] -> [B, C, ...], each axis longer by its factor.
    """
    return _along_each_axis(x, factor, insert_zeros)


def insert_zeros_backward(dy: Array, x: Array, factor: Size) -> tuple[Array]:
    """Drop the derivatives of the zeros filled in: dx(i) = dy(b i).

    Lecture: "Downsample the derivative map by dropping elements corresponding to zeros introduced during upsampling".

    Shape: dy [B, C, ...] -> [B, C, ...], each axis shorter by its factor.
    """
    return (_along_each_axis(dy, factor, insert_zeros_adjoint),)


def interpolate_linear_forward(x: Array, factor: Size) -> Array:
    """Join neighbouring values by straight lines, along one axis after the other.

    Shape: [B, C, ...] -> [B, C, ...], each axis longer by its factor.
    """
    return _along_each_axis(x, factor, linear)


def interpolate_linear_backward(dy: Array, x: Array, factor: Size) -> tuple[Array]:
    """Hand each derivative to the two values that its line joins, in the shares they had.

    Lecture: interpolation "will complicate backprop"; this is how.

    Shape: dy [B, C, ...] -> [B, C, ...], each axis shorter by its factor.
    """
    return (_along_each_axis(dy, factor, linear_adjoint),)


def interpolate_cubic_forward(x: Array, factor: Size) -> Array:
    """Join the values by natural cubic splines, along one axis after the other.

    Shape: [B, C, ...] -> [B, C, ...], each axis longer by its factor.
    """
    return _along_each_axis(x, factor, cubic)


def interpolate_cubic_backward(dy: Array, x: Array, factor: Size) -> tuple[Array]:
    """Return the transposed spline of the derivatives: a value has a share in every output of its axis.

    Shape: dy [B, C, ...] -> [B, C, ...], each axis shorter by its factor.
    """
    return (_along_each_axis(dy, factor, cubic_adjoint),)


def _along_each_axis(maps: Array, factor: Size, change: Callable[[Array, int], Array]) -> Array:
    """Change every line of the maps, along one axis after the other. Axes do not interact, so their order is free."""
    for axis, b in enumerate(per_axis(factor, maps.ndim - 2), start=2):
        lines = np.moveaxis(maps, axis, -1)
        changed = np.zeros((*lines.shape[:-1], len(change(np.zeros(lines.shape[-1]), b))))
        for place in np.ndindex(*lines.shape[:-1]):
            changed[place] = change(lines[place], b)
        maps = np.moveaxis(changed, -1, axis)
    return maps


def insert_zeros(x: Array, b: int) -> Array:
    """Insert b - 1 zeros behind every value.

    The slide puts them "between adjacent elements", which gives (N - 1) b + 1 values, yet "to increase the size of the
    map by b": b - 1 more zeros behind the last value make the two agree, and change no sum over the result.

    Shape: [N] -> [b N].
    """
    y = np.zeros(b * len(x))
    for i in range(len(x)):
        y[b * i] = x[i]
    return y


def insert_zeros_adjoint(dy: Array, b: int) -> Array:
    """Transpose of `insert_zeros`.

    Shape: [b N] -> [N].
    """
    dx = np.zeros(len(dy) // b)
    for i in range(len(dx)):
        dx[i] = dy[b * i]
    return dx


def position(u: int, b: int, n: int) -> tuple[int, int, float]:
    """Return the two values between which output u lies, and how far along it is from the first to the second.

    Behind the last value the position stays there: both are the last value.

    >>> position(5, 4, 3), position(11, 4, 3)
    ((1, 2, 0.25), (2, 2, 0.0))
    """
    i = u // b
    return (i, i + 1, u % b / b) if i < n - 1 else (n - 1, n - 1, 0.0)


def linear(x: Array, b: int) -> Array:
    """Return y(u) = (1 - t) x(i) + t x(i + 1), where u = b (i + t).

    Shape: [N] -> [b N].
    """
    y = np.zeros(b * len(x))
    for u in range(len(y)):
        i, following, t = position(u, b, len(x))
        y[u] = (1 - t) * x[i] + t * x[following]
    return y


def linear_adjoint(dy: Array, b: int) -> Array:
    """Transpose of `linear`: what y(u) took from x(i) with a share, dx(i) takes from dy(u) with the same.

    Shape: [b N] -> [N].
    """
    dx = np.zeros(len(dy) // b)
    for u in range(len(dy)):
        i, following, t = position(u, b, len(dx))
        dx[i] += (1 - t) * dy[u]
        dx[following] += t * dy[u]
    return dx


def cubic(x: Array, b: int) -> Array:
    """Return the natural cubic spline through x.

    Between x(i) and x(i + 1) the spline is the straight line plus a cubic that vanishes at both ends and has there the
    second derivatives m(i) and m(i + 1):

        y = (1 - t) x(i) + t x(i + 1) + bend(1 - t) m(i) + bend(t) m(i + 1),    bend(t) = (t^3 - t) / 6.

    The slopes of neighbouring pieces agree at x(i) where m(i - 1) + 4 m(i) + m(i + 1) = 6 (x(i - 1) - 2 x(i) +
    x(i + 1)); "natural" means m = 0 at both ends. Source: de Boor, A Practical Guide to Splines (1978), chapter IV.

    Shape: [N] -> [b N].
    """
    n = len(x)
    m, y = np.zeros(n), np.zeros(b * n)
    m[1 : n - 1] = solve_tridiagonal(np.array([6 * (x[i - 1] - 2 * x[i] + x[i + 1]) for i in range(1, n - 1)]))
    for u in range(len(y)):
        i, following, t = position(u, b, n)
        y[u] = (1 - t) * x[i] + t * x[following] + bend(1 - t) * m[i] + bend(t) * m[following]
    return y


def cubic_adjoint(dy: Array, b: int) -> Array:
    """Transpose of `cubic`: its steps transposed, and taken in the opposite order.

    The derivatives flow to x directly and to m; those of m pass the tridiagonal system, which is its own transpose,
    and reach x through the second differences.

    Shape: [b N] -> [N].
    """
    n = len(dy) // b
    dx, dm = np.zeros(n), np.zeros(n)
    for u in range(len(dy)):
        i, following, t = position(u, b, n)
        dx[i] += (1 - t) * dy[u]
        dx[following] += t * dy[u]
        dm[i] += bend(1 - t) * dy[u]
        dm[following] += bend(t) * dy[u]
    for i, r in enumerate(solve_tridiagonal(dm[1 : n - 1]), start=1):
        dx[i - 1] += 6 * r
        dx[i] -= 12 * r
        dx[i + 1] += 6 * r
    return dx


def bend(t: float) -> float:
    """Return the cubic that is 0 at both ends, and whose second derivative rises from 0 to 1."""
    return (t**3 - t) / 6


def solve_tridiagonal(r: Array) -> Array:
    """Solve m(i - 1) + 4 m(i) + m(i + 1) = r(i), with m = 0 outside, by elimination downwards and insertion upwards.

    Source: Thomas (1949).

    Shape: [N] -> [N].
    """
    n = len(r)
    after, right = np.zeros(n), np.zeros(n)  # row i is reduced to m(i) + after(i) m(i + 1) = right(i)
    for i in range(n):
        pivot = 4 - (after[i - 1] if i > 0 else 0.0)
        after[i] = 1 / pivot
        right[i] = (r[i] - (right[i - 1] if i > 0 else 0.0)) / pivot
    m = np.zeros(n)
    for i in range(n - 1, -1, -1):
        m[i] = right[i] - (after[i] * m[i + 1] if i < n - 1 else 0.0)
    return m
