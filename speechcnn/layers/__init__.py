"""The lecture's layers, with backward passes derived by hand.

    trilinear      the form whose three derivatives are every convolution, forward and backward
    conv           convolution along time, or frequency and time; depthwise-separable
    expanding      expanding (transposed) convolution
    sharing        limited weight sharing: own filters for each section of the frequency axis
    pooling/       maxima, means, norms, soft maxima; heterogeneous and anti-aliased pooling
    upsampling     zeros, straight lines or a spline between samples
    invariant      filters that are looked for in enumerated transforms; `transforms` lists those
    flat           the flat layer and the rectifier
    reference/     all of them as loops in float64, to be read and to judge by
    verify/        `verify_layer`, which holds any layer to loops, finite differences and torch

Every layer takes torch's arguments where torch has the layer, and `backprop="custom" | "torch"`. This package needs
torch and numpy alone; pooling on the CPU compiles its loops with numba at first use.
"""

from speechcnn.layers.conv import (
    Conv1d,
    Conv2d,
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    convolve,
)
from speechcnn.layers.expanding import ExpandingConv1d, ExpandingConv2d
from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.invariant import TransformInvariantConv1d, TransformInvariantConv2d, invariance_error
from speechcnn.layers.pooling import AntiAliasedPool, HeterogeneousPool, LpPool, MaxPool, MeanPool, SoftPool
from speechcnn.layers.sharing import LimitedWeightSharingConv
from speechcnn.layers.upsampling import Upsample, upsample

__all__ = [
    "AntiAliasedPool",
    "Conv1d",
    "Conv2d",
    "DepthwiseSeparableConv1d",
    "DepthwiseSeparableConv2d",
    "ExpandingConv1d",
    "ExpandingConv2d",
    "HeterogeneousPool",
    "LimitedWeightSharingConv",
    "Linear",
    "LpPool",
    "MaxPool",
    "MeanPool",
    "ReLU",
    "SoftPool",
    "TransformInvariantConv1d",
    "TransformInvariantConv2d",
    "Upsample",
    "convolve",
    "invariance_error",
    "upsample",
]
