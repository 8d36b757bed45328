"""Up-sampling against scipy's splines, numpy's interpolation and the adjoint rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from speechcnn.layers.reference.upsampling import (
    insert_zeros_backward,
    insert_zeros_forward,
    interpolate_cubic_backward,
    interpolate_cubic_forward,
    interpolate_linear_backward,
    interpolate_linear_forward,
)

PAIRS = {
    "zeros": (insert_zeros_forward, insert_zeros_backward),
    "linear": (interpolate_linear_forward, interpolate_linear_backward),
    "cubic": (interpolate_cubic_forward, interpolate_cubic_backward),
}
modes = pytest.mark.parametrize("mode", PAIRS)
shapes = pytest.mark.parametrize(
    ("size", "factor"), [((1,), 3), ((2,), 4), ((3,), 2), ((9,), 1), ((8,), 5), ((4, 5), 2), ((3, 6), (1, 3))]
)


def positions(n: int, factor: int) -> np.ndarray:
    """Where each output lies among the n inputs; behind the last one it stays there."""
    return np.minimum(np.arange(n * factor) / factor, n - 1)


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [2, 3, 4, 9, 30])
def test_cubic_agrees_with_scipy(n, factor, rng) -> None:
    x = rng.standard_normal((2, 3, n))
    expected = CubicSpline(np.arange(n), x, axis=2, bc_type="natural")(positions(n, factor))
    np.testing.assert_allclose(interpolate_cubic_forward(x, factor), expected, atol=1e-12)


def test_cubic_along_two_axes_agrees_with_scipy(rng) -> None:
    x = rng.standard_normal((1, 2, 4, 6))
    expected = CubicSpline(np.arange(4), x, axis=2, bc_type="natural")(positions(4, 3))
    expected = CubicSpline(np.arange(6), expected, axis=3, bc_type="natural")(positions(6, 2))
    np.testing.assert_allclose(interpolate_cubic_forward(x, (3, 2)), expected, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_linear_agrees_with_numpy(n, factor, rng) -> None:
    x = rng.standard_normal(n)
    expected = np.interp(positions(n, factor), np.arange(n), x)
    np.testing.assert_allclose(interpolate_linear_forward(x[None, None], factor)[0, 0], expected, atol=1e-12)


def test_zeros_stand_behind_every_value() -> None:
    x = np.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(insert_zeros_forward(x, 3), [[[1.0, 0, 0, 2, 0, 0, 3, 0, 0]]])


@modes
@shapes
def test_every_mode_keeps_the_inputs_and_has_the_length_asked(mode, size, factor, rng) -> None:
    x = rng.standard_normal((2, 3, *size))
    y = PAIRS[mode][0](x, factor)
    steps = (factor,) * len(size) if isinstance(factor, int) else factor
    assert y.shape[2:] == tuple(n * b for n, b in zip(size, steps, strict=True))
    np.testing.assert_allclose(y[(..., *(slice(None, None, b) for b in steps))], x, atol=1e-12)


@modes
@shapes
def test_backward_is_the_adjoint(mode, size, factor, rng, is_adjoint) -> None:
    is_adjoint(*PAIRS[mode], rng.standard_normal((2, 3, *size)), factor=factor)


@modes
def test_a_batch_without_items_stays_without(mode) -> None:
    forward, backward = PAIRS[mode]
    x = np.zeros((0, 3, 4, 5))
    assert forward(x, (1, 3)).shape == (0, 3, 4, 15)
    assert backward(forward(x, (1, 3)), x, (1, 3))[0].shape == x.shape


@modes
def test_backward_agrees_with_finite_differences(mode, rng, agrees_with_differences) -> None:
    agrees_with_differences(*PAIRS[mode], rng.standard_normal((1, 2, 3, 4)), factor=(3, 2))
