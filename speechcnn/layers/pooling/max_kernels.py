"""Max pooling compiled: the argmax map P, y = x[P], and its adjoint dx[P] += dy.

An entry of P is the offset of the maximum inside its window: a * kernel_frames + b for the window's band a, frame b.
The first of equal values wins and NaN wins over all, the last NaN over the others, as in torch. Inner loops run along
frames, where values lie next to one another, so that the processor compares several at a time.

`window` is (kernel, stride, padding, dilation), each for bands and frames: (kf, kt, sf, st, pf, pt, df, dt). Kernels
work on the maps first..last-1, so that threads can share the maps. Source: lecture, "Max pooling layer at layer l".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]
Window = tuple[int, int, int, int, int, int, int, int]

SHORT = 16  # rows of fewer values are not worth the preparations of a loop over several values at a time


@njit(cache=True, nogil=True)
def _unpadded(window: Window) -> bool:
    """Whether windows move by whole bands alone, so that a map's rows can be compared where they are."""
    _, kt, _, st, pf, pt, _, _ = window
    return kt == 1 and st == 1 and pt == 0 and pf == 0


@njit(cache=True, nogil=True)
def _lay_out(x: Array, room: Array, window: Window) -> None:
    """Copy a map into its padded room, frames sorted by their phase: padded frame q * st + p stands at p * Q + q.

    What the windows read at one of their frames then lies side by side, whatever their stride.
    """
    st, pf, pt = window[3], window[4], window[5]
    width = room.shape[1] // st
    for f in range(x.shape[0]):
        for p in range(st):
            low, high = (pt - p + st - 1) // st, (x.shape[1] + pt - p + st - 1) // st
            for q in range(max(0, low), high):
                room[f + pf, p * width + q] = x[f, q * st + p - pt]


