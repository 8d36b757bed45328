"""Depthwise-separable convolution: one plane scans each map, then each output weighs the scanned maps.

A conventional filter scans every map with a plane of its own and adds up: N filters of M planes, N M K^2 parameters.
Here the M planes are scanned once for all, and the sum becomes a weighted sum: M K^2 + N M.
"""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.scanning import Array, Place, Size, scan_size, taps


def conventional_parameters(n_in: int, n_out: int, kernel: Place) -> int:
    """Return N M K^2. Lecture: "Conventional vs. depth-wise convolution".

    >>> conventional_parameters(64, 128, (3, 3)), depthwise_parameters(64, 128, (3, 3))
    (73728, 8768)
    """
    return n_out * n_in * int(np.prod(kernel))


def depthwise_parameters(n_in: int, n_out: int, kernel: Place) -> int:
    """Return N M + M K^2, as on the same slide."""
    return n_out * n_in + n_in * int(np.prod(kernel))


def separable_conv_forward(
    x: Array,
    depth: Array,
    point: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Array:
    """Scan each map, y(m, p) += depth(m, k) x(m, q), then weigh: z(n, p) = sum over m of point(n, m) y(m, p) + b(n).

    Lecture: "Depth-wise convolution".

    Shape: x [B, M, ...], depth [M, K...], point [N, M], b [N] -> [B, N, P...].
    """
    y = _scan_each(x, depth, stride, padding, dilation)
    z = np.zeros((len(x), len(point), *y.shape[2:]))
    for s, n in np.ndindex(len(x), len(point)):
        for p in np.ndindex(*y.shape[2:]):
            z[s, n, *p] = 0.0 if b is None else b[n]
            for m in range(x.shape[1]):
                z[s, n, *p] += point[n, m] * y[s, m, *p]
    return z


def separable_conv_backward(
    dz: Array,
    x: Array,
    depth: Array,
    point: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> tuple[Array, ...]:
    """Return the derivatives for x, depth, point and b, if it is given.

    The way back is through the weighted sum first, then through the scan.

    Shape: dz [B, N, P...], x [B, M, ...], depth [M, K...], point [N, M], b [N] -> as x, depth, point, b.
    """
    y = _scan_each(x, depth, stride, padding, dilation)
    dy, dpoint, db = np.zeros_like(y), np.zeros_like(point), np.zeros(len(point))
    for s, n in np.ndindex(len(x), len(point)):
        for p in np.ndindex(*y.shape[2:]):
            db[n] += dz[s, n, *p]
            for m in range(x.shape[1]):
                dy[s, m, *p] += point[n, m] * dz[s, n, *p]
                dpoint[n, m] += dz[s, n, *p] * y[s, m, *p]
    dx, ddepth = np.zeros_like(x), np.zeros_like(depth)
    for p, k, q in taps(x.shape[2:], depth.shape[1:], stride, padding, dilation):
        for s, m in np.ndindex(*x.shape[:2]):
            dx[s, m, *q] += depth[m, *k] * dy[s, m, *p]
            ddepth[m, *k] += dy[s, m, *p] * x[s, m, *q]
    return (dx, ddepth, dpoint) if b is None else (dx, ddepth, dpoint, db)


def _scan_each(x: Array, depth: Array, stride: Size, padding: Size, dilation: Size) -> Array:
    """Scan each map by its own plane: as many maps come out as went in."""
    size, kernel = x.shape[2:], depth.shape[1:]
    y = np.zeros((*x.shape[:2], *scan_size(size, kernel, stride, padding, dilation)))
    for p, k, q in taps(size, kernel, stride, padding, dilation):
        for s, m in np.ndindex(*x.shape[:2]):
            y[s, m, *p] += depth[m, *k] * x[s, m, *q]
    return y
