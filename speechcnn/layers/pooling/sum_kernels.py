"""Weighted sums over windows compiled, and their adjoint, which spreads each sum's derivative over its window.

The weights are a product of one factor for each band and one for each frame of the window, so that both axes are summed
one after the other. `window` and the maps first..last-1 are as in `max_kernels`; padded values count as zeros.
Source: lecture, "Mean Pooling layer at layer l".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
Window = tuple[int, int, int, int, int, int, int, int]


@njit(cache=True, nogil=True)
def _valid(step: int, size: int, count: int, stride: int) -> tuple[int, int]:
    """Return the range of the windows i in 0..count-1 whose value at i * stride + step lies inside an axis."""
    return max(0, -(step // stride)), min(count, (size - 1 - step) // stride + 1)


@njit(cache=True, nogil=True)
def _add(row: Array, weight: float, total: Array) -> None:
    for t in range(len(total)):
        total[t] += weight * row[t]


@njit(cache=True, nogil=True)
def _sum_frames(row: Array, weights: Array, y: Array, window: Window) -> None:
    stride, padding, dilation = window[3], window[5], window[7]
    y[:] = 0
    for b in range(len(weights)):
        step = b * dilation - padding
        low, high = _valid(step, len(row), len(y), stride)
        if stride == 1 and low < high:
            _add(row[low + step : high + step], weights[b], y[low:high])
        else:
            for j in range(low, high):
                y[j] += weights[b] * row[j * stride + step]


@njit(cache=True, nogil=True)
def _spread_frames(dy: Array, weights: Array, row: Array, window: Window) -> None:
    stride, padding, dilation = window[3], window[5], window[7]
    row[:] = 0
    for b in range(len(weights)):
        step = b * dilation - padding
        low, high = _valid(step, len(row), len(dy), stride)
        if stride == 1 and low < high:
            _add(dy[low:high], weights[b], row[low + step : high + step])
        else:
            for j in range(low, high):
                row[j * stride + step] += weights[b] * dy[j]


@njit(cache=True, nogil=True)
def sum_windows(
    x: Array, y: Array, over_bands: Array, over_frames: Array, window: Window, first: int, last: int
) -> None:
    """Shape: x [M, F, T]; over_bands [kf]; over_frames [kt] -> y [M, F', T']."""
    sf, pf, df = window[2], window[4], window[6]
    row = np.empty(x.shape[2], x.dtype)
    for m in range(first, last):
        for i in range(y.shape[1]):
            row[:] = 0
            for a in range(len(over_bands)):
                f = i * sf + a * df - pf
                if 0 <= f < x.shape[1]:
                    _add(x[m, f], over_bands[a], row)
            _sum_frames(row, over_frames, y[m, i], window)


@njit(cache=True, nogil=True)
def spread_windows(
    dy: Array, dx: Array, over_bands: Array, over_frames: Array, window: Window, first: int, last: int
) -> None:
    """Shape: dy [M, F', T']; over_bands [kf]; over_frames [kt] -> dx [M, F, T]."""
    sf, pf, df = window[2], window[4], window[6]
    row = np.empty(dx.shape[2], dx.dtype)
    for m in range(first, last):
        dx[m] = 0
        for i in range(dy.shape[1]):
            _spread_frames(dy[m, i], over_frames, row, window)
            for a in range(len(over_bands)):
                f = i * sf + a * df - pf
                if 0 <= f < dx.shape[1]:
                    _add(row, over_bands[a], dx[m, f])
