"""The flat layer and the flattening before it."""

from __future__ import annotations

import numpy as np
from torch.nn import functional as F

from speechcnn.layers.reference.flat import flat_backward, flat_forward, flatten_backward, flatten_forward


def test_flat_layer_agrees_with_torch(rng, agrees_with_torch) -> None:
    x, w, b = rng.standard_normal((3, 5)), rng.standard_normal((4, 5)), rng.standard_normal(4)
    agrees_with_torch(flat_forward, flat_backward, F.linear, x, w, b)


def test_flat_layer_agrees_with_finite_differences(rng, agrees_with_differences) -> None:
    x, w, b = rng.standard_normal((2, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
    agrees_with_differences(flat_forward, flat_backward, x, w, b)


def test_flat_layer_needs_no_bias(rng) -> None:
    x, w = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    np.testing.assert_allclose(flat_forward(x, w), x @ w.T)


def test_flattening_agrees_with_torch(rng, agrees_with_torch) -> None:
    agrees_with_torch(flatten_forward, flatten_backward, lambda x: x.flatten(1), rng.standard_normal((2, 3, 4, 5)))
