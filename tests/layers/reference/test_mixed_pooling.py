"""Pools of several sizes and anti-aliased pooling, against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.mixed_pooling import (
    anti_aliased_pool_backward,
    anti_aliased_pool_forward,
    blur_backward,
    blur_forward,
    heterogeneous_pool_backward,
    heterogeneous_pool_forward,
)


def partition(x: torch.Tensor, sizes: list[int], shift: int) -> torch.Tensor:
    maps = [F.max_pool2d(x[:, m : m + 1], (sizes[m % len(sizes)], 1), (shift, 1)) for m in range(x.shape[1])]
    return torch.cat([pooled.flatten(1, 2) for pooled in maps], 1)


def replicate(x: torch.Tensor, sizes: list[int], shift: int) -> torch.Tensor:
    return torch.cat([F.max_pool2d(x, (size, 1), (shift, 1)).flatten(1, 2) for size in sizes], 1)


@pytest.mark.parametrize("truth", [partition, replicate])
@pytest.mark.parametrize(("sizes", "shift"), [([1, 2, 3], 1), ([2, 5], 2), ([3], 3), ([4, 1, 2, 6], 2)])
def test_heterogeneous_pool_agrees_with_torch(truth, sizes, shift, rng, agrees_with_torch) -> None:
    settings = {"sizes": sizes, "shift": shift}
    agrees_with_torch(
        heterogeneous_pool_forward,
        heterogeneous_pool_backward,
        lambda x: truth(x, **settings),
        rng.standard_normal((2, 5, 7, 3)),
        assignment=truth.__name__,
        **settings,
    )


def test_heterogeneous_pool_agrees_with_finite_differences(rng, agrees_with_differences) -> None:
    x = rng.standard_normal((1, 3, 5, 2))
    agrees_with_differences(heterogeneous_pool_forward, heterogeneous_pool_backward, x, sizes=[1, 3], shift=1)


def test_an_unknown_assignment_is_refused(rng) -> None:
    with pytest.raises(ValueError, match="'partition' or 'replicate', got 'both'"):
        heterogeneous_pool_forward(rng.standard_normal((1, 1, 2, 1)), [1], 1, assignment="both")


def blurred(x: torch.Tensor, taps: list[float], stride: int) -> torch.Tensor:
    """A depthwise convolution by the outer product of the taps, over that of a map of ones."""
    n = x.dim() - 2
    kernel = torch.tensor(taps, dtype=x.dtype)
    kernel = kernel if n == 1 else torch.outer(kernel, kernel)
    return weighed(x, kernel, stride, len(taps) // 2)


def weighed(x: torch.Tensor, kernel: torch.Tensor, stride, padding) -> torch.Tensor:
    conv = F.conv1d if x.dim() == 3 else F.conv2d
    kernel = kernel.expand(x.shape[1], 1, *kernel.shape)
    scanned, ones = (conv(maps, kernel, None, stride, padding, groups=x.shape[1]) for maps in (x, torch.ones_like(x)))
    return scanned / ones


@pytest.mark.parametrize(("size", "stride"), [((9,), 2), ((10,), 3), ((5, 6), 2)])
@pytest.mark.parametrize("taps", [[1.0], [1.0, 2.0, 1.0], [1.0, 4.0, 6.0, 4.0, 1.0]])
def test_blur_agrees_with_torch(size, stride, taps, rng, agrees_with_torch) -> None:
    settings = {"blur_size": len(taps), "stride": stride}
    x = rng.standard_normal((2, 3, *size))
    agrees_with_torch(blur_forward, blur_backward, lambda x: blurred(x, taps, stride), x, **settings)


@pytest.mark.parametrize(("size", "kernel", "stride"), [((11,), 3, 2), ((6, 7), 2, None)])
def test_anti_aliased_pool_agrees_with_torch(size, kernel, stride, rng, agrees_with_torch) -> None:
    pool = F.max_pool1d if len(size) == 1 else F.max_pool2d
    truth = lambda x: blurred(pool(x, kernel, 1), [1.0, 2.0, 1.0], stride or kernel)  # noqa: E731
    x = rng.standard_normal((2, 3, *size))
    agrees_with_torch(
        anti_aliased_pool_forward, anti_aliased_pool_backward, truth, x, kernel_size=kernel, stride=stride
    )


def test_anti_aliased_pool_blurs_no_axis_that_keeps_its_values(rng, agrees_with_torch) -> None:
    settings = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    pool = {**settings, "stride": 1}
    column = torch.tensor([[1.0, 4.0, 6.0, 4.0, 1.0]], dtype=torch.float64).T
    agrees_with_torch(
        anti_aliased_pool_forward,
        anti_aliased_pool_backward,
        lambda x: weighed(F.max_pool2d(x, **pool), column, (2, 1), (2, 0)),
        rng.standard_normal((2, 3, 7, 6)),
        blur_size=5,
        **settings,
    )


def test_blur_is_linear_and_its_backward_pass_the_adjoint(rng, is_adjoint) -> None:
    is_adjoint(blur_forward, blur_backward, rng.standard_normal((2, 2, 5, 7)), blur_size=3, stride=2)


def test_a_constant_map_stays_constant_up_to_its_edges() -> None:
    np.testing.assert_allclose(anti_aliased_pool_forward(np.full((1, 1, 5, 8), 7.0), 2), 7.0)


def test_a_blur_without_a_middle_is_refused(rng) -> None:
    with pytest.raises(ValueError, match="blur_size must be odd"):
        blur_forward(rng.standard_normal((1, 1, 9)), blur_size=4)
