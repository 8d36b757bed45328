"""Batch normalisation against torch and finite differences."""

from __future__ import annotations

import pytest
from torch.nn import functional as F

from speechcnn.layers.reference.normalisation import batch_norm_backward, batch_norm_forward


@pytest.mark.parametrize("size", [(), (5,), (3, 4)])
def test_batch_normalisation_agrees_with_torch(size, rng, agrees_with_torch) -> None:
    arrays = [3 + rng.standard_normal((4, 3, *size)), rng.standard_normal(3), rng.standard_normal(3)]
    agrees_with_torch(
        batch_norm_forward,
        batch_norm_backward,
        lambda x, scale, shift: F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-3),
        *arrays,
        epsilon=1e-3,
    )


def test_derivatives_agree_with_finite_differences(rng, agrees_with_differences) -> None:
    arrays = [rng.standard_normal((3, 2, 4)), rng.standard_normal(2), rng.standard_normal(2)]
    agrees_with_differences(batch_norm_forward, batch_norm_backward, *arrays)
