"""Batch normalisation: each map is brought to mean 0 and variance 1 over the batch, then scaled and shifted.

Lecture: "Training Issues" names it; the formulas are those of Ioffe and Szegedy (2015), section 3.
"""

from __future__ import annotations

import math

import numpy as np

from speechcnn.layers.reference.scanning import Array


def batch_norm_forward(x: Array, scale: Array, shift: Array, epsilon: float = 1e-5) -> Array:
    """Return y = scale u + shift, u = (x - mean) / sqrt(variance + epsilon), over batch and places of each map.

    Shape: x [B, C, ...], scale, shift [C] -> [B, C, ...].
    """
    y = np.zeros_like(x)
    for m in range(x.shape[1]):
        mean, variance = moments(x[:, m])
        for n, *p in np.ndindex(len(x), *x.shape[2:]):
            u = (x[n, m, *p] - mean) / math.sqrt(variance + epsilon)
            y[n, m, *p] = scale[m] * u + shift[m]
    return y


def batch_norm_backward(
    dz: Array, x: Array, scale: Array, shift: Array, epsilon: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Return the derivatives for x, scale and shift.

    A value acts in three ways: by itself, through the mean and through the variance, with M values in all:

        du(i) = scale dz(i)
        dvariance = -1/2 (variance + epsilon)^(-3/2) sum of du(i) (x(i) - mean)
        dmean = -(variance + epsilon)^(-1/2) sum of du(i)
        dx(i) = du(i) (variance + epsilon)^(-1/2) + dvariance 2 (x(i) - mean) / M + dmean / M.

    The variance also depends on the mean, but with the derivative -2 / M times the sum of (x(i) - mean), which is zero.

    Shape: dz, x [B, C, ...], scale, shift [C] -> [B, C, ...], [C], [C].
    """
    dx, dscale, dshift = np.zeros_like(x), np.zeros_like(scale), np.zeros_like(shift)
    for m in range(x.shape[1]):
        mean, variance = moments(x[:, m])
        deviation, count = math.sqrt(variance + epsilon), x[:, m].size
        dmean = dvariance = 0.0
        for n, *p in np.ndindex(len(x), *x.shape[2:]):
            difference = x[n, m, *p] - mean
            dscale[m] += dz[n, m, *p] * difference / deviation
            dshift[m] += dz[n, m, *p]
            dvariance -= 0.5 * scale[m] * dz[n, m, *p] * difference / deviation**3
            dmean -= scale[m] * dz[n, m, *p] / deviation
        for n, *p in np.ndindex(len(x), *x.shape[2:]):
            through_moments = (2 * dvariance * (x[n, m, *p] - mean) + dmean) / count
            dx[n, m, *p] = scale[m] * dz[n, m, *p] / deviation + through_moments
    return dx, dscale, dshift


def moments(values: Array) -> tuple[float, float]:
    """Return the mean, and the variance as the mean of squared differences from it.

    Shape: any -> two numbers.
    """
    mean = sum(values.flat) / values.size
    return mean, sum((value - mean) ** 2 for value in values.flat) / values.size