@njit(cache=True, nogil=True)
def _width(n_frames: int, n_out: int, window: Window) -> int:
    """Return Q, the columns of one phase in `_lay_out`: all that is written and all that is read."""
    _, kt, _, st, _, pt, _, dt = window
    return max((n_frames + pt + st - 1) // st, n_out + (kt - 1) * dt // st)


@njit(cache=True, nogil=True)
def _starts(width: int, n_out: int, window: Window) -> tuple[Ints, Ints]:
    """Return where in `_lay_out` a window's frames begin, and each window's first frame inside the map."""
    _, kt, _, st, _, pt, _, dt = window
    columns = np.array([b * dt % st * width + b * dt // st for b in range(kt)])
    return columns, np.array([max(0, (pt - j * st + dt - 1) // dt) for j in range(n_out)])


@njit(cache=True, nogil=True)
def _compare_one(row: Array, offset: int, best: Array, found: Array) -> None:
    """Replace `best` by a row of values where that is larger or NaN, and there the offset found."""
    here = np.int32(offset)
    for t in range(len(best)):
        value = row[t]
        larger = (value > best[t]) | (value != value)
        best[t] = value if larger else best[t]
        found[t] = here if larger else found[t]


@njit(cache=True, nogil=True)
def _compare_two(row: Array, other: Array, offset: int, best: Array, found: Array) -> None:
    """Do the same with two rows in their order, which halves the traffic of `best` and `found`."""
    here, there = np.int32(offset), np.int32(offset + 1)
    for t in range(len(best)):
        value, after = row[t], other[t]
        most, place = best[t], found[t]
        larger = (value > most) | (value != value)
        most = value if larger else most
        place = here if larger else place
        larger = (after > most) | (after != after)
        best[t] = after if larger else most
        found[t] = there if larger else place


@njit(cache=True, nogil=True)
def _find(values: Array, y: Array, offsets: Array, columns: Ints, firsts: Ints, found: Array, window: Window) -> None:
    """Find all windows' maxima, one band of windows at a time."""
    kf, kt, sf, _, pf, _, df, _ = window
    for i in range(y.shape[0]):
        best = y[i]
        first = max(0, (pf - i * sf + df - 1) // df) * kt
        for t in range(len(best)):
            best[t] = -np.inf
            found[t] = first + firsts[t]
        for k in range(0, kf * kt - 1, 2):
            (a, b), (c, d) = divmod(k, kt), divmod(k + 1, kt)
            row, other = values[i * sf + a * df, columns[b] :], values[i * sf + c * df, columns[d] :]
            _compare_two(row, other, k, best, found)
        if kf * kt % 2:
            _compare_one(values[i * sf + (kf - 1) * df, columns[kt - 1] :], kf * kt - 1, best, found)
        for t in range(len(best)):
            offsets[i, t] = found[t]


@njit(cache=True, nogil=True)
def _scan(x: Array, y: Array, offsets: Array, window: Window) -> None:
    """Find all windows' maxima, one window after another, which is faster where there are few."""
    kf, kt, sf, st, pf, pt, df, dt = window
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            best, found = -np.inf, -1
            for a in range(kf):
                f = i * sf - pf + a * df
                if 0 <= f < x.shape[0]:
                    for b in range(kt):
                        t = j * st - pt + b * dt
                        if 0 <= t < x.shape[1] and (x[f, t] > best or x[f, t] != x[f, t] or found < 0):
                            best, found = x[f, t], a * kt + b
            y[i, j], offsets[i, j] = best, found


@njit(cache=True, nogil=True)
def max_windows(x: Array, y: Array, offsets: Array, window: Window, first: int, last: int) -> None:
    """Shape: x [M, F, T] -> y, offsets [M, F', T']."""
    n_out = y.shape[2]
    if n_out < SHORT:
        for m in range(first, last):
            _scan(x[m], y[m], offsets[m], window)
        return
    width = _width(x.shape[2], n_out, window)
    columns, firsts = _starts(width, n_out, window)
    found = np.empty(n_out, np.int32)
    room = np.full((x.shape[1] + 2 * window[4], window[3] * width), -np.inf, x.dtype)
    for m in range(first, last):
        if _unpadded(window):
            _find(x[m], y[m], offsets[m], columns, firsts, found, window)
        else:
            _lay_out(x[m], room, window)
            _find(room, y[m], offsets[m], columns, firsts, found, window)


@njit(cache=True, nogil=True)
def _take(x: Array, offsets: Array, y: Array, window: Window) -> None:
    _, kt, sf, st, pf, pt, df, dt = window
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            a, b = divmod(offsets[i, j], kt)
            y[i, j] = x[i * sf - pf + a * df, j * st - pt + b * dt]


@njit(cache=True, nogil=True)
def take_windows(x: Array, offsets: Array, y: Array, window: Window, first: int, last: int) -> None:
    """Y = x[P]. Shape: x [M, F, T]; offsets [M, F', T'] -> y [M, F', T']."""
    for m in range(first, last):
        _take(x[m], offsets[m], y[m], window)


@njit(cache=True, nogil=True)
def _gather(dy: Array, offsets: Array, dx: Array, window: Window) -> None:
    """dx[P] += dy for windows that move by whole bands: each input band collects from the windows that cover it."""
    kernel, _, stride, _, _, _, dilation, _ = window
    zero = dy.dtype.type(0)
    for f in range(dx.shape[0]):
        for i in range(max(0, (f - (kernel - 1) * dilation + stride - 1) // stride), min(dy.shape[0], f // stride + 1)):
            if (f - i * stride) % dilation == 0:
                own = offsets.dtype.type((f - i * stride) // dilation)  # in the offsets' width, many at a time
                for t in range(dx.shape[1]):
                    dx[f, t] += dy[i, t] if offsets[i, t] == own else zero


@njit(cache=True, nogil=True)
def _give(dy: Array, offsets: Array, dx: Array, places: Ints, window: Window) -> None:
    """dx[P] += dy, one value after another; `places` [K] is how far from its window's start an offset lies."""
    _, _, sf, st, pf, pt, _, _ = window
    flat = dx.reshape(-1)
    for i in range(dy.shape[0]):
        start = (i * sf - pf) * dx.shape[1] - pt
        for j in range(dy.shape[1]):
            flat[start + j * st + places[offsets[i, j]]] += dy[i, j]


@njit(cache=True, nogil=True)
def _places(n_frames: int, window: Window) -> Ints:
    kf, kt, df, dt = window[0], window[1], window[6], window[7]
    return np.array([a * df * n_frames + b * dt for a in range(kf) for b in range(kt)])


@njit(cache=True, nogil=True)
def give_windows(dy: Array, offsets: Array, dx: Array, window: Window, first: int, last: int) -> None:
    """dx[P] += dy. Shape: dy, offsets [M, F', T'] -> dx [M, F, T]."""
    places = _places(dx.shape[2], window)
    for m in range(first, last):
        dx[m] = 0
        if _unpadded(window) and dx.shape[2] >= SHORT:
            _gather(dy[m], offsets[m], dx[m], window)
        else:
            _give(dy[m], offsets[m], dx[m], places, window)


@njit(cache=True, nogil=True)
def _bands(kernel: int, shift: int) -> Window:
    return kernel, 1, shift, 1, 0, 0, 1, 1


@njit(cache=True, nogil=True)
def max_rows(x: Array, y: Array, offsets: Array, sizes: Ints, tops: Ints, shift: int, first: int, last: int) -> None:
    """Pool map c along bands at each size of sizes[c], into the rows from tops[c] on.

    Shape: x [B, C, F, T]; sizes, tops [C, S] -> y, offsets [B, R, T].
    """
    columns, firsts = _starts(x.shape[3], x.shape[3], _bands(1, shift))
    found = np.empty(x.shape[3], np.int32)
    for m in range(first, last):
        b, c = divmod(m, x.shape[1])
        for s in range(sizes.shape[1]):
            window = _bands(sizes[c, s], shift)
            rows = slice(tops[c, s], tops[c, s] + (x.shape[2] - sizes[c, s]) // shift + 1)
            if x.shape[3] < SHORT:
                _scan(x[b, c], y[b, rows], offsets[b, rows], window)
            else:
                _find(x[b, c], y[b, rows], offsets[b, rows], columns, firsts, found, window)


@njit(cache=True, nogil=True)
def take_rows(x: Array, offsets: Array, y: Array, sizes: Ints, tops: Ints, shift: int, first: int, last: int) -> None:
    """Y = x[P] for the rows of `max_rows`. Shape: as there."""
    for m in range(first, last):
        b, c = divmod(m, x.shape[1])
        for s in range(sizes.shape[1]):
            rows = slice(tops[c, s], tops[c, s] + (x.shape[2] - sizes[c, s]) // shift + 1)
            _take(x[b, c], offsets[b, rows], y[b, rows], _bands(sizes[c, s], shift))


@njit(cache=True, nogil=True)
def give_rows(dy: Array, offsets: Array, dx: Array, sizes: Ints, tops: Ints, shift: int, first: int, last: int) -> None:
    """dx[P] += dy for the rows of `max_rows`. Shape: dy, offsets [B, R, T] -> dx [B, C, F, T]."""
    for m in range(first, last):
        b, c = divmod(m, dx.shape[1])
        dx[b, c] = 0
        for s in range(sizes.shape[1]):
            rows = slice(tops[c, s], tops[c, s] + (dx.shape[2] - sizes[c, s]) // shift + 1)
            _gather(dy[b, rows], offsets[b, rows], dx[b, c], _bands(sizes[c, s], shift))
