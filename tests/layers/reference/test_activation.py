"""Activations against torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.activation import ACTIVATIONS, activation_backward, activation_forward

TRUTHS = {
    "identity": torch.clone,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_derivative_agree_with_torch(name, rng, agrees_with_torch) -> None:
    z = 3 * rng.standard_normal((2, 3, 7))
    agrees_with_torch(activation_forward, activation_backward, TRUTHS[name], z, name=name)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_agrees_with_finite_differences(name, rng, agrees_with_differences) -> None:
    agrees_with_differences(activation_forward, activation_backward, rng.standard_normal((2, 9)), name=name)


def test_the_rectifier_has_the_subgradient_zero_at_zero() -> None:
    z = np.zeros((1, 1))
    assert activation_backward(np.ones((1, 1)), z, name="relu")[0] == 0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_finite_far_out(name) -> None:
    z = np.array([-800.0, 800.0])
    assert np.isfinite(activation_forward(z, name)).all()
    assert np.isfinite(activation_backward(np.ones(2), z, name)[0]).all()
