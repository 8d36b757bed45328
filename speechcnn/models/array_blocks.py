"""Networks on plain arrays whose first layers are 2-D: maps with bands, laid out as rows [C * F, T] as `Rows` does.

What is affine between two rectifiers becomes one matrix: convolutions, batch normalisation, means over bands. It is
read off torch's own layers by asking them for each unit vector, so that no rule of theirs stands here a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.models.array_scan import (
    Along,
    Array,
    Chain,
    Mix,
    Rectify,
    Unsupported,
    array,
    chain_of,
    statistics_of,
)
from speechcnn.models.keyword_blocks import Broadcast, Rows
from speechcnn.models.streaming import Scanned, Stack, field_of


class Plane(NamedTuple):
    """The size of maps in one frame."""

    maps: int
    bands: int


class Affine(NamedTuple):
    """A matrix and an offset from some frames to one.

    Shape: weight [J * F', C * F, W], bias [J * F', 1].
    """

    weight: Array
    bias: Array
    above: Plane  # J, F'


class Spread:
    """A broadcast-residual block; see `Broadcast`.

    Every number to be added, but for the body's, is added at the end: a frame costs calls more than sums.

    Args:
        first: mixes the maps, alike in all bands, before they are rectified; None where there is no such step.
        bands: [C, F' + 1, F], what each map's bands give: those that are added, then their mean, that the body reads.
        along: the body's convolution of the means, [C, T] -> [C, T'].
        last: [C, C], from its rectified results to what is added to all bands.
        offset: [C, F', 1].
    """

    def __init__(self, first: Mix | None, bands: Array, along: Along, last: Array, offset: Array) -> None:
        self.first, self.bands, self.along, self.last, self.offset = first, bands, along, last, offset
        self.before = along.extra // 2  # frames that the body sees before the one that is added

    def step(self, maps: Array, state: Array | None) -> tuple[Array | None, Array]:
        """Take the next frames, together with what the bands gave for those that are still needed.

        Shape: [C * F, T] -> [C' * F', T'].
        """
        rows = self.bands @ self.divided(maps)
        seen = rows if state is None else np.concatenate([state, rows], 2)
        n = seen.shape[2] - self.along.extra
        if n < 1:
            return None, seen
        found = np.maximum(self.along.convolved(np.ascontiguousarray(seen[:, -1]), n), 0)
        added = self.last.dot(found)[:, None] + seen[:, :-1, self.before : self.before + n]
        added += self.offset
        return np.maximum(added, 0).reshape(-1, n), seen[:, :, n:].copy()

    def divided(self, maps: Array) -> Array:
        """Return maps as their bands, mixed if they are.

        Shape: [C * F, T] -> [C', F, T].
        """
        n_maps, _, n_bands = self.bands.shape
        if self.first is None:
            return maps.reshape(n_maps, n_bands, -1)
        below = maps.reshape(self.first.weight.shape[1], -1)
        return np.maximum(self.first.step(below, None)[0], 0).reshape(n_maps, n_bands, -1)


def network_of(body: Stack, bands: int) -> Chain:
    """Return a network as parts: its layers up to a `Rows` on maps with bands, all others along time alone.

    Args:
        body: its layers; they read one map.
        bands: rows of that map.

    Raises:
        Unsupported: a module that has no counterpart.
    """
    modules = list(body)
    n_planar = next((place for place, module in enumerate(modules) if isinstance(module, Rows)), 0)
    return Chain([*planar_parts(modules[:n_planar], Plane(1, bands)), *chain_of(modules[n_planar:]).parts])


def planar_parts(modules: Sequence[nn.Module], plane: Plane) -> list[Any]:
    """Return modules that read maps with bands as parts.

    Args:
        modules: one after the other.
        plane: what the first reads.

    Raises:
        Unsupported: a module of another kind.
    """
    parts: list[Any] = []
    part: Any
    for affine, run in groupby(modules, is_affine):
        if affine:
            part, plane = affine_part(list(run), plane)
            parts.append(part)
            continue
        for module in run:
            if isinstance(module, Broadcast):
                part, plane = spread_part(module, plane)
                parts.append(part)
            elif isinstance(module, ReLU):
                parts.append(Rectify())
            elif not isinstance(module, nn.Dropout):  # idle here
                raise Unsupported(f"{type(module).__name__} is not computed on arrays.")
    return parts


def is_affine(module: nn.Module) -> bool:
    """Return whether a module's outputs are weighted sums of its inputs and an offset, of one frame unless scanned."""
    if isinstance(module, Conv2d):
        return (module.weight.shape[-1], module.stride[-1], module.padding[-1]) == (1, 1, 0)
    return isinstance(module, Scanned | nn.BatchNorm2d)


def affine_part(modules: Sequence[nn.Module], plane: Plane) -> tuple[Mix | Along, Plane]:
    """Return modules that are affine together as one part, and the size of its maps."""
    windows = [module.window for module in modules if isinstance(module, Scanned)]
    weight, bias, above = affine_of_planes(modules, plane)
    if not windows:
        return Mix(weight[..., 0], bias), above
    gap = windows[0].dilation if len(windows) == 1 else 1  # between the taps that are not zero
    return Along(np.ascontiguousarray(weight[..., ::gap]), bias, field_of(Stack(*modules)).stride, gap), above


def spread_part(block: Broadcast, plane: Plane) -> tuple[Spread, Plane]:
    """Return a block as a part, and the size of its maps."""
    *mixed, along_bands, norm = block.shortcut.children()
    first = None
    if mixed:
        first, _ = planar_parts(mixed, Plane(plane.maps, 1))
        plane = Plane(len(first.weight), plane.bands)
    weight, bias, above = affine_of_planes([along_bands, norm], plane)
    each, offset = np.arange(plane.maps), bias.reshape(*above, 1)
    bands = weight.reshape(plane.maps, above.bands, *plane)[each, :, each]  # no map reads another
    added = bands + np.eye(plane.bands, dtype=np.float32) if block.adds_input else bands
    along, _, last = planar_parts(list(block.body)[1:], Plane(plane.maps, 1))  # behind the mean over bands
    along.bias = along.bias + along.weight.sum(2) @ offset.mean(1)
    rows = np.ascontiguousarray(np.concatenate([added, bands.mean(1, keepdims=True)], 1))
    return Spread(first, rows, along, last.weight, offset + last.bias[:, None]), above


def affine_of_planes(modules: Sequence[nn.Module], plane: Plane) -> Affine:
    """Return what modules compute from the frames that one output sees, which must be affine.

    Raises:
        Unsupported: a normalisation by what it is given.
    """
    together = deepcopy(Stack(*modules)).double().eval()
    for one in together.modules():
        if isinstance(one, nn.BatchNorm2d):
            statistics_of(one)
    shape = (*plane, field_of(together).size)
    n_inputs = int(np.prod(shape))
    units = torch.cat([torch.zeros(1, n_inputs), torch.eye(n_inputs)]).double().reshape(-1, *shape)
    with torch.no_grad():
        answers = together(units)[..., 0]
    offset, found = answers[0].flatten(), answers[1:].flatten(1)
    weight = array((found - offset).T).reshape(-1, plane.maps * plane.bands, shape[-1])
    return Affine(weight, array(offset)[:, None], Plane(*answers.shape[1:]))
