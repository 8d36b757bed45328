"""How far the network's output is from what was desired: softmax with cross-entropy, and squared distance.

A divergence is one number for each item of the batch, so `ddiv`, the derivative that backward starts from, is [B] too:
ones for a sum over the batch, 1 / B for a mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from speechcnn.layers.reference.scanning import Array


def softmax_forward(z: Array) -> Array:
    """Return y(k) = exp(z(k)) / sum over j of exp(z(j)), the last step of the network.

    The largest z is taken off first: it cancels in the fraction and keeps exp in range. Lecture: "CNN: Forward".

    Shape: [B, K] -> [B, K].
    """
    y = np.zeros_like(z)
    for n in range(len(z)):
        largest = max(z[n])
        total = sum(math.exp(value - largest) for value in z[n])
        for k in range(z.shape[1]):
            y[n, k] = math.exp(z[n, k] - largest) / total
    return y


def softmax_backward(dy: Array, z: Array) -> tuple[Array]:
    """Return dz(k) = sum over j of dy(j) dy(j)/dz(k), for any divergence whose dy is given.

    Every output depends on every input: dy(j)/dz(k) = y(j) ((1 if j = k else 0) - y(k)), the full Jacobian.

    Shape: dy, z [B, K] -> [B, K].
    """
    y, dz = softmax_forward(z), np.zeros_like(z)
    for n in range(len(z)):
        for k in range(z.shape[1]):
            for j in range(z.shape[1]):
                dz[n, k] += dy[n, j] * y[n, j] * ((1.0 if j == k else 0.0) - y[n, k])
    return (dz,)


def softmax_cross_entropy_forward(z: Array, labels: NDArray[np.integer]) -> Array:
    """Return Div = -log y(label), the cross-entropy to a desired output that is 1 at the label and 0 elsewhere.

    Shape: z [B, K], labels [B] -> [B].
    """
    div = np.zeros(len(z))
    for n, label in enumerate(labels):
        largest = max(z[n])
        div[n] = largest + math.log(sum(math.exp(value - largest) for value in z[n])) - z[n, label]
    return div


def softmax_cross_entropy_backward(ddiv: Array, z: Array, labels: NDArray[np.integer]) -> tuple[Array]:
    """Return dz(k) = y(k) - d(k): the Jacobian of softmax and the derivative -d(k) / y(k) cancel to this.

    Shape: ddiv [B], z [B, K], labels [B] -> [B, K].
    """
    y, dz = softmax_forward(z), np.zeros_like(z)
    for n, label in enumerate(labels):
        for k in range(z.shape[1]):
            dz[n, k] = ddiv[n] * (y[n, k] - (1.0 if k == label else 0.0))
    return (dz,)


def l2_forward(y: Array, desired: Array) -> Array:
    """Return Div = 1/2 sum over k of (y(k) - d(k))^2; the half makes the derivative plain.

    Lecture: "Finding Bounding Boxes", whose corners are learned with it.

    Shape: [B, K], [B, K] -> [B].
    """
    div = np.zeros(len(y))
    for n, k in np.ndindex(*y.shape):
        div[n] += 0.5 * (y[n, k] - desired[n, k]) ** 2
    return div


def l2_backward(ddiv: Array, y: Array, desired: Array) -> tuple[Array, Array]:
    """Return the derivatives y(k) - d(k) for the output, and their negatives for what was desired.

    Shape: ddiv [B], y, desired [B, K] -> [B, K], [B, K].
    """
    dy = np.zeros_like(y)
    for n, k in np.ndindex(*y.shape):
        dy[n, k] = ddiv[n] * (y[n, k] - desired[n, k])
    return dy, -dy
