"""The layers of this package, by name: how each is drawn, with its loops and torch's own operators beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from speechcnn.layers import (
    AntiAliasedPool,
    Conv1d,
    Conv2d,
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    ExpandingConv1d,
    ExpandingConv2d,
    HeterogeneousPool,
    LimitedWeightSharingConv,
    Linear,
    LpPool,
    MaxPool,
    MeanPool,
    ReLU,
    SoftPool,
    TransformInvariantConv1d,
    TransformInvariantConv2d,
    Upsample,
)
from speechcnn.layers.invariant import TransformInvariantConvolution
from speechcnn.layers.reference import (
    activation,
    convolution,
    expanding,
    flat,
    invariance,
    pooling,
    separable,
    sharing,
    upsampling,
)
from speechcnn.layers.reference import mixed_pooling as mixed
from speechcnn.layers.transforms import (
    FrequencyShift,
    Identity,
    Reflection,
    Rotation,
    Scale,
    TimeReflection,
    TimeStretch,
)
from speechcnn.layers.verify.differences import apart
from speechcnn.layers.verify.draws import (
    Array,
    Rng,
    case,
    channels,
    each,
    loops,
    maps_for,
    scan,
    whole,
    without_kernel,
)
from speechcnn.layers.verify.subject import Case, Loops
from speechcnn.layers.verify.verification import Draw


def linear(rng: Rng) -> Case:
    """Draw a flat layer."""
    below, bias = whole(rng, 1, 6), bool(whole(rng, 0, 1))
    settings = {"in_features": below, "out_features": whole(rng, 1, 6), "bias": bias}
    return case(Linear, settings, apart(rng, (whole(rng, 1, 4), below)), loops(flat.flat_forward, flat.flat_backward))


def relu(rng: Rng) -> Case:
    """Draw values to rectify."""
    values = apart(rng, each(rng, whole(rng, 2, 4), 1, 4))
    return case(ReLU, {}, values, loops(activation.activation_forward, activation.activation_backward, name="relu"))


def conv(rng: Rng, layer: type[nn.Module], n_axes: int) -> Case:
    """Draw a convolution."""
    planes, moves = channels(rng), scan(rng, n_axes)
    known = loops(convolution.conv_forward, convolution.conv_backward, groups=planes["groups"], **without_kernel(moves))
    return case(layer, planes | moves, maps_for(rng, planes["in_channels"], moves), known)


def separable_conv(rng: Rng, layer: type[nn.Module], n_axes: int) -> Case:
    """Draw a depthwise-separable convolution; the loops' filters lack the axes of length one that torch's have."""
    below, moves = whole(rng, 1, 3), scan(rng, n_axes)
    settings = {"in_channels": below, "out_channels": whole(rng, 1, 3), "bias": bool(whole(rng, 0, 1))}
    options = without_kernel(moves)

    def forward(x: Array, depth: Array, point: Array, b: Array | None = None) -> Array:
        return separable.separable_conv_forward(x, depth[:, 0], point.reshape(point.shape[:2]), b, **options)

    def backward(dz: Array, x: Array, depth: Array, point: Array, b: Array | None = None) -> list[Array]:
        planes, weights = depth[:, 0], point.reshape(point.shape[:2])
        found = separable.separable_conv_backward(dz, x, planes, weights, b, **options)
        leaves = [leaf for leaf in (x, depth, point, b) if leaf is not None]
        return [one.reshape(leaf.shape) for one, leaf in zip(found, leaves, strict=True)]

    return case(layer, settings | moves, maps_for(rng, below, moves), Loops(forward, backward))


def limited_sharing(rng: Rng) -> Case:
    """Draw a convolution with own filters for each section of bands; the loops know no padding of frames."""
    kernel, padding = each(rng, 2, 1, 3), whole(rng, 0, 1)
    width, shift, below = kernel[0] + whole(rng, 0, 2), whole(rng, 1, 3), whole(rng, 1, 2)
    n_bands, n_frames = width + shift * whole(rng, 0, 2), kernel[1] + whole(rng, 0, 3)
    settings = {
        "in_channels": below,
        "out_channels": whole(rng, 1, 2),
        "n_bands": n_bands,
        "section_width": width,
        "section_shift": shift,
        "kernel_size": kernel,
        "padding": padding,
        "bias": bool(whole(rng, 0, 1)),
    }

    def pad(x: Array) -> Array:
        return np.pad(x, [(0, 0)] * 3 + [(padding, padding)])

    def forward(x: Array, *parameters: Array) -> Array:
        z = sharing.limited_sharing_forward(pad(x), *parameters, width=width, shift=shift)
        return z.reshape(len(z), -1, *z.shape[3:])

    def backward(dz: Array, x: Array, w: Array, *b: Array) -> Sequence[Array]:
        sections = dz.reshape(len(dz), *w.shape[:2], *dz.shape[2:])
        dx, *rest = sharing.limited_sharing_backward(sections, pad(x), w, *b, width=width, shift=shift)
        return dx[..., padding : padding + n_frames], *rest

    maps = apart(rng, (whole(rng, 1, 2), below, n_bands, n_frames))
    return case(LimitedWeightSharingConv, settings, maps, Loops(forward, backward))


def expanding_conv(rng: Rng, layer: type[nn.Module], n_axes: int) -> Case:
    """Draw an expanding convolution; two values along each axis are enough for the padding to leave something."""
    planes, moves = channels(rng), scan(rng, n_axes)
    maps = apart(rng, (whole(rng, 1, 2), planes["in_channels"], *each(rng, n_axes, 2, 4)))
    more = tuple(whole(rng, 0, stride - 1) for stride in moves["stride"])
    reached = expanding.pushed_size(tuple(maps.shape[2:]), moves["kernel_size"], *without_kernel(moves).values())
    sizes = tuple(size + extra for size, extra in zip(reached, more, strict=True))
    known = loops(
        expanding.expanding_conv_forward,
        expanding.expanding_conv_backward,
        groups=planes["groups"],
        output_size=sizes,
        **without_kernel(moves),
    )
    return case(layer, planes | moves | {"output_padding": more}, maps, known)


def window_pool(rng: Rng, layer: type[nn.Module], loop: str, **own: Any) -> Case:
    """Draw a pooling over windows of 1-D or 2-D maps; `own` are settings of this pooling alone."""
    moves = scan(rng, whole(rng, 1, 2))
    known = loops(getattr(pooling, f"{loop}_forward"), getattr(pooling, f"{loop}_backward"), **moves, **own)
    settings = {"norm_type": own["p"]} if "p" in own else {}
    return case(layer, moves | settings, maps_for(rng, whole(rng, 1, 3), moves), known)


def lp_pool(rng: Rng) -> Case:
    """Draw a norm; those between 1 and 2 have no finite second derivative near zero."""
    return window_pool(rng, LpPool, "lp_pool", p=float(rng.choice([1.0, 2.0, 3.0, 4.5])))


def soft_pool(rng: Rng) -> Case:
    """Draw a pooling whose maps differ in sharpness."""
    moves, n_channels = scan(rng, whole(rng, 1, 2)), whole(rng, 1, 3)
    known = loops(pooling.soft_pool_forward, pooling.soft_pool_backward, **moves)
    drawn = case(SoftPool, moves | {"channels": n_channels}, maps_for(rng, n_channels, moves), known)
    nn.init.uniform_(drawn.layer.sharpness, -2, 2)
    return drawn


def heterogeneous_pool(rng: Rng) -> Case:
    """Draw sizes of pools, and one of the two ways to assign them to maps."""
    n_channels, sizes, shift = whole(rng, 1, 4), each(rng, whole(rng, 1, 3), 1, 4), whole(rng, 1, 3)
    assignment = str(rng.choice(["partition", "replicate"]))
    maps = apart(rng, (whole(rng, 1, 2), n_channels, max(sizes) + whole(rng, 0, 4), whole(rng, 1, 4)))
    given = {"sizes": sizes, "shift": shift, "assignment": assignment}
    known = loops(mixed.heterogeneous_pool_forward, mixed.heterogeneous_pool_backward, **given)
    return case(HeterogeneousPool, given | {"channels": n_channels}, maps, known)


def anti_aliased_pool(rng: Rng) -> Case:
    """Draw a pooling with a blur."""
    moves, taps = scan(rng, whole(rng, 1, 2)), int(rng.choice([1, 3, 5]))
    known = loops(mixed.anti_aliased_pool_forward, mixed.anti_aliased_pool_backward, **moves, blur_size=taps)
    return case(AntiAliasedPool, moves | {"taps": taps}, maps_for(rng, whole(rng, 1, 3), moves), known)


def upsample(rng: Rng, mode: str, loop: str) -> Case:
    """Draw an enlargement; the loops fill up the end, which the layer may crop."""
    n_axes = whole(rng, 1, 2)
    factor, sizes = each(rng, n_axes, 1, 4), each(rng, n_axes, 1, 5)
    cropped = bool(whole(rng, 0, 1))
    goal = tuple(f * n - cropped * whole(rng, 0, f - 1) for f, n in zip(factor, sizes, strict=True))
    kept = (..., *(slice(length) for length in goal))
    longer, shorter = getattr(upsampling, f"{loop}_forward"), getattr(upsampling, f"{loop}_backward")

    def backward(dz: Array, x: Array) -> Sequence[Array]:
        full = np.zeros_like(longer(x, factor))
        full[kept] = dz
        return shorter(full, x, factor)

    known = Loops(lambda x: longer(x, factor)[kept], backward)
    settings = {"factor": factor, "mode": mode, "output_size": goal if cropped else None}
    return case(Upsample, settings, apart(rng, (whole(rng, 1, 2), whole(rng, 1, 3), *sizes)), known)


MOTIONS = (Identity(), TimeStretch(1.5), TimeStretch(0.6), TimeReflection())
PLANE_MOTIONS = (
    *MOTIONS,
    Rotation(90),
    Rotation(30),
    Scale(1.5),
    Reflection(0),
    FrequencyShift(1),
    FrequencyShift(0.4),
)


def invariant_conv(rng: Rng, layer: type[TransformInvariantConvolution], n_axes: int) -> Case:
    """Draw transforms, and what becomes of their maps; the loops get the layer's own matrices of correspondences."""
    known = PLANE_MOTIONS if n_axes == 2 else MOTIONS
    chosen = rng.choice(len(known), whole(rng, 1, 3), replace=False)
    pool = (None, "max", "mean")[whole(rng, 0, 2)]
    below, kernel = whole(rng, 1, 2), each(rng, n_axes, 2, 3)
    moves = scan(rng, n_axes) | {"kernel_size": kernel}
    settings: dict[str, Any] = {
        "in_channels": below,
        "out_channels": whole(rng, 1, 2),
        "transforms": [known[i] for i in chosen],
        "bias": bool(whole(rng, 0, 1)),
        "pool": pool,
    }
    drawn = layer(**settings, **moves)
    matrices = [one.reshape(*drawn.transformed_size, *kernel).numpy() for one in drawn.exact]
    options = without_kernel(moves) | {"transforms": matrices}

    def forward(x: Array, *parameters: Array) -> Array:
        forms = invariance.transformed_conv_forward(x, *parameters, **options)
        return invariance.pool_transforms_forward(forms, pool) if pool else forms.reshape(len(x), -1, *forms.shape[3:])

    def backward(dz: Array, x: Array, *parameters: Array) -> Sequence[Array]:
        forms = invariance.transformed_conv_forward(x, *parameters, **options)
        if pool is None:
            return invariance.transformed_conv_backward(dz.reshape(forms.shape), x, *parameters, **options)
        (dforms,) = invariance.pool_transforms_backward(dz, forms, pool)
        return invariance.transformed_conv_backward(dforms, x, *parameters, **options)

    maps = maps_for(rng, below, moves | {"kernel_size": drawn.transformed_size})
    return case(layer, settings | moves, maps, Loops(forward, backward))


