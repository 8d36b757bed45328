"""The scan and its derivatives, against torch, finite differences and each other."""

from __future__ import annotations

import numpy as np
import pytest
from torch.nn import functional as F

from speechcnn.layers.reference.convolution import (
    conv_backward,
    conv_backward_input,
    conv_backward_input_by_scan,
    conv_forward,
    transposed_flipped,
)

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
# Size, kernel, then stride, padding, dilation, groups.
CASES = [
    ((9,), (3,), 1, 0, 1, 1),
    ((11,), (3,), 2, 0, 1, 1),  # the last input lies behind the last window
    ((12,), (4,), 3, 2, 2, 2),
    ((8,), (1,), 3, 1, 1, 4),
    ((5, 6), (2, 3), 1, 0, 1, 1),
    ((6, 7), (3, 2), (2, 3), (1, 2), (1, 2), 2),
    ((7, 5), (2, 2), (1, 2), (0, 3), (3, 1), 4),
    ((3, 4, 3), (2, 2, 2), (1, 2, 1), 1, 1, 1),
]
cases = pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation", "groups"), CASES)


def random_arrays(rng: np.random.Generator, size: tuple, kernel: tuple, groups: int) -> tuple[np.ndarray, ...]:
    x, w = rng.standard_normal((2, 4, *size)), rng.standard_normal((8, 4 // groups, *kernel))
    return x, w, rng.standard_normal(8)


@cases
def test_scan_and_derivatives_agree_with_torch(
    size, kernel, stride, padding, dilation, groups, rng, agrees_with_torch
) -> None:
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agrees_with_torch(
        conv_forward,
        conv_backward,
        lambda x, w, b: CONV[len(size)](x, w, b, **settings),
        *random_arrays(rng, size, kernel, groups),
        **settings,
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_scans_agree_with_torch(seed, agrees_with_torch) -> None:
    rng = np.random.default_rng(seed)
    kernel, dilation, groups = rng.integers(1, 4, 2), rng.integers(1, 3, 2), int(rng.choice([1, 2, 4]))
    arrays = random_arrays(rng, tuple(dilation * (kernel - 1) + rng.integers(1, 4, 2)), tuple(kernel), groups)
    settings = {
        "stride": rng.integers(1, 4, 2).tolist(),
        "padding": rng.integers(0, 3, 2).tolist(),
        "dilation": dilation.tolist(),
        "groups": groups,
    }
    agrees_with_torch(conv_forward, conv_backward, lambda x, w, b: F.conv2d(x, w, b, **settings), *arrays, **settings)


def test_derivatives_agree_with_finite_differences(rng, agrees_with_differences) -> None:
    x, w, b = rng.standard_normal((1, 2, 4, 5)), rng.standard_normal((2, 1, 2, 3)), rng.standard_normal(2)
    agrees_with_differences(conv_forward, conv_backward, x, w, b, stride=(1, 2), padding=1, groups=2)


@cases
def test_both_forms_of_the_input_derivative_are_equal(size, kernel, stride, padding, dilation, groups, rng) -> None:
    x, w, _ = random_arrays(rng, size, kernel, groups)
    dz = rng.standard_normal(conv_forward(x, w, None, stride, padding, dilation, groups).shape)
    settings = (size, stride, padding, dilation, groups)
    np.testing.assert_allclose(
        conv_backward_input_by_scan(dz, w, *settings), conv_backward_input(dz, w, *settings), atol=1e-12
    )


def test_input_derivative_is_the_adjoint_of_the_scan(rng, is_adjoint) -> None:
    x, w, _ = random_arrays(rng, (7, 6), (2, 3), 2)
    is_adjoint(conv_forward, conv_backward, x, w, stride=2, padding=1, groups=2)


def test_transposing_and_flipping_twice_gives_the_filter_back(rng) -> None:
    w = rng.standard_normal((4, 3, 2, 5))
    np.testing.assert_array_equal(transposed_flipped(transposed_flipped(w, groups=2), groups=2), w)
    np.testing.assert_array_equal(transposed_flipped(w)[1, 2], w[2, 1, ::-1, ::-1])


def test_a_filter_that_does_not_fit_is_refused(rng) -> None:
    with pytest.raises(ValueError, match=r"does not fit into a map of \(4,\)"):
        conv_forward(rng.standard_normal((1, 1, 4)), rng.standard_normal((1, 1, 3)), dilation=2)


def test_a_batch_without_items_gives_zero_filter_derivatives() -> None:
    dx, dw, db = conv_backward(np.zeros((0, 2, 3)), np.zeros((0, 1, 5)), np.ones((2, 1, 3)), np.ones(2))
    assert (dx.shape, dw.sum(), db.sum()) == ((0, 1, 5), 0, 0)
