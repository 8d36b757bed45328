"""What each kind of layer does to what its maps see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from speechcnn.layers import (
    AntiAliasedPool,
    HeterogeneousPool,
    Linear,
    ReLU,
    Upsample,
)
from speechcnn.layers.conv import Convolution
from speechcnn.layers.expanding import ExpandingConvolution
from speechcnn.layers.invariant import TransformInvariantConvolution
from speechcnn.layers.maps import per_axis
from speechcnn.layers.pooling.windows import WindowPool, window_of
from speechcnn.layers.sharing import LimitedWeightSharingConv
from speechcnn.models.fields import spans as arithmetic
from speechcnn.models.fields.spans import Spans
from speechcnn.models.fields.tracked import Seen, mixed, spread

Rule = Callable[[nn.Module, Seen, Tensor, dict[str, Any]], Seen]
AxisRule = Callable[[int, Spans, int], Spans]  # (axis from the end, spans, outputs) -> spans


def each_axis(seen: Seen, result: Tensor, n_axes: int, rule: AxisRule) -> Seen:
    """Apply a rule to the axes that a layer scans; what stands along its channels is mixed."""
    return {
        key: (axis, spans if axis is None else rule(axis, spans, result.shape[axis]))
        for key, (axis, spans) in mixed(seen, [-n_axes - 1]).items()
    }


def pointwise(module: nn.Module, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """Each position sees what it saw."""
    return seen


def convolution(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A filter reads its taps."""
    n_axes = result.dim() - 2
    kernel = tuple(module.transformed_size) if hasattr(module, "transformed_size") else tuple(module.weight.shape[2:])
    stride, dilation = module.stride, module.dilation
    padding = module.padding
    if padding == "same":
        padding = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
    elif padding == "valid":
        padding = (0,) * n_axes

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        return arithmetic.windowed(spans, n_outputs, kernel[axis], stride[axis], padding[axis], dilation[axis])

    return each_axis(seen, result, n_axes, rule)


def own_pool(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A pool reads its window; an anti-aliased one several windows side by side, which its blur weighs."""
    n_axes = result.dim() - 2
    window = window_of(module.kernel_size, module.stride, module.padding, module.dilation, n_axes)

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        kernel, stride, padding, dilation = window[axis + 2 :: 2]
        if not isinstance(module, AntiAliasedPool) or stride == 1:
            return arithmetic.windowed(spans, n_outputs, kernel, stride, padding, dilation)
        n_maxima = len(spans) + 2 * padding - dilation * (kernel - 1)
        maxima = arithmetic.windowed(spans, n_maxima, kernel, 1, padding, dilation)
        return arithmetic.windowed(maxima, n_outputs, module.taps, stride, module.taps // 2, 1)

    return {
        key: (axis, spans if axis is None or axis < -n_axes else rule(axis, spans, result.shape[axis]))
        for key, (axis, spans) in seen.items()
    }


def torch_pool(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A pool of torch reads its window."""
    n_axes = result.dim() - 2
    numbers = (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
    kernel, stride, padding, dilation = (per_axis("pool", number, n_axes, 0) for number in numbers)

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        return arithmetic.windowed(spans, n_outputs, kernel[axis], stride[axis], padding[axis], dilation[axis])

    return each_axis(seen, result, n_axes, rule)


def adaptive(module: nn.Module, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A cell of the grid reads its part of the map."""
    return each_axis(seen, result, result.dim() - 2, lambda _, spans, n: arithmetic.pooled_onto(spans, n))


def expanding(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """Each position pushes its filter; the crop is the layer's padding, or half of what its output size leaves over."""
    scan, n_axes = module.scan, result.dim() - 2
    kernel = module.weight.shape[2:]

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        crop = scan.padding[axis]
        if kwargs.get("output_size") is not None:
            pushed = (len(spans) - 1) * scan.stride[axis] + scan.dilation[axis] * (kernel[axis] - 1) + 1
            spare = max(pushed - n_outputs, 0)
            crop = spare // 2 + spare % 2
        return arithmetic.expanded(spans, n_outputs, kernel[axis], scan.stride[axis], crop, scan.dilation[axis])

    return each_axis(seen, result, n_axes, rule)


def torch_expanding(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """Each position pushes its filter."""

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        numbers = (module.kernel_size[axis], module.stride[axis], module.padding[axis], module.dilation[axis])
        return arithmetic.expanded(spans, n_outputs, *numbers)

    return each_axis(seen, result, result.dim() - 2, rule)


def upsampling(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A value between two samples reads both; on a spline it reads all."""
    n_axes = result.dim() - 2
    factors = per_axis("factor", module.factor, n_axes)

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        if module.mode == "cubic" and factors[axis] > 1:
            return arithmetic.together(spans, n_outputs)
        return arithmetic.interpolated(spans, n_outputs, factors[axis], module.mode == "linear")

    return {
        key: (axis, spans if axis is None or axis < -n_axes else rule(axis, spans, result.shape[axis]))
        for key, (axis, spans) in seen.items()
    }


def heterogeneous(module: nn.Module, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """[B, C, F, T] -> [B, R, T]: the rows of all maps stand below one another, so bands have no axis any more."""
    bands = -2 if result.dim() == 3 else -1
    return mixed(seen, [bands, bands - 1])


def limited_sharing(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """Sections stand along the channels: a position along bands is that place in every section."""
    kernel_frames = module.weight.shape[-1]
    extra = len(next(spans for axis, spans in seen.values() if axis == -1)) - result.shape[-1]
    padding = (kernel_frames - 1 - extra) // 2

    def rule(axis: int, spans: Spans, n_outputs: int) -> Spans:
        if axis == -2:
            return arithmetic.together(spans, n_outputs)
        return arithmetic.windowed(spans, n_outputs, kernel_frames, 1, padding, 1)

    return each_axis(seen, result, 2, rule)


def last_axis(module: nn.Module, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """A full layer mixes the last axis."""
    return mixed(seen, [-1])


def layer_norm(module: Any, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """The mean and variance of the last axes are seen by all along them."""
    return spread(seen, range(-len(module.normalized_shape), 0))


def map_norm(module: nn.Module, seen: Seen, result: Tensor, kwargs: dict[str, Any]) -> Seen:
    """The mean and variance of a whole map are seen by all its positions."""
    return spread(seen, range(1 - result.dim(), 0))


LAYERS: list[tuple[Any, Rule]] = [
    ((Convolution, TransformInvariantConvolution, nn.Conv1d, nn.Conv2d), convolution),
    (ExpandingConvolution, expanding),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d), torch_expanding),
    (WindowPool, own_pool),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d), torch_pool),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d), adaptive),
    (Upsample, upsampling),
    (HeterogeneousPool, heterogeneous),
    (LimitedWeightSharingConv, limited_sharing),
    ((Linear, nn.Linear), last_axis),
    (nn.LayerNorm, layer_norm),
    ((nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d), map_norm),
    (
        (
            ReLU,
            nn.ReLU,
            nn.LeakyReLU,
            nn.PReLU,
            nn.ELU,
            nn.GELU,
            nn.SiLU,
            nn.Sigmoid,
            nn.Tanh,
            nn.Hardtanh,
            nn.Identity,
        ),
        pointwise,
    ),
    (
        (nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout1d, nn.Dropout2d),
        pointwise,
    ),
]


def rule_of(module: nn.Module) -> Rule | None:
    """Return the rule of a layer, or None for a module that is made of others."""
    return next((rule for kinds, rule in LAYERS if isinstance(module, kinds)), None)
