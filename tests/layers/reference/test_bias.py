"""Layers that may have a bias give its derivative when they do, and leave it out when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from speechcnn.layers.reference.convolution import conv_backward, conv_forward
from speechcnn.layers.reference.expanding import expanding_conv_backward, expanding_conv_forward
from speechcnn.layers.reference.flat import flat_backward, flat_forward
from speechcnn.layers.reference.invariance import invariant_conv_backward, invariant_conv_forward
from speechcnn.layers.reference.separable import separable_conv_backward, separable_conv_forward
from speechcnn.layers.reference.sharing import limited_sharing_backward, limited_sharing_forward

# Forward, backward, the shapes of what is given, the bias last, and settings.
LAYERS = {
    "flat": (flat_forward, flat_backward, [(2, 3), (4, 3), (4,)], {}),
    "conv": (conv_forward, conv_backward, [(2, 3, 5), (4, 3, 2), (4,)], {}),
    "expanding": (expanding_conv_forward, expanding_conv_backward, [(2, 3, 4), (3, 4, 2), (4,)], {"stride": 2}),
    "invariant": (
        invariant_conv_forward,
        invariant_conv_backward,
        [(2, 3, 5), (4, 3, 2), (4,)],
        {"transforms": [np.eye(2), np.eye(2)[::-1]]},
    ),
    "separable": (separable_conv_forward, separable_conv_backward, [(2, 3, 5), (3, 2), (4, 3), (4,)], {}),
    "sharing": (
        limited_sharing_forward,
        limited_sharing_backward,
        [(1, 2, 6, 3), (2, 3, 2, 2, 2), (2, 3)],
        {"width": 4, "shift": 2},
    ),
}


@pytest.mark.parametrize(("forward", "backward", "shapes", "settings"), LAYERS.values(), ids=LAYERS)
def test_without_a_bias_a_layer_is_the_same_with_a_bias_of_zero(forward, backward, shapes, settings, rng) -> None:
    given, zero = [rng.standard_normal(shape) for shape in shapes[:-1]], np.zeros(shapes[-1])
    plain = forward(*given, **settings)
    np.testing.assert_array_equal(plain, forward(*given, zero, **settings))
    without, with_bias = backward(plain, *given, **settings), backward(plain, *given, zero, **settings)
    assert with_bias[-1].shape == zero.shape
    for one, other in zip(without, with_bias[:-1], strict=True):
        np.testing.assert_array_equal(one, other)
