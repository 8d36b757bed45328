"""Pooling against torch, finite differences and hand-worked pools."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.pooling import (
    lp_pool_backward,
    lp_pool_forward,
    max_pool_backward,
    max_pool_forward,
    max_pool_with_places,
    mean_pool_backward,
    mean_pool_forward,
    soft_pool_backward,
    soft_pool_forward,
)

CASES = [
    ((9,), {"kernel_size": 3}),
    ((10,), {"kernel_size": 4, "stride": 2, "padding": 1}),
    ((12,), {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 3}),
    ((6, 7), {"kernel_size": (2, 3)}),
    ((7, 8), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
]
cases = pytest.mark.parametrize(("size", "scan"), CASES)


def windows(x: torch.Tensor, kernel_size, stride=None, padding=0, dilation=1) -> torch.Tensor:
    """All pools of the maps as torch's padding and unfolding make them: [B, C, P..., K]."""
    n = x.dim() - 2
    kernel, pads, gaps = ((v,) * n if isinstance(v, int) else v for v in (kernel_size, padding, dilation))
    steps = kernel if stride is None else (stride,) * n if isinstance(stride, int) else stride
    x = F.pad(x, [p for p in reversed(pads) for _ in range(2)])
    for axis in range(n):
        x = x.unfold(2 + axis, gaps[axis] * (kernel[axis] - 1) + 1, steps[axis])[..., :: gaps[axis]]
    return x.flatten(2 + n)


def in_map(x: torch.Tensor, **scan) -> torch.Tensor:
    """Which places of the pools do not lie in the padding."""
    return windows(torch.ones_like(x), **scan) > 0


@cases
def test_max_pool_agrees_with_torch(size, scan, rng, agrees_with_torch) -> None:
    pool = F.max_pool1d if len(size) == 1 else F.max_pool2d
    x = rng.standard_normal((2, 3, *size))
    agrees_with_torch(max_pool_forward, max_pool_backward, lambda x: pool(x, **scan), x, **scan)


@cases
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_mean_pool_agrees_with_torch(size, scan, count_include_pad, rng, agrees_with_torch) -> None:
    def truth(x: torch.Tensor) -> torch.Tensor:
        pools, inside = windows(x, **scan), in_map(x, **scan)
        return pools.mean(-1) if count_include_pad else pools.sum(-1) / inside.sum(-1)

    x = rng.standard_normal((2, 3, *size))
    settings = {**scan, "count_include_pad": count_include_pad}
    agrees_with_torch(mean_pool_forward, mean_pool_backward, truth, x, **settings)


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_mean_pool_is_torch_avg_pool(count_include_pad, rng) -> None:
    x, settings = rng.standard_normal((2, 3, 7, 8)), {"count_include_pad": count_include_pad}
    expected = F.avg_pool2d(torch.tensor(x), (3, 4), stride=2, padding=(1, 2), **settings)
    np.testing.assert_allclose(mean_pool_forward(x, (3, 4), 2, (1, 2), **settings), expected, rtol=1e-12)


@cases
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_lp_pool_agrees_with_torch(size, scan, p, rng, agrees_with_torch) -> None:
    x = rng.standard_normal((2, 3, *size))
    agrees_with_torch(
        lp_pool_forward, lp_pool_backward, lambda x: torch.linalg.vector_norm(windows(x, **scan), p, -1), x, p=p, **scan
    )


def test_lp_pool_of_positive_values_is_torch_lp_pool(rng) -> None:
    x = np.abs(rng.standard_normal((2, 3, 9)))
    expected = F.lp_pool1d(torch.tensor(x), 3.0, 4, stride=2)
    np.testing.assert_allclose(lp_pool_forward(x, 3.0, 4, stride=2), expected, rtol=1e-12)


@cases
def test_soft_pool_agrees_with_torch(size, scan, rng, agrees_with_torch) -> None:
    def truth(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        pools = windows(x, **scan)
        scores = a.view(-1, *[1] * len(size), 1) * pools
        return (scores.where(in_map(x, **scan), -torch.inf).softmax(-1) * pools).sum(-1)

    x, a = rng.standard_normal((2, 3, *size)), np.array([0.0, 2.0, -3.0])
    agrees_with_torch(soft_pool_forward, soft_pool_backward, truth, x, a, **scan)


def test_soft_pool_agrees_with_finite_differences(rng, agrees_with_differences) -> None:
    x, a = rng.standard_normal((2, 2, 4, 5)), np.array([0.7, -1.5])
    agrees_with_differences(soft_pool_forward, soft_pool_backward, x, a, kernel_size=(2, 3), stride=1)


@pytest.mark.parametrize(
    ("forward", "backward", "settings"),
    [
        (max_pool_forward, max_pool_backward, {}),
        (mean_pool_forward, mean_pool_backward, {}),
        (lp_pool_forward, lp_pool_backward, {"p": 2.5}),
    ],
)
def test_pools_agree_with_finite_differences(forward, backward, settings, rng, agrees_with_differences) -> None:
    x = rng.standard_normal((1, 2, 4, 6))
    agrees_with_differences(forward, backward, x, kernel_size=(2, 3), stride=(1, 2), padding=(1, 0), **settings)


def test_soft_pool_goes_from_the_mean_to_the_largest(rng) -> None:
    x = rng.standard_normal((1, 2, 8))
    mean, largest = mean_pool_forward(x, 4), max_pool_forward(x, 4)
    np.testing.assert_allclose(soft_pool_forward(x, np.zeros(2), 4), mean)
    np.testing.assert_allclose(soft_pool_forward(x, np.full(2, 1e4), 4), largest)


def test_a_value_that_is_the_largest_of_two_pools_collects_from_both() -> None:
    x = np.array([[[0.0, 5.0, 1.0]]])
    (dx,) = max_pool_backward(np.array([[[10.0, 20.0]]]), x, kernel_size=2, stride=1)
    np.testing.assert_array_equal(dx, [[[0.0, 30.0, 0.0]]])


def test_of_equal_values_the_first_is_the_largest() -> None:
    _, pidx = max_pool_with_places(np.ones((1, 1, 2, 2)), kernel_size=2)
    np.testing.assert_array_equal(pidx[0, 0, 0, 0], [0, 0])


def test_a_pool_of_zeros_has_the_subgradient_zero() -> None:
    (dx,) = lp_pool_backward(np.ones((1, 1, 1)), np.zeros((1, 1, 3)), p=2.0, kernel_size=3)
    np.testing.assert_array_equal(dx, 0.0)
