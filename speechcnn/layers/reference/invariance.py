"""Transform-invariant convolution: each filter is also scanned rotated, stretched, reflected, shifted.

A transform of a filter is a matrix A [K'..., K...]: tap k' of the transformed filter is the sum over k of A(k', k)
w(k). It holds the "point correspondences between original and transformed filters" that the lecture asks for: a
reflection has a single 1 in each row, a rotation by 45 degrees the weights of its interpolation. The "set of transforms
must be enumerated and discrete"; here all of them make filters of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speechcnn.layers.reference.convolution import conv_backward, conv_backward_bias, conv_forward
from speechcnn.layers.reference.scanning import Array, Place, Size


def reflection(kernel: Place, axis: int) -> Array:
    """Return the transform that reverses one axis of the kernel.

    >>> reflection((3,), axis=0)
    array([[0., 0., 1.],
           [0., 1., 0.],
           [1., 0., 0.]])
    """
    matrix = np.zeros((*kernel, *kernel))
    for k in np.ndindex(*kernel):
        mirrored = list(k)
        mirrored[axis] = kernel[axis] - 1 - k[axis]
        matrix[(*mirrored, *k)] = 1.0
    return matrix


def transform_filter(w: Array, matrix: Array) -> Array:
    """Return T(w)(j, i, k') = sum over k of A(k', k) w(j, i, k).

    Lecture: "Transform invariance", T_t(w(s)).

    Shape: w [O, I, K...], matrix [K'..., K...] -> [O, I, K'...].
    """
    n_axes = w.ndim - 2
    turned = np.zeros((*w.shape[:2], *matrix.shape[:n_axes]))
    for place in np.ndindex(*matrix.shape):
        to, k = place[:n_axes], place[n_axes:]
        turned[:, :, *to] += matrix[place] * w[:, :, *k]
    return turned


def transform_filter_backward(dturned: Array, matrix: Array) -> Array:
    """Return dw(j, i, k) = sum over k' of A(k', k) dT(w)(j, i, k'): the transposed matrix, back to the one filter.

    Shape: [O, I, K'...], matrix [K'..., K...] -> [O, I, K...].
    """
    n_axes = dturned.ndim - 2
    dw = np.zeros((*dturned.shape[:2], *matrix.shape[n_axes:]))
    for place in np.ndindex(*matrix.shape):
        to, k = place[:n_axes], place[n_axes:]
        dw[:, :, *k] += matrix[place] * dturned[:, :, *to]
    return dw


def transformed_conv_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    transforms: Sequence[Array],
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Scan every filter in every transformed form: a map for each.

    Lecture: "Transform invariance", z_Tt(s, i, j) = Y . shift(T_t(w(s)), i, j).

    Shape: x [B, I, ...], w [O, I / groups, K...], b [O] -> [B, O, transforms, P...].
    """
    forms = [transform_filter(w, matrix) for matrix in transforms]
    return np.stack([conv_forward(x, form, b, stride, padding, dilation, groups) for form in forms], axis=2)


def transformed_conv_backward(
    dz: Array,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    transforms: Sequence[Array],
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given: the exercise left on "BP with transform invariance".

    The maps of each transform give, as any convolution's, a derivative for x and one for the transformed filter; the
    latter flows "back through the transforms to update individual filters", that is, through the transposed matrix.
    All forms share one filter, so the derivatives add up.

    Shape: dz [B, O, transforms, P...], x [B, I, ...], w [O, I / groups, K...], b [O] -> as x, w, b.
    """
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(len(w))
    for t, matrix in enumerate(transforms):
        form, dmap = transform_filter(w, matrix), dz[:, :, t]
        dx_t, dform = conv_backward(dmap, x, form, None, stride, padding, dilation, groups)
        dx += dx_t
        dw += transform_filter_backward(dform, matrix)
        db += conv_backward_bias(dmap)
    return (dx, dw) if b is None else (dx, dw, db)


def pool_transforms_forward(maps: Array, pool: str = "max") -> Array:
    """Return the ``max`` or the ``mean`` over the transforms at every place.

    The slides leave open what becomes of the set of maps; pooled, the result is the same for every transformed pattern.

    Shape: [B, O, transforms, P...] -> [B, O, P...].
    """
    z = np.zeros((*maps.shape[:2], *maps.shape[3:]))
    for n, j, *p in np.ndindex(*z.shape):
        for t, share in enumerate(shares(maps[n, j, :, *p], pool)):
            z[n, j, *p] += share * maps[n, j, t, *p]
    return z


def pool_transforms_backward(dz: Array, maps: Array, pool: str = "max") -> tuple[Array]:
    """Hand each derivative to the transform whose value was the largest, or to all in equal parts.

    Shape: dz [B, O, P...], maps [B, O, transforms, P...] -> [B, O, transforms, P...].
    """
    dmaps = np.zeros_like(maps)
    for n, j, *p in np.ndindex(*dz.shape):
        for t, share in enumerate(shares(maps[n, j, :, *p], pool)):
            dmaps[n, j, t, *p] = share * dz[n, j, *p]
    return (dmaps,)


def shares(values: Array, pool: str) -> list[float]:
    """Return the share of each transform's value in the pooled one; the first of equal largest ones has all.

    Shape: [transforms] -> [transforms].

    Raises:
        ValueError: `pool` is neither word.
    """
    if pool not in ("max", "mean"):
        raise ValueError(f"pool must be 'max' or 'mean', got {pool!r}")
    n = len(values)
    return [1 / n] * n if pool == "mean" else [float(t == np.argmax(values)) for t in range(n)]


def invariant_conv_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    transforms: Sequence[Array],
    pool: str = "max",
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Scan every filter in every transformed form, and pool over the forms.

    Lecture: "The network becomes invariant to all the transforms considered".

    Shape: x [B, I, ...], w [O, I / groups, K...], b [O] -> [B, O, P...].
    """
    maps = transformed_conv_forward(
        x, w, b, transforms=transforms, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return pool_transforms_forward(maps, pool)


def invariant_conv_backward(
    dz: Array,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    transforms: Sequence[Array],
    pool: str = "max",
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given: back through the pool, then through the transforms.

    Shape: dz [B, O, P...], x [B, I, ...], w [O, I / groups, K...], b [O] -> as x, w, b.
    """
    maps = transformed_conv_forward(
        x, w, b, transforms=transforms, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    (dmaps,) = pool_transforms_backward(dz, maps, pool)
    return transformed_conv_backward(
        dmaps, x, w, b, transforms=transforms, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
