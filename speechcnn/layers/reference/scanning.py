"""Which input value each tap of a scanned window meets: the arithmetic that convolution and pooling have in common.

A window of K taps is scanned over a map of N values. Output p, tap k, looks at the input q = stride p + dilation k -
padding along each axis; a q below 0 or not below N lies in the padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Place: TypeAlias = tuple[int, ...]  # an index along each axis of a map
Size: TypeAlias = int | Sequence[int]  # one number for all axes, or one for each


def per_axis(value: Size, n_axes: int) -> Place:
    """Return one number for each axis."""
    return (value,) * n_axes if isinstance(value, int) else tuple(value)


def scan_size(size: Place, kernel: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> Place:
    """Return how many places a scanned window has along each axis.

    The slides' W - K + 1 is the case without stride, padding and dilation.

    Raises:
        ValueError: the window is larger than the padded map.
    """
    n = len(size)
    steps, pads, gaps = per_axis(stride, n), per_axis(padding, n), per_axis(dilation, n)
    room = tuple(size[a] + 2 * pads[a] - gaps[a] * (kernel[a] - 1) - 1 for a in range(n))
    if min(room) < 0:
        raise ValueError(f"a window of {kernel} taps, {gaps} apart, does not fit into a map of {size} padded by {pads}")
    return tuple(room[a] // steps[a] + 1 for a in range(n))


def taps(
    size: Place, kernel: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> Iterator[tuple[Place, Place, Place]]:
    """Yield every output place p, tap k and the input place q that they meet; taps in the padding are left out.

    Padding holds zeros, and a zero adds nothing to a sum, so that to leave it out is to sum over it.
    """
    n = len(size)
    steps, pads, gaps = per_axis(stride, n), per_axis(padding, n), per_axis(dilation, n)
    for p in np.ndindex(*scan_size(size, kernel, stride, padding, dilation)):
        for k in np.ndindex(*kernel):
            q = tuple(steps[a] * p[a] + gaps[a] * k[a] - pads[a] for a in range(n))
            if inside(q, size):
                yield p, k, q


def inside(place: Place, size: Place) -> bool:
    """Tell whether a place lies in a map of this size."""
    return all(0 <= i < n for i, n in zip(place, size, strict=True))


def zero_pad(x: Array, padding: Size) -> Array:
    """Put zeros on both sides of every axis of the maps.

    Shape: [B, C, ...] -> [B, C, ...], each axis longer by twice its padding.
    """
    pads = per_axis(padding, x.ndim - 2)
    return np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pads)])
