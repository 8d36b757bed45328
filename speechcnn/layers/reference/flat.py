"""The flat layer of an MLP, z = W y + b, and the step from maps to the vector that it takes."""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.scanning import Array


def flat_forward(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return z(j) = sum over i of w(j, i) x(i) + b(j).

    Lecture: "Transposed convolution", where row j of W "pulls" the values of the lower layer.

    Shape: x [B, I], w [O, I], b [O] -> [B, O].
    """
    z = np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for j in range(len(w)):
            z[n, j] = 0.0 if b is None else b[j]
            for i in range(w.shape[1]):
                z[n, j] += w[j, i] * x[n, i]
    return z


def flat_backward(dz: Array, x: Array, w: Array, b: Array | None = None) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given.

    Each product of forward hands dz(j) to both of its factors.
    Lecture: "Regular backprop until the first flat layer".

    Shape: dz [B, O], x [B, I], w [O, I], b [O] -> as x, w, b.
    """
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(len(w))
    for n in range(len(x)):
        for j in range(len(w)):
            db[j] += dz[n, j]
            for i in range(w.shape[1]):
                dx[n, i] += w[j, i] * dz[n, j]
                dw[j, i] += dz[n, j] * x[n, i]
    return (dx, dw) if b is None else (dx, dw, db)


def flatten_forward(x: Array) -> Array:
    """Lay the values of all maps of an item side by side, the last axis running fastest.

    Shape: [B, C, ...] -> [B, C * ...].
    """
    y = np.zeros((len(x), int(np.prod(x.shape[1:]))))
    for n in range(len(x)):
        for i, place in enumerate(np.ndindex(*x.shape[1:])):
            y[n, i] = x[n, *place]
    return y


def flatten_backward(dy: Array, x: Array) -> tuple[Array]:
    """Put each derivative back to the place that its value came from.

    Shape: dy [B, C * ...], x [B, C, ...] -> [B, C, ...].
    """
    dx = np.zeros_like(x)
    for n in range(len(x)):
        for i, place in enumerate(np.ndindex(*x.shape[1:])):
            dx[n, *place] = dy[n, i]
    return (dx,)
