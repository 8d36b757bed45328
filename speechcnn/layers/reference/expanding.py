"""Expanding convolution (transposed convolution): the layer that makes maps longer by a stride b.

Where a convolution "pulls" z(p) = sum over k of w(k) y(b p + k), an expanding convolution "pushes" every value of the
lower layer to K places of the upper one:

    z(j, q) += w(i, j, k) y(i, p),    q = b p + k,

so that its matrix is the transpose of a convolution's, Z = sum over columns of W(:, p) y(p). With dilation and padding
as in `convolution`: q = b p + d k - padding, and padding is cropped from both ends.

Sizes, for W values, stride b and K taps. The loop on "CNN: Expanding convolution layer l" fills (W - 1) b + K places:
the last value starts at (W - 1) b and reaches K places. "2D expanding convolution" says b W + (K - 1): it inserts b - 1
zeros behind every value, the last included, which makes b W, and scans them with K - 1 zeros on both sides. The
second is longer by b - 1 places, which see inserted zeros alone. Where both are defined, the values are the same.

The filter is [I, O / groups, K...], inputs first, as torch has it and as the transpose of a convolution's is; the
slides write the output first.
"""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.convolution import conv_backward_bias, conv_forward, map_seen, transposed_flipped
from speechcnn.layers.reference.scanning import Array, Place, Size, inside, per_axis, zero_pad
from speechcnn.layers.reference.upsampling import insert_zeros_forward


def pushed_size(size: Place, kernel: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> Place:
    """Return the places that the push loop reaches: (W - 1) b + d (K - 1) + 1, less the padding at both ends.

    >>> pushed_size((5,), (4,), stride=3)
    (16,)
    """
    n = len(size)
    steps, pads, gaps = per_axis(stride, n), per_axis(padding, n), per_axis(dilation, n)
    return tuple((size[a] - 1) * steps[a] + gaps[a] * (kernel[a] - 1) + 1 - 2 * pads[a] for a in range(n))


def inserted_size(size: Place, kernel: Place, stride: Size = 1) -> Place:
    """Return the size on the slide "2D expanding convolution": b W + (K - 1).

    >>> inserted_size((5,), (4,), stride=3)
    (18,)
    """
    steps = per_axis(stride, len(size))
    return tuple(steps[a] * size[a] + kernel[a] - 1 for a in range(len(size)))


def expanding_conv_forward(
    y: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    output_size: Size | None = None,
) -> Array:
    """Push every value: z(j, q) += w(i, j, k) y(i, p).

    Lecture: "CNN: Expanding convolution layer l", and z(1, i, j) = sum of w(1, m, i - kb, j - lb) I(m, k, l) on "2D
    expanding convolution", which is the same sum read from the output. `output_size` keeps the places below it: fewer
    than are reached crops the end; more give back what padding cropped there, then the bias alone.

    Shape: y [B, I, ...], w [I, O / groups, K...], b [O] -> [B, O, Q...].
    """
    size, kernel = y.shape[2:], w.shape[2:]
    goal = per_axis(output_size or pushed_size(size, kernel, stride, padding, dilation), len(size))
    z = np.zeros((len(y), w.shape[1] * groups, *goal))
    if b is not None:
        for j in range(len(b)):
            z[:, j] = b[j]
    for p, k, q in pushes(size, kernel, goal, stride, padding, dilation):
        for n, i, j in np.ndindex(len(y), *w.shape[:2]):
            z[n, map_seen(i, j, w, groups), *q] += w[i, j, *k] * y[n, i, *p]
    return z


def expanding_conv_backward(
    dz: Array,
    y: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    output_size: Size | None = None,
) -> tuple[Array, ...]:
    """Return the derivatives for y, w and b, if it is given.

    This is the exercise that the lecture leaves open. The push adds w(i, j, k) y(i, p) to z(j, q) and nothing else, so
    in the same loop

        dy(i, p) += w(i, j, k) dz(j, q),        dw(i, j, k) += y(i, p) dz(j, q).

    The first is a plain convolution of dz by w with stride b: what forward pushes, backward pulls.

    Shape: dz [B, O, Q...], y [B, I, ...], w [I, O / groups, K...], b [O] -> as y, w, b.
    """
    dy, dw = np.zeros_like(y), np.zeros_like(w)
    for p, k, q in pushes(y.shape[2:], w.shape[2:], dz.shape[2:], stride, padding, dilation):
        for n, i, j in np.ndindex(len(y), *w.shape[:2]):
            derivative = dz[n, map_seen(i, j, w, groups), *q]
            dy[n, i, *p] += w[i, j, *k] * derivative
            dw[i, j, *k] += y[n, i, *p] * derivative
    return (dy, dw) if b is None else (dy, dw, conv_backward_bias(dz))


def pushes(
    size: Place, kernel: Place, goal: Place, stride: Size, padding: Size, dilation: Size
) -> list[tuple[Place, Place, Place]]:
    """List every input place p, tap k and the output place q = stride p + dilation k - padding that they reach."""
    n = len(size)
    steps, pads, gaps = per_axis(stride, n), per_axis(padding, n), per_axis(dilation, n)
    met = []
    for p in np.ndindex(*size):
        for k in np.ndindex(*kernel):
            q = tuple(steps[a] * p[a] + gaps[a] * k[a] - pads[a] for a in range(n))
            if inside(q, goal):
                met.append((p, k, q))
    return met


def expanding_conv_by_insertion(
    y: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    output_size: Size | None = None,
) -> Array:
    """Insert zeros, pad, and convolve with stride 1 by the transposed, flipped filter; equal to the push loop.

    Lecture: "2D expanding convolution". The result of b W + (K - 1) places is cropped or filled up to the size asked.

    Shape: y [B, I, ...], w [I, O / groups, K...], b [O] -> [B, O, Q...].
    """
    size, kernel = y.shape[2:], w.shape[2:]
    n = len(size)
    reach = tuple(d * (k - 1) for d, k in zip(per_axis(dilation, n), kernel, strict=True))
    padded = zero_pad(insert_zeros_forward(y, stride), reach)
    full = conv_forward(padded, transposed_flipped(w, groups), dilation=dilation, groups=groups)
    goal = per_axis(output_size or pushed_size(size, kernel, stride, padding, dilation), n)
    z = np.zeros((*full.shape[:2], *goal))
    for q in np.ndindex(*goal):
        place = tuple(i + p for i, p in zip(q, per_axis(padding, n), strict=True))
        if inside(place, full.shape[2:]):
            z[:, :, *q] = full[:, :, *place]
    return z if b is None else z + b.reshape(1, -1, *(1,) * n)
