"""Pools of several sizes along frequency, and max pooling that does not alias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np

from speechcnn.layers.reference.pooling import max_pool_backward, max_pool_forward
from speechcnn.layers.reference.scanning import Array, Place, Size, per_axis, scan_size, taps


def heterogeneous_pool_forward(x: Array, sizes: Sequence[int], shift: int, assignment: str = "partition") -> Array:
    """Keep the largest band of pools whose sizes differ from map to map.

    Lecture: the table of phone error rates, row "P=1:m (HP, m=12)". Source: Deng, Abdel-Hamid and Yu (2013), "A deep
    convolutional neural network using heterogeneous pooling for trading acoustic invariance with phonetic confusion".
    The paper can be read in two ways: ``partition`` pools map m with the size sizes[m mod n]; ``replicate`` pools every
    map with every size. The shift is the same for all sizes, and a pool holds whole windows only, so that larger pools
    give fewer bands. These differ in number, so the result is a list of rows, one for each pooled band of each map.

    Shape: [B, C, F, T] -> [B, R, T], in the order of `pooled_rows`.
    """
    rows = list(pooled_rows(x.shape[1], x.shape[2], sizes, shift, assignment))
    y = np.zeros((len(x), len(rows), x.shape[3]))
    for n, t in np.ndindex(len(x), x.shape[3]):
        for r, (m, bands) in enumerate(rows):
            y[n, r, t] = max(x[n, m, f, t] for f in bands)
    return y


def heterogeneous_pool_backward(
    dz: Array, x: Array, sizes: Sequence[int], shift: int, assignment: str = "partition"
) -> tuple[Array]:
    """Hand each row's derivative to the band that was the largest, the first of equal ones, with "+=".

    Shape: dz [B, R, T], x [B, C, F, T] -> [B, C, F, T].
    """
    dx = np.zeros_like(x)
    rows = list(pooled_rows(x.shape[1], x.shape[2], sizes, shift, assignment))
    for n, t in np.ndindex(len(x), x.shape[3]):
        for r, (m, bands) in enumerate(rows):
            largest = max(bands, key=lambda f: x[n, m, f, t])
            dx[n, m, largest, t] += dz[n, r, t]
    return (dx,)


def pooled_rows(
    n_maps: int, n_bands: int, sizes: Sequence[int], shift: int, assignment: str = "partition"
) -> Iterator[tuple[int, range]]:
    """Yield the map and the bands that each row of the result pools.

    >>> [(m, *bands) for m, bands in pooled_rows(2, 3, sizes=[1, 2], shift=1)]
    [(0, 0), (0, 1), (0, 2), (1, 0, 1), (1, 1, 2)]

    Raises:
        ValueError: `assignment` is neither word.
    """
    if assignment not in ("partition", "replicate"):
        raise ValueError(f"assignment must be 'partition' or 'replicate', got {assignment!r}")
    pairs = [(m, sizes[m % len(sizes)]) for m in range(n_maps)]
    if assignment == "replicate":
        pairs = [(m, size) for size in sizes for m in range(n_maps)]
    for m, size in pairs:
        for first in range(0, n_bands - size + 1, shift):
            yield m, range(first, first + size)


def anti_aliased_pool_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    blur_size: int = 3,
) -> Array:
    """Keep the largest value of every window, blur, and only then keep one value in each stride.

    A max pool with a stride is a max pool at every place that is then thinned out, which folds high frequencies into
    low ones unless they are taken away before. An axis with stride 1 loses no values and is not blurred. Source: Zhang
    (2019), "Making convolutional networks shift-invariant again".

    Shape: [B, C, ...] -> [B, C, P...], as `max_pool_forward` would give.
    """
    largest = max_pool_forward(x, kernel_size, 1, padding, dilation)
    return blur_forward(largest, *_blur(x, kernel_size, stride, blur_size))


def anti_aliased_pool_backward(
    dz: Array,
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    blur_size: int = 3,
) -> tuple[Array]:
    """Return the derivative: back through the blur, then to the largest values.

    Shape: dz [B, C, P...], x [B, C, ...] -> [B, C, ...].
    """
    largest = max_pool_forward(x, kernel_size, 1, padding, dilation)
    (dlargest,) = blur_backward(dz, largest, *_blur(x, kernel_size, stride, blur_size))
    return max_pool_backward(dlargest, x, kernel_size, 1, padding, dilation)


def _blur(x: Array, kernel_size: Size, stride: Size | None, blur_size: int) -> tuple[Place, Place]:
    """Return the weights and the stride along each axis."""
    strides = per_axis(kernel_size if stride is None else stride, x.ndim - 2)
    return tuple(blur_size if step > 1 else 1 for step in strides), strides


def blur_forward(x: Array, blur_size: Size, stride: Size = 1) -> Array:
    """Return a weighted mean around every stride-th value, the weights being binomial coefficients (1 2 1, ...).

    At an edge the weights that fall outside are left out and the others divided by their own sum, so that a constant
    map stays constant up to its edges.

    Shape: [B, C, ...] -> [B, C, P...], P = (N - 1) // stride + 1.
    """
    size, kernel = x.shape[2:], per_axis(blur_size, x.ndim - 2)
    z = np.zeros((*x.shape[:2], *scan_size(size, kernel, stride, padding=[k // 2 for k in kernel])))
    for p, q, share in blur_shares(size, blur_size, stride):
        for n, m in np.ndindex(*x.shape[:2]):
            z[n, m, *p] += share * x[n, m, *q]
    return z


def blur_backward(dz: Array, x: Array, blur_size: Size, stride: Size = 1) -> tuple[Array]:
    """Hand each derivative back in the same shares.

    Shape: dz [B, C, P...], x [B, C, ...] -> [B, C, ...].
    """
    dx = np.zeros_like(x)
    for p, q, share in blur_shares(x.shape[2:], blur_size, stride):
        for n, m in np.ndindex(*x.shape[:2]):
            dx[n, m, *q] += share * dz[n, m, *p]
    return (dx,)


def blur_shares(size: Place, blur_size: Size, stride: Size = 1) -> Iterator[tuple[Place, Place, float]]:
    """Yield every output place, every input place in its window, and the share the first takes of the second.

    Raises:
        ValueError: the window has no middle.
    """
    kernel = per_axis(blur_size, len(size))
    if any(k % 2 == 0 for k in kernel):
        raise ValueError(f"blur_size must be odd, so that the window has a middle, got {blur_size}")
    met = [
        (p, q, float(np.prod([comb(n - 1, i) for n, i in zip(kernel, k, strict=True)])))
        for p, k, q in taps(size, kernel, stride, padding=[k // 2 for k in kernel])
    ]
    total: dict[Place, float] = {}
    for p, _, weight in met:
        total[p] = total.get(p, 0.0) + weight
    for p, q, weight in met:
        yield p, q, weight / total[p]
