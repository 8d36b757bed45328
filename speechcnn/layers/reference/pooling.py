"""Pooling: one value for each pool of values, each map on its own ("not combining multiple maps").

A pool is what a scanned window covers: output p pools the inputs q = stride p + dilation k - padding over all taps k.
Padding is not in the pool, save that the mean may count its zeros. The stride is the pool's size unless given.

Every backward pass is an accumulating loop, dy(q) += share(p, q) dz(p), "because adjacent windows may overlap".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from speechcnn.layers.reference.scanning import Array, Place, Size, per_axis, scan_size, taps


def max_pool_forward(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> Array:
    """Keep the largest value of each pool.

    Lecture: "Max Pooling layer at layer l".

    Shape: [B, C, ...] -> [B, C, P...].
    """
    return max_pool_with_places(x, kernel_size, stride, padding, dilation)[0]


def max_pool_with_places(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> tuple[Array, NDArray[np.intp]]:
    """Return the largest value of each pool, and the place it came from (the slides' pidx), one index for each axis.

    Of equal values the first in scanning order is taken, as torch does.

    Shape: [B, C, ...] -> [B, C, P...], [B, C, P..., axes].
    """
    size, kernel = x.shape[2:], per_axis(kernel_size, x.ndim - 2)
    places = scan_size(size, kernel, kernel if stride is None else stride, padding, dilation)
    y = np.full((*x.shape[:2], *places), -np.inf)
    pidx = np.zeros((*y.shape, len(size)), np.intp)
    for p, _, q in taps(size, kernel, kernel if stride is None else stride, padding, dilation):
        for n, m in np.ndindex(*x.shape[:2]):
            if x[n, m, *q] > y[n, m, *p]:
                y[n, m, *p] = x[n, m, *q]
                pidx[n, m, *p] = q
    return y, pidx


def max_pool_backward(
    dz: Array, x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> tuple[Array]:
    """Hand each derivative to the value that was the largest: dy(pidx(p)) += dz(p).

    Lecture: "Derivative of max pooling layer at layer l"; the slide gives dy the size of layer l, while it is the
    derivative for layer l - 1 and has that layer's size. "+=" because a value may be the largest of several pools.

    Shape: dz [B, C, P...], x [B, C, ...] -> [B, C, ...].
    """
    _, pidx = max_pool_with_places(x, kernel_size, stride, padding, dilation)
    dx = np.zeros_like(x)
    for n, m in np.ndindex(*x.shape[:2]):
        for p in np.ndindex(*dz.shape[2:]):
            dx[n, m, *pidx[n, m, *p]] += dz[n, m, *p]
    return (dx,)


def mean_pool_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    count_include_pad: bool = True,
) -> Array:
    """Return the mean of each pool.

    Lecture: "Mean Pooling layer at layer l". With `count_include_pad` the sum is always divided by the number of taps,
    the slides' K^2; without it, by the number of those that do not lie in the padding.

    Shape: [B, C, ...] -> [B, C, P...].
    """
    z = np.zeros((*x.shape[:2], *_places(x, kernel_size, stride, padding, dilation)))
    for p, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        count = _count(x, kernel_size) if count_include_pad else len(pool)
        for n, m in np.ndindex(*x.shape[:2]):
            z[n, m, *p] = sum(x[n, m, *q] for q in pool) / count
    return z


def mean_pool_backward(
    dz: Array,
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    count_include_pad: bool = True,
) -> tuple[Array]:
    """Spread each derivative evenly over its pool: dy(q) += dz(p) / count.

    Lecture: "Derivative of mean pooling layer at layer l". The slide spreads y(l, j, x, y) where the derivative
    dy(l, j, x, y) is meant, names both the map and a tap j, and gives dy the size of layer l instead of l - 1; the
    formula on "Derivative of mean pooling" indexes dy(l, ...) by an input's place k, n, where the pool's i, j is meant.

    Shape: dz [B, C, P...], x [B, C, ...] -> [B, C, ...].
    """
    dx = np.zeros_like(x)
    for p, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        count = _count(x, kernel_size) if count_include_pad else len(pool)
        for n, m in np.ndindex(*x.shape[:2]):
            for q in pool:
                dx[n, m, *q] += dz[n, m, *p] / count
    return (dx,)


def lp_pool_forward(
    x: Array, p: float, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> Array:
    """Return the Lp norm of each pool, (sum of |y(q)|^p)^(1/p): p = 1 sums, a large p nears the maximum.

    Lecture: "Other pooling operators can use regular gradients or subgradients".

    Shape: [B, C, ...] -> [B, C, P...].
    """
    z = np.zeros((*x.shape[:2], *_places(x, kernel_size, stride, padding, dilation)))
    for place, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        for n, m in np.ndindex(*x.shape[:2]):
            z[n, m, *place] = sum(abs(x[n, m, *q]) ** p for q in pool) ** (1 / p)
    return z


def lp_pool_backward(
    dz: Array, x: Array, p: float, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> tuple[Array]:
    """Return dy(q) += dz sign(y(q)) (|y(q)| / z)^(p - 1); where the whole pool is zero, the subgradient zero.

    Shape: dz [B, C, P...], x [B, C, ...] -> [B, C, ...].
    """
    z, dx = lp_pool_forward(x, p, kernel_size, stride, padding, dilation), np.zeros_like(x)
    for place, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        for n, m in np.ndindex(*x.shape[:2]):
            if z[n, m, *place] > 0:
                for q in pool:
                    share = np.sign(x[n, m, *q]) * (abs(x[n, m, *q]) / z[n, m, *place]) ** (p - 1)
                    dx[n, m, *q] += dz[n, m, *place] * share
    return (dx,)


def soft_pool_forward(
    x: Array, a: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> Array:
    """Return the softmax-weighted mean of each pool, z = sum over q of s(q) y(q), s = softmax of a y.

    The sharpness a, one for each map, is learned: 0 gives the mean, a large one nears the maximum, a negative one the
    minimum. Source: McFee, Salamon and Bello (2018), "Adaptive pooling operators for weakly labeled sound event
    detection".

    Shape: x [B, C, ...], a [C] -> [B, C, P...].
    """
    z = np.zeros((*x.shape[:2], *_places(x, kernel_size, stride, padding, dilation)))
    for p, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        for n, m in np.ndindex(*x.shape[:2]):
            values = np.array([x[n, m, *q] for q in pool])
            z[n, m, *p] = sum(soft_weights(values, float(a[m])) * values)
    return z


def soft_pool_backward(
    dz: Array, x: Array, a: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> tuple[Array, Array]:
    """Return the derivatives for the values and for the sharpness.

    A value counts by its weight, and by the weights that it changes: since ds(r)/dy(q) = a s(r) ((1 if r = q else 0) -
    s(q)), dy(q) += dz s(q) (1 + a (y(q) - z)). Likewise ds(q)/da = s(q) (y(q) - z), so that da += dz times the sum
    over q of s(q) y(q) (y(q) - z), the weighted variance.

    Shape: dz [B, C, P...], x [B, C, ...], a [C] -> [B, C, ...], [C].
    """
    dx, da = np.zeros_like(x), np.zeros_like(a)
    for p, pool in pools(x.shape[2:], kernel_size, stride, padding, dilation):
        for n, m in np.ndindex(*x.shape[:2]):
            values = np.array([x[n, m, *q] for q in pool])
            s = soft_weights(values, float(a[m]))
            z = sum(s * values)
            for q, weight, value in zip(pool, s, values, strict=True):
                dx[n, m, *q] += dz[n, m, *p] * weight * (1 + a[m] * (value - z))
                da[m] += dz[n, m, *p] * weight * value * (value - z)
    return dx, da


def soft_weights(values: Array, sharpness: float) -> Array:
    """Return the softmax of sharpness times values.

    Shape: [K] -> [K].
    """
    scaled = sharpness * values
    powers = np.exp(scaled - max(scaled))
    return powers / sum(powers)


def pools(
    size: Place, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
) -> Iterator[tuple[Place, list[Place]]]:
    """Yield every output place with the input places that it pools, in scanning order."""
    kernel = per_axis(kernel_size, len(size))
    pool_of: dict[Place, list[Place]] = {}
    for p, _, q in taps(size, kernel, kernel if stride is None else stride, padding, dilation):
        pool_of.setdefault(p, []).append(q)
    yield from pool_of.items()


def _places(x: Array, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size) -> Place:
    """Return the size of the pooled map."""
    kernel = per_axis(kernel_size, x.ndim - 2)
    return scan_size(x.shape[2:], kernel, kernel if stride is None else stride, padding, dilation)


def _count(x: Array, kernel_size: Size) -> int:
    """Return the number of taps of a pool."""
    return int(np.prod(per_axis(kernel_size, x.ndim - 2)))
