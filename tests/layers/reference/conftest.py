"""Three judges for a pair of forward and backward loops: torch, finite differences, and what makes an adjoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

Judge = Callable[..., None]
STEP = 1e-6


def tensors_of(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.tensor(a, requires_grad=True) for a in arrays]


@pytest.fixture
def agrees_with_torch(rng: np.random.Generator) -> Judge:
    """The output, and the derivative for every array, as torch's autograd finds them in float64."""

    def judge(
        forward: Callable, backward: Callable, truth: Callable[..., torch.Tensor], *arrays: np.ndarray, **settings: Any
    ) -> None:
        tensors = tensors_of(list(arrays))
        expected = truth(*tensors)
        result = forward(*arrays, **settings)
        np.testing.assert_allclose(result, expected.detach().numpy(), rtol=1e-11, atol=1e-11)
        dz = rng.standard_normal(result.shape)
        derivatives = torch.autograd.grad(expected, tensors, torch.tensor(dz))
        for found, derivative in zip(backward(dz, *arrays, **settings), derivatives, strict=True):
            np.testing.assert_allclose(found, derivative.numpy(), rtol=1e-10, atol=1e-10)

    return judge


@pytest.fixture
def agrees_with_differences(rng: np.random.Generator) -> Judge:
    """The derivative for every element of every array, as central differences find it."""

    def judge(forward: Callable, backward: Callable, *arrays: np.ndarray, **settings: Any) -> None:
        dz = rng.standard_normal(forward(*arrays, **settings).shape)
        for at, found in enumerate(backward(dz, *arrays, **settings)):
            for place in np.ndindex(*found.shape):
                ends = []
                for step in (STEP, -STEP):
                    moved = [a.copy() for a in arrays]
                    moved[at][place] += step
                    ends.append(np.sum(dz * forward(*moved, **settings)))
                assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * STEP), rel=1e-6, abs=1e-7)

    return judge


@pytest.fixture
def is_adjoint(rng: np.random.Generator) -> Judge:
    """<A x, y> = <x, A' y> for random x and y: what a linear layer's backward pass must be of its forward pass."""

    def judge(forward: Callable, backward: Callable, x: np.ndarray, *arrays: np.ndarray, **settings: Any) -> None:
        image = forward(x, *arrays, **settings)
        y = rng.standard_normal(image.shape)
        assert np.sum(image * y) == pytest.approx(np.sum(x * backward(y, x, *arrays, **settings)[0]), rel=1e-11)

    return judge
