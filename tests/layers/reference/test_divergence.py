"""Softmax, cross-entropy and squared distance."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.divergence import (
    l2_backward,
    l2_forward,
    softmax_backward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)

LABELS = np.array([2, 0, 4])


def test_softmax_and_its_jacobian_agree_with_torch(rng, agrees_with_torch) -> None:
    agrees_with_torch(softmax_forward, softmax_backward, lambda z: z.softmax(1), rng.standard_normal((3, 5)))


def test_cross_entropy_agrees_with_torch(rng, agrees_with_torch) -> None:
    def truth(z: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(z, torch.tensor(LABELS), reduction="none")

    z = 3 * rng.standard_normal((3, 5))
    agrees_with_torch(softmax_cross_entropy_forward, softmax_cross_entropy_backward, truth, z, labels=LABELS)


def test_cross_entropy_agrees_with_finite_differences(rng, agrees_with_differences) -> None:
    z = rng.standard_normal((3, 5))
    agrees_with_differences(softmax_cross_entropy_forward, softmax_cross_entropy_backward, z, labels=LABELS)


def test_squared_distance_agrees_with_torch(rng, agrees_with_torch) -> None:
    y, desired = rng.standard_normal((2, 3, 5))
    agrees_with_torch(l2_forward, l2_backward, lambda y, d: 0.5 * ((y - d) ** 2).sum(1), y, desired)


def test_the_short_form_of_softmax_with_cross_entropy_equals_the_full_jacobian(rng) -> None:
    z = rng.standard_normal((3, 5))
    dy = np.zeros_like(z)
    for n, label in enumerate(LABELS):
        dy[n, label] = -1 / softmax_forward(z)[n, label]
    (short,) = softmax_cross_entropy_backward(np.ones(3), z, LABELS)
    np.testing.assert_allclose(softmax_backward(dy, z)[0], short, atol=1e-12)


def test_large_values_do_not_overflow() -> None:
    z = np.array([[1000.0, 0.0, -1000.0]])
    np.testing.assert_allclose(softmax_forward(z), [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(softmax_cross_entropy_forward(z, np.array([1])), [1000.0])
