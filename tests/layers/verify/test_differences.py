from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from speechcnn.layers.verify.differences import apart, derivative, directions

ONE = torch.ones(1, dtype=torch.float64)
NEAR = 3e-4  # a kink that lies within the first step and beyond the smallest


def of_number(function: Callable[[float], float]) -> Callable[[float], torch.Tensor]:
    return lambda t: ONE * function(t)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda t: math.exp(3 * t), 3.0),
        (lambda t: (1 + t) ** 7, 7.0),
        (lambda t: math.sin(20 * t), 20.0),
        (lambda t: max(t, NEAR), 0.0),
        (lambda t: abs(t + NEAR), 1.0),
    ],
)
def test_slopes_known_in_closed_form(function: Callable[[float], float], slope: float) -> None:
    assert derivative(of_number(function), ONE, 1e-9) == pytest.approx(slope, abs=1e-9 * max(1, slope))


@pytest.mark.parametrize("function", [lambda t: float(t > 0), lambda t: max(2 * t, -1e-6)])
def test_a_kink_or_jump_at_the_point_has_no_slope(function: Callable[[float], float]) -> None:
    assert derivative(of_number(function), ONE, 1e-9) is None


def test_small_tensors_are_tried_element_by_element_and_large_ones_along_unit_vectors() -> None:
    rng = np.random.default_rng(0)
    each = torch.stack(list(directions(torch.zeros(2, 3, dtype=torch.float64), rng, most=6)))
    torch.testing.assert_close(each.reshape(6, 6), torch.eye(6, dtype=torch.float64))
    some = torch.stack(list(directions(torch.zeros(2, 4, dtype=torch.float64), rng, most=6)))
    assert some.shape == (6, 2, 4)
    torch.testing.assert_close(some.square().sum((1, 2)), torch.ones(6, dtype=torch.float64))
    assert torch.linalg.matrix_rank(some.reshape(6, 8)) == 6


@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3, 8), (0, 3)])
def test_drawn_values_are_far_from_one_another_and_from_zero(shape: tuple[int, ...]) -> None:
    values = apart(np.random.default_rng(3), shape)
    assert values.shape == shape
    spacing = 4 / max(values.numel(), 1)
    ordered = values.flatten().sort().values
    assert (ordered.diff() > 0.75 * spacing).all()
    assert (values.abs() > 0.1 * spacing).all()
    assert (values.abs() <= 2).all()
