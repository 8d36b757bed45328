"""Expanding convolution in both forms, against torch and as the transpose of a convolution."""

from __future__ import annotations

import numpy as np
import pytest
from torch.nn import functional as F

from speechcnn.layers.reference.convolution import conv_backward_input, conv_forward
from speechcnn.layers.reference.expanding import (
    expanding_conv_backward,
    expanding_conv_by_insertion,
    expanding_conv_forward,
    inserted_size,
    pushed_size,
)

# Size, kernel, then stride, padding, dilation, groups.
CASES = [
    ((5,), (3,), 1, 0, 1, 1),
    ((4,), (4,), 2, 1, 1, 2),
    ((4,), (2,), 3, 0, 1, 1),  # gaps that no value reaches
    ((5,), (3,), 4, 3, 2, 4),
    ((3, 4), (2, 3), 2, 0, 1, 1),
    ((3, 2), (3, 2), (1, 3), (2, 0), (2, 1), 2),
]
cases = pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation", "groups"), CASES)


def random_arrays(rng: np.random.Generator, size: tuple, kernel: tuple, groups: int) -> tuple[np.ndarray, ...]:
    return rng.standard_normal((2, 4, *size)), rng.standard_normal((4, 8 // groups, *kernel)), rng.standard_normal(8)


@cases
def test_push_and_derivatives_agree_with_torch(
    size, kernel, stride, padding, dilation, groups, rng, agrees_with_torch
) -> None:
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expand = F.conv_transpose1d if len(size) == 1 else F.conv_transpose2d
    agrees_with_torch(
        expanding_conv_forward,
        expanding_conv_backward,
        lambda y, w, b: expand(y, w, b, **settings),
        *random_arrays(rng, size, kernel, groups),
        **settings,
    )


def test_an_output_size_gives_back_what_padding_cropped(rng, agrees_with_torch) -> None:
    y, w, b = random_arrays(rng, (4, 3), (4, 5), 1)
    settings = {"stride": 3, "padding": 2}
    size = pushed_size((4, 3), (4, 5), **settings)
    agrees_with_torch(
        expanding_conv_forward,
        expanding_conv_backward,
        lambda y, w, b: F.conv_transpose2d(y, w, b, output_padding=(1, 2), **settings),
        *(y, w, b),
        output_size=(size[0] + 1, size[1] + 2),
        **settings,
    )


def test_derivatives_agree_with_finite_differences(rng, agrees_with_differences) -> None:
    y, w, b = rng.standard_normal((1, 2, 3, 2)), rng.standard_normal((2, 1, 2, 3)), rng.standard_normal(1)
    settings = {"stride": 2, "padding": (1, 0), "output_size": (4, 5)}
    agrees_with_differences(expanding_conv_forward, expanding_conv_backward, y, w, b, **settings)


@cases
@pytest.mark.parametrize("longer", [None, -2, 0, 3])
def test_both_forms_are_equal(size, kernel, stride, padding, dilation, groups, longer, rng) -> None:
    arrays = random_arrays(rng, size, kernel, groups)
    goal = None
    if longer is not None:
        goal = tuple(max(1, n + longer) for n in pushed_size(size, kernel, stride, padding, dilation))
    settings = (stride, padding, dilation, groups, goal)
    np.testing.assert_allclose(
        expanding_conv_by_insertion(*arrays, *settings), expanding_conv_forward(*arrays, *settings), atol=1e-12
    )


def test_the_two_size_formulas_differ_by_places_that_see_inserted_zeros_alone(rng) -> None:
    y, w, _ = random_arrays(rng, (5,), (4,), 1)
    short, long = pushed_size((5,), (4,), stride=3), inserted_size((5,), (4,), stride=3)
    assert long[0] - short[0] == 3 - 1
    z = expanding_conv_by_insertion(y, w, stride=3, output_size=long)
    np.testing.assert_allclose(z[..., : short[0]], expanding_conv_forward(y, w, stride=3), atol=1e-12)
    np.testing.assert_array_equal(z[..., short[0] :], 0.0)


def test_expanding_is_the_transpose_of_a_convolution(rng) -> None:
    y, w, _ = random_arrays(rng, (4, 3), (3, 2), 2)
    size = pushed_size((4, 3), (3, 2), stride=2)
    x = rng.standard_normal((2, 8, *size))
    z = expanding_conv_forward(y, w, stride=2, groups=2)
    assert np.sum(x * z) == pytest.approx(np.sum(conv_forward(x, w, stride=2, groups=2) * y), rel=1e-11)
    np.testing.assert_allclose(conv_backward_input(y, w, size, stride=2, groups=2), z, atol=1e-12)
