"""Component-wise activations y = f(z) and their derivatives.

Lecture: "Backpropagating through the activation".
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from speechcnn.layers.reference.scanning import Array

LEAK = 0.01  # slope of the leaky rectifier below zero


def identity(z: float) -> float:
    """f(z) = z."""
    return z


def identity_derivative(z: float) -> float:
    """f'(z) = 1."""
    return 1.0


def relu(z: float) -> float:
    """f(z) = max(z, 0)."""
    return max(z, 0.0)


def relu_derivative(z: float) -> float:
    """f'(z) = 1 above zero, else 0; at zero itself the subgradient 0 is chosen, as torch does."""
    return 1.0 if z > 0 else 0.0


def leaky_relu(z: float) -> float:
    """f(z) = z above zero, else LEAK z."""
    return z if z > 0 else LEAK * z


def leaky_relu_derivative(z: float) -> float:
    """f'(z) = 1 above zero, else LEAK."""
    return 1.0 if z > 0 else LEAK


def sigmoid(z: float) -> float:
    """f(z) = 1 / (1 + exp(-z)), written for either sign so that exp never overflows."""
    return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))


def sigmoid_derivative(z: float) -> float:
    """f'(z) = f(z) (1 - f(z)); 1 - f(z) is f(-z), which keeps its digits where f(z) is near 1."""
    return sigmoid(z) * sigmoid(-z)


def tanh(z: float) -> float:
    """The hyperbolic tangent."""
    return math.tanh(z)


def tanh_derivative(z: float) -> float:
    """f'(z) = 1 - f(z)^2."""
    return 1 - math.tanh(z) ** 2


def softplus(z: float) -> float:
    """f(z) = log(1 + exp(z)), the smooth rectifier."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def softplus_derivative(z: float) -> float:
    """f'(z) = sigmoid(z)."""
    return sigmoid(z)


ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "identity": (identity, identity_derivative),
    "relu": (relu, relu_derivative),
    "leaky_relu": (leaky_relu, leaky_relu_derivative),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "softplus": (softplus, softplus_derivative),
}


def activation_forward(z: Array, name: str = "relu") -> Array:
    """Return y(l, m, x, y) = f(z(l, m, x, y)) at every place.

    Lecture: "Backpropagating through the activation".

    Shape: any -> the same.
    """
    f, _ = ACTIVATIONS[name]
    y = np.zeros_like(z)
    for place in np.ndindex(*z.shape):
        y[place] = f(float(z[place]))
    return y


def activation_backward(dy: Array, z: Array, name: str = "relu") -> tuple[Array]:
    """Return dz = dy f'(z) at every place.

    Lecture: "Backpropagating through the activation". The derivative is taken at z, not at y.

    Shape: any, twice the same -> the same.
    """
    _, derivative = ACTIVATIONS[name]
    dz = np.zeros_like(z)
    for place in np.ndindex(*z.shape):
        dz[place] = dy[place] * derivative(float(z[place]))
    return (dz,)
