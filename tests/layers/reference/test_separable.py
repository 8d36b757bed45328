"""Depthwise-separable convolution against torch, and its count of parameters."""

from __future__ import annotations

import pytest
from torch import nn
from torch.nn import functional as F

from speechcnn.layers.reference.separable import (
    conventional_parameters,
    depthwise_parameters,
    separable_conv_backward,
    separable_conv_forward,
)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"), [((9,), (3,), 2, 1, 2), ((5, 6), (2, 3), (1, 2), 1, 1)]
)
def test_separable_convolution_agrees_with_torch(
    size, kernel, stride, padding, dilation, rng, agrees_with_torch
) -> None:
    conv = F.conv1d if len(size) == 1 else F.conv2d

    def truth(x, depth, point, b):
        scanned = conv(x, depth.unsqueeze(1), None, stride, padding, dilation, groups=3)
        return conv(scanned, point.view(*point.shape, *[1] * len(size)), b)

    x, depth = rng.standard_normal((2, 3, *size)), rng.standard_normal((3, *kernel))
    point, b = rng.standard_normal((4, 3)), rng.standard_normal(4)
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    agrees_with_torch(separable_conv_forward, separable_conv_backward, truth, x, depth, point, b, **settings)


def test_derivatives_agree_with_finite_differences(rng, agrees_with_differences) -> None:
    arrays = [rng.standard_normal(s) for s in [(1, 2, 4, 4), (2, 2, 3), (3, 2), (3,)]]
    agrees_with_differences(separable_conv_forward, separable_conv_backward, *arrays, stride=2, padding=1)


def test_counts_of_parameters_are_those_of_torch() -> None:
    conventional = nn.Conv2d(6, 10, (3, 5), bias=False)
    depthwise = nn.Sequential(nn.Conv2d(6, 6, (3, 5), groups=6, bias=False), nn.Conv2d(6, 10, 1, bias=False))
    assert conventional_parameters(6, 10, (3, 5)) == sum(p.numel() for p in conventional.parameters())
    assert depthwise_parameters(6, 10, (3, 5)) == sum(p.numel() for p in depthwise.parameters())