OWN: dict[str, Draw] = {
    "Linear": linear,
    "ReLU": relu,
    "Conv1d": partial(conv, layer=Conv1d, n_axes=1),
    "Conv2d": partial(conv, layer=Conv2d, n_axes=2),
    "DepthwiseSeparableConv1d": partial(separable_conv, layer=DepthwiseSeparableConv1d, n_axes=1),
    "DepthwiseSeparableConv2d": partial(separable_conv, layer=DepthwiseSeparableConv2d, n_axes=2),
    "LimitedWeightSharingConv": limited_sharing,
    "ExpandingConv1d": partial(expanding_conv, layer=ExpandingConv1d, n_axes=1),
    "ExpandingConv2d": partial(expanding_conv, layer=ExpandingConv2d, n_axes=2),
    "MaxPool": partial(window_pool, layer=MaxPool, loop="max_pool"),
    "MeanPool": partial(window_pool, layer=MeanPool, loop="mean_pool"),
    "LpPool": lp_pool,
    "SoftPool": soft_pool,
    "HeterogeneousPool": heterogeneous_pool,
    "AntiAliasedPool": anti_aliased_pool,
    "Upsample(zeros)": partial(upsample, mode="zeros", loop="insert_zeros"),
    "Upsample(linear)": partial(upsample, mode="linear", loop="interpolate_linear"),
    "Upsample(cubic)": partial(upsample, mode="cubic", loop="interpolate_cubic"),
    "TransformInvariantConv1d": partial(invariant_conv, layer=TransformInvariantConv1d, n_axes=1),
    "TransformInvariantConv2d": partial(invariant_conv, layer=TransformInvariantConv2d, n_axes=2),
}
