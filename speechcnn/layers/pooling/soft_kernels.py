"""Softmax-weighted pooling compiled: forward, and the derivatives for the maps and for the sharpness.

`window` and the maps first..last-1 are as in `max_kernels`; padded values belong to no window.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
Window = tuple[int, int, int, int, int, int, int, int]


@njit(cache=True, nogil=True)
def _inside(i: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> range:
    """Return the places along one axis that belong to its window i."""
    start = i * stride - padding
    low = max(0, -(start // dilation))
    high = min(kernel, (size - 1 - start) // dilation + 1)
    return range(start + low * dilation, start + high * dilation, dilation)


@njit(cache=True, nogil=True)
def soft_windows(x: Array, sharpness: Array, y: Array, log_sum: Array, window: Window, first: int, last: int) -> None:
    """Shape: x [M, F, T]; sharpness [M] -> y, log_sum [M, F', T']; log_sum is log sum exp(sharpness x)."""
    kf, kt, sf, st, pf, pt, df, dt = window
    for m in range(first, last):
        for i in range(y.shape[1]):
            bands = _inside(i, x.shape[1], kf, sf, pf, df)
            for j in range(y.shape[2]):
                frames = _inside(j, x.shape[2], kt, st, pt, dt)
                most = -math.inf
                for f in bands:
                    for t in frames:
                        most = max(most, sharpness[m] * x[m, f, t])
                weights = total = x.dtype.type(0)
                for f in bands:
                    for t in frames:
                        weight = math.exp(x.dtype.type(sharpness[m] * x[m, f, t] - most))
                        weights += weight
                        total += weight * x[m, f, t]
                y[m, i, j] = total / weights
                log_sum[m, i, j] = most + math.log(weights)


@njit(cache=True, nogil=True)
def give_soft(
    dy: Array, x: Array, sharpness: Array, y: Array, log_sum: Array, dx: Array, da: Array, window: Window,
    first: int, last: int,
) -> None:  # fmt: skip
    """dx_j += dy p_j (1 + a (x_j - y)), da += dy sum p_j x_j (x_j - y) with p_j = exp(a x_j - log_sum).

    Shape: dy, y, log_sum [M, F', T']; x [M, F, T]; sharpness [M] -> dx [M, F, T] or [M, 0, 0] if not wanted, da [M].
    """
    kf, kt, sf, st, pf, pt, df, dt = window
    for m in range(first, last):
        dx[m] = 0
        slope, a = 0.0, sharpness[m]
        for i in range(y.shape[1]):
            bands = _inside(i, x.shape[1], kf, sf, pf, df)
            for j in range(y.shape[2]):
                for f in bands:
                    for t in _inside(j, x.shape[2], kt, st, pt, dt):
                        value, above = x[m, f, t], x[m, f, t] - y[m, i, j]
                        share = dy[m, i, j] * math.exp(a * value - log_sum[m, i, j])
                        if dx.size:
                            dx[m, f, t] += share * (1 + a * above)
                        slope += share * value * above
        da[m] = slope
