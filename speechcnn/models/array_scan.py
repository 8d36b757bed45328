"""A scanned network on plain arrays, for streams in small pieces, where calls of torch's operators cost more than sums.

Batch normalisation is folded into the convolution before it. The numbers are those of `Stack.step` but for the rounding
of sums. States are tuples of arrays, None before anything. Matrices are multiplied by `dot`, which for one frame takes
half as long as `@`. Layers on maps with bands stand above, in `array_blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn.layers.conv import Conv1d, DepthwiseSeparable
from speechcnn.layers.flat import ReLU
from speechcnn.models.keyword_blocks import FLOOR, Floor, PhoneScores, Rows
from speechcnn.models.streaming import Residual, Scanned

Array = NDArray[np.float32]


class Unsupported(ValueError):
    """A module that this room has no counterpart for."""


class Part(Protocol):
    """A module on arrays."""

    def step(self, maps: Array, state: Any) -> tuple[Array | None, Any]:
        """Take the next frames; return the outputs that became ready, or None, and the state.

        Shape: [C, T] -> [J, T'].
        """


class Mix:
    """Convolution over one frame.

    Shape: weight [J, C], bias [J, 1].
    """

    def __init__(self, weight: Array, bias: Array) -> None:
        self.weight, self.bias = weight, bias

    def step(self, maps: Array, state: Any) -> tuple[Array, Any]:
        """Convolve what came."""
        return self.weight.dot(maps) + self.bias, state

    def scaled(self, scale: Array, shift: Array) -> Mix:
        """Return itself with its outputs scaled and shifted."""
        return Mix(self.weight * scale, self.bias * scale + shift)


class Along:
    """Convolution along time that keeps the inputs which later outputs need.

    Args:
        weight: [J, C, W], or [C, W] where each map is convolved with its own filter.
        bias: [J, 1].
        stride: frames between two outputs.
        dilation: frames between two taps.
    """

    def __init__(self, weight: Array, bias: Array, stride: int, dilation: int) -> None:
        self.weight, self.bias, self.stride, self.dilation = weight, bias, stride, dilation
        self.kernel = weight.shape[-1]
        self.extra = (self.kernel - 1) * dilation
        self.flat = np.ascontiguousarray(weight.reshape(len(weight), -1)) if weight.ndim == 3 else None

    def step(self, maps: Array, state: Array | None) -> tuple[Array | None, Array]:
        """Convolve what came, together with what was kept."""
        seen = np.ascontiguousarray(maps) if state is None else np.concatenate([state, maps], 1)
        n = (seen.shape[1] - self.extra - 1) // self.stride + 1
        if n < 1:
            return None, seen
        return self.convolved(seen, n), seen[:, n * self.stride :].copy()

    def convolved(self, seen: Array, n: int) -> Array:
        """Return the first `n` outputs.

        Shape: [C, T], contiguous -> [J, n].
        """
        row, step = seen.strides
        shape = (len(seen), self.kernel, n)
        taps: Array = np.ndarray(shape, np.float32, seen, 0, (row, self.dilation * step, self.stride * step))
        flat = self.flat
        found = np.einsum("ck,ckn->cn", self.weight, taps) if flat is None else flat.dot(taps.reshape(-1, n))
        return found + self.bias

    def scaled(self, scale: Array, shift: Array) -> Along:
        """Return itself with its outputs scaled and shifted."""
        weight = self.weight * scale.reshape(-1, *[1] * (self.weight.ndim - 1))
        return Along(weight, self.bias * scale + shift, self.stride, self.dilation)


class Rectify:
    """Zero in place of what is negative."""

    def step(self, maps: Array, state: Any) -> tuple[Array, Any]:
        """Rectify what came."""
        return np.maximum(maps, 0), state


class LogShares:
    """Logarithms of shares that sum to one (log softmax over maps)."""

    def step(self, maps: Array, state: Any) -> tuple[Array, Any]:
        """Share out what came."""
        above = maps - maps.max(0)
        return above - np.log(np.exp(above).sum(0)), state


class Raise:
    """Logarithms of shares as those of the shares and a floor; see `Floor`."""

    def step(self, maps: Array, state: Any) -> tuple[Array, Any]:
        """Raise what is low."""
        return np.log(np.exp(maps) + np.float32(FLOOR)), state


class Chain:
    """Parts one after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts

    def step(self, maps: Array, state: Any) -> tuple[Array | None, Any]:
        """Pass a piece through all parts, as far as outputs are ready."""
        states = list(state) if state is not None else [None] * len(self.parts)
        found: Array | None = maps
        for place, part in enumerate(self.parts):
            if found is None:
                break
            found, states[place] = part.step(found, states[place])
        return found, tuple(states)


class Sum:
    """A body and a shortcut around it, added and rectified; see `Residual`."""

    def __init__(self, body: Chain, shortcut: Sequence[Mix], later: int) -> None:
        self.body, self.shortcut, self.later = body, shortcut, later

    def step(self, maps: Array, state: Any) -> tuple[Array | None, Any]:
        """Add both where the body's result is ready."""
        body, held = state if state is not None else (None, None)
        found, body = self.body.step(maps, body)
        beside = maps
        for one in self.shortcut:
            beside, _ = one.step(beside, None)
        both = beside if held is None else np.concatenate([held, beside], 1)
        kept = both[:, max(0, both.shape[1] - self.later) :].copy()
        if found is None:
            return None, (body, kept)
        end = both.shape[1] - self.later
        return np.maximum(found + both[:, end - found.shape[1] : end], 0), (body, kept)


def chain_of(modules: Sequence[nn.Module]) -> Chain:
    """Return modules as parts.

    Raises:
        Unsupported: one of another kind.
    """
    parts: list[Any] = []
    for module in modules:
        if isinstance(module, nn.BatchNorm1d):
            parts[-1] = parts[-1].scaled(*affine_of(module))
        elif isinstance(module, nn.Sequential):
            parts += chain_of(list(module)).parts
        elif not isinstance(module, nn.Dropout | Rows):  # idle here
            parts += parts_of(module)
    return Chain(parts)


def parts_of(module: nn.Module) -> list[Part]:
    """Return one module as parts.

    Raises:
        Unsupported: a module of another kind.
    """
    if isinstance(module, ReLU):
        return [Rectify()]
    if isinstance(module, Floor):
        return [Raise()]
    if isinstance(module, PhoneScores):
        return [*parts_of(module.mix), LogShares()]
    if type(module) is Residual:
        return [Sum(chain_of([module.body]), mixes_of(module.shortcut), module.later)]
    layer = module.layer if isinstance(module, Scanned) else module
    if isinstance(layer, DepthwiseSeparable) and isinstance(layer.depthwise, Conv1d):
        along = layer.depthwise
        own = Along(array(along.weight[:, 0]), bias_of(along), along.stride[0], along.dilation[0])
        return [own, *parts_of(layer.pointwise)]
    if isinstance(layer, Conv1d) and layer.groups == 1 and layer.padding == (0,):
        weight = array(layer.weight)
        if weight.shape[2] == 1 and layer.stride == (1,):
            return [Mix(weight[..., 0], bias_of(layer))]
        return [Along(weight, bias_of(layer), layer.stride[0], layer.dilation[0])]
    raise Unsupported(f"{type(module).__name__} is not computed on arrays.")


def mixes_of(shortcut: nn.Module) -> list[Mix]:
    """Return a shortcut as parts that read one frame at a time.

    Raises:
        Unsupported: it does not.
    """
    parts = chain_of([shortcut]).parts
    mixes = [part for part in parts if isinstance(part, Mix)]
    if len(mixes) < len(parts):
        raise Unsupported("a shortcut that reads several frames is not computed on arrays.")
    return mixes


def affine_of(norm: nn.BatchNorm1d) -> tuple[Array, Array]:
    """Return what batch normalisation multiplies by and adds once trained.

    Shape: -> [C, 1], [C, 1].
    """
    mean, var = statistics_of(norm)
    scale = norm.weight.double() / (var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - mean.double() * scale
    return array(scale)[:, None], array(shift)[:, None]


def statistics_of(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance that batch normalisation uses once trained.

    Shape: -> [C], [C].

    Raises:
        Unsupported: it uses those of its input.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise Unsupported("batch normalisation without running statistics is not computed on arrays.")
    return norm.running_mean, norm.running_var


def bias_of(layer: Conv1d) -> Array:
    """Return a convolution's offsets, zeros where it has none.

    Shape: -> [J, 1].
    """
    zeros = torch.zeros(len(layer.weight))
    return array(zeros if layer.bias is None else layer.bias)[:, None]


def array(tensor: Tensor) -> Array:
    """Return a tensor's numbers."""
    return tensor.detach().float().contiguous().numpy().copy()
