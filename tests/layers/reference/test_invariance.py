"""Transform-invariant convolution against torch, finite differences and what invariance means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.convolution import conv_forward
from speechcnn.layers.reference.invariance import (
    invariant_conv_backward,
    invariant_conv_forward,
    reflection,
    transform_filter,
    transform_filter_backward,
    transformed_conv_backward,
    transformed_conv_forward,
)

POOLS = {"max": lambda maps: maps.amax(2), "mean": lambda maps: maps.mean(2), None: lambda maps: maps}


def pair(pool: str | None):
    """Forward and backward, and the setting that names the pool, if there is one."""
    if pool is None:
        return transformed_conv_forward, transformed_conv_backward, {}
    return invariant_conv_forward, invariant_conv_backward, {"pool": pool}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("size", "kernel", "turned"), [((7,), (3,), (5,)), ((5, 6), (2, 3), (3, 2))])
def test_maps_and_derivatives_agree_with_torch(pool, size, kernel, turned, rng, agrees_with_torch) -> None:
    transforms = [rng.standard_normal((*turned, *kernel)) for _ in range(3)]
    settings = {"stride": 2, "padding": 1, "groups": 2}
    conv = F.conv1d if len(size) == 1 else F.conv2d

    def truth(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        axes = (list(range(2, w.dim())), list(range(w.dim() - 2, 2 * w.dim() - 4)))
        forms = [torch.tensordot(w, torch.tensor(a), axes) for a in transforms]
        return POOLS[pool](torch.stack([conv(x, form, b, **settings) for form in forms], 2))

    x, w, b = rng.standard_normal((2, 4, *size)), rng.standard_normal((6, 2, *kernel)), rng.standard_normal(6)
    forward, backward, word = pair(pool)
    agrees_with_torch(forward, backward, truth, x, w, b, transforms=transforms, **word, **settings)


@pytest.mark.parametrize("pool", POOLS)
def test_derivatives_agree_with_finite_differences(pool, rng, agrees_with_differences) -> None:
    transforms = [rng.standard_normal((2, 2, 2, 2)) for _ in range(2)]
    x, w, b = rng.standard_normal((1, 2, 3, 4)), rng.standard_normal((2, 2, 2, 2)), rng.standard_normal(2)
    forward, backward, word = pair(pool)
    agrees_with_differences(forward, backward, x, w, b, transforms=transforms, **word)


def test_the_way_back_through_a_transform_is_its_adjoint(rng) -> None:
    matrix, w, dturned = (rng.standard_normal(s) for s in [(4, 5, 2, 3), (2, 3, 2, 3), (2, 3, 4, 5)])
    image = np.sum(transform_filter(w, matrix) * dturned)
    assert image == pytest.approx(np.sum(w * transform_filter_backward(dturned, matrix)), rel=1e-11)


def test_a_reflection_reverses_the_filter(rng) -> None:
    w = rng.standard_normal((2, 1, 3, 4))
    np.testing.assert_array_equal(transform_filter(w, reflection((3, 4), axis=1)), w[..., ::-1])
    np.testing.assert_array_equal(transform_filter(w, reflection((3, 4), axis=0)), w[..., ::-1, :])


def test_maps_of_a_reflected_input_are_the_reflected_maps(rng) -> None:
    x, w = rng.standard_normal((1, 2, 6, 7)), rng.standard_normal((3, 2, 2, 3))
    transforms = [np.eye(6).reshape(2, 3, 2, 3), reflection((2, 3), axis=1)]
    maps = invariant_conv_forward(x, w, transforms=transforms)
    reflected = invariant_conv_forward(x[..., ::-1], w, transforms=transforms)
    np.testing.assert_allclose(reflected[..., ::-1], maps, atol=1e-12)
    assert not np.allclose(conv_forward(x[..., ::-1], w)[..., ::-1], conv_forward(x, w))


def test_an_unknown_pool_is_refused(rng) -> None:
    with pytest.raises(ValueError, match="'max' or 'mean', got 'sum'"):
        invariant_conv_forward(np.ones((1, 1, 3)), np.ones((1, 1, 3)), transforms=[np.eye(3)], pool="sum")
