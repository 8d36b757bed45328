"""Convolution: filters scanned over maps of any number of axes, and the three derivatives of the scan.

The affine map of filter j is

    z(j, p) = b(j) + sum over i, k of w(j, i, k) y(i, q),    q = stride p + dilation k - padding.

A filter holds one plane for each map that it sees; with groups, filter j sees the maps of its own group alone. All
derivatives come from one fact: the product w(j, i, k) y(i, q) enters z(j, p) and nothing else, so dz(j, p) is handed
to w(j, i, k) times y(i, q), and to y(i, q) times w(j, i, k), summed over all the products that each takes part in.

The slides loop over places x, y outside and over filters j inside; here the pairs of places and taps come from `taps`,
so that the same loops serve one axis, two axes or more. The order of a sum's terms does not matter.
"""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.scanning import Array, Place, Size, inside, per_axis, scan_size, taps, zero_pad
from speechcnn.layers.reference.upsampling import insert_zeros_forward


def map_seen(j: int, i: int, w: Array, groups: int) -> int:
    """Return the map that plane i of filter j scans: the i-th of its group, of which each has equally many filters.

    Shape: w [O, I / groups, ...].
    """
    n_filters, n_planes = w.shape[:2]
    return j // (n_filters // groups) * n_planes + i


def conv_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Scan the filters over the maps: z(j, p) += w(j, i, k) y(i, q).

    Lecture: "CNN: Forward". As in the slides and in torch the filter is not flipped (mathematics: correlation).

    Shape: x [B, I, ...], w [O, I / groups, K...], b [O] -> [B, O, P...].
    """
    size, kernel = x.shape[2:], w.shape[2:]
    z = np.zeros((len(x), len(w), *scan_size(size, kernel, stride, padding, dilation)))
    if b is not None:
        for j in range(len(w)):
            z[:, j] = b[j]
    for p, k, q in taps(size, kernel, stride, padding, dilation):
        for n, j, i in np.ndindex(len(x), len(w), w.shape[1]):
            z[n, j, *p] += w[j, i, *k] * x[n, map_seen(j, i, w, groups), *q]
    return z


def conv_backward(
    dz: Array,
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given.

    Lecture: "Complete Backward (with strides)".

    Shape: dz [B, O, P...], x [B, I, ...], w [O, I / groups, K...], b [O] -> as x, w, b.
    """
    dx = conv_backward_input(dz, w, x.shape[2:], stride, padding, dilation, groups)
    dw = conv_backward_weight(dz, x, w.shape[2:], stride, padding, dilation, groups)
    return (dx, dw) if b is None else (dx, dw, conv_backward_bias(dz))


def conv_backward_input(
    dz: Array, w: Array, size: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1, groups: int = 1
) -> Array:
    """Return dY(l-1) by the accumulating loop: dy(i, q) += w(j, i, k) dz(j, p).

    Lecture: "Backward layer l"; with strides "Complete Backward (with strides)". There, x steps by -stride and is
    multiplied by the stride in m = (x - 1) stride as well: one of the two is meant. Here p counts outputs one by one
    and q holds the product.

    Shape: dz [B, O, P...], w [O, I / groups, K...] -> [B, I, size...].
    """
    dx = np.zeros((len(dz), w.shape[1] * groups, *size))
    for p, k, q in taps(size, w.shape[2:], stride, padding, dilation):
        for n, j, i in np.ndindex(len(dz), len(w), w.shape[1]):
            dx[n, map_seen(j, i, w, groups), *q] += w[j, i, *k] * dz[n, j, *p]
    return dx


def conv_backward_input_by_scan(
    dz: Array, w: Array, size: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1, groups: int = 1
) -> Array:
    """Return dY(l-1) as a convolution of dZ by the transposed and flipped filter; equal to the accumulating loop.

    Lecture: "Computing the derivative for Y(l - 1, m)": dZ is zero-padded by K - 1 on every side first. A stride is
    undone before that by up-sampling dZ with zeros ("exactly analogous to the upsampling performed during backprop
    when forward convolution uses stride > 1"). The slides' K - 1 is for dilation 1: a filter whose taps lie d apart
    reaches d (K - 1) far. What forward padded is cropped; inputs behind the last window keep the derivative zero.

    Shape: dz [B, O, P...], w [O, I / groups, K...] -> [B, I, size...].
    """
    kernel = w.shape[2:]
    reach = tuple(d * (k - 1) for d, k in zip(per_axis(dilation, len(kernel)), kernel, strict=True))
    spread = zero_pad(insert_zeros_forward(dz, stride), reach)
    scanned = conv_forward(spread, transposed_flipped(w, groups), dilation=dilation, groups=groups)
    pads = per_axis(padding, len(size))
    dx = np.zeros((len(dz), w.shape[1] * groups, *size))
    for q in np.ndindex(*size):
        place = tuple(i + p for i, p in zip(q, pads, strict=True))
        if inside(place, scanned.shape[2:]):
            dx[:, :, *q] = scanned[:, :, *place]
    return dx


def transposed_flipped(w: Array, groups: int = 1) -> Array:
    """Swap the filters' outputs with their inputs, within each group, and reverse every axis of the kernel.

    Lecture: "The derivatives for Y(l-1,m)": the derivative of the m-th map takes the m-th plane of all the filters.

    Shape: [O, I / groups, K...] -> [I, O / groups, K...].
    """
    n_filters, n_planes, *kernel = w.shape
    per_group = n_filters // groups
    turned = np.zeros((n_planes * groups, per_group, *kernel))
    for j, i in np.ndindex(n_filters, n_planes):
        for k in np.ndindex(*kernel):
            mirrored = tuple(n - 1 - c for n, c in zip(kernel, k, strict=True))
            turned[map_seen(j, i, w, groups), j % per_group, *mirrored] = w[j, i, *k]
    return turned


def conv_backward_weight(
    dz: Array, x: Array, kernel: Place, stride: Size = 1, padding: Size = 0, dilation: Size = 1, groups: int = 1
) -> Array:
    """Return dw(j, i, k) += dz(j, p) y(i, q): each derivative map convolves with each map that its filter saw.

    Lecture: "The filter derivative", "Backward layer l".

    Shape: dz [B, O, P...], x [B, I, ...] -> [O, I / groups, K...].
    """
    dw = np.zeros((dz.shape[1], x.shape[1] // groups, *kernel))
    for p, k, q in taps(x.shape[2:], kernel, stride, padding, dilation):
        for n, j, i in np.ndindex(len(x), *dw.shape[:2]):
            dw[j, i, *k] += dz[n, j, *p] * x[n, map_seen(j, i, dw, groups), *q]
    return dw


def conv_backward_bias(dz: Array) -> Array:
    """Return db(j), the sum of dz(j, p) over all places: the bias is added at every one of them.

    Shape: [B, O, P...] -> [O].
    """
    db = np.zeros(dz.shape[1])
    for n, j in np.ndindex(*dz.shape[:2]):
        for p in np.ndindex(*dz.shape[2:]):
            db[j] += dz[n, j, *p]
    return db
