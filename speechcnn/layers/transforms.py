"""Transforms of a kernel, enumerated by the caller, as matrices: how a pattern looks turned, stretched or mirrored.

A transform moves the point at offset p from the kernel's centre to A p + b. The transformed kernel stands on a grid
with the same centre, so it holds what lies between the kernel's points, and the map from one to the other is linear:

    w_t[q] = sum over k of M_t[q, k] w[k],    dw[k] = sum over t, q of M_t[q, k] dw_t[q].

M_t holds the point correspondences that the lecture asks for: the values at A^-1 (q - b) by (bi)linear interpolation,
with zeros around the kernel, divided by |det A|, so that a stretched pattern gives the stretched kernel the response
that the pattern gave the kernel. Where a transform shrinks, interpolation would step over points; there each point is
shared among the places nearest to where it lands (the transposed interpolation). Turns by 90 degrees (of kernels whose
sizes are both odd or both even), reflections and shifts by whole bands are exact.

Source: the lecture's section on transform invariance; the derivative is left open there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.arguments import construct

DIGITS = 9  # decimals kept of a place on the grid: cos(90 degrees) is zero


@dataclass(frozen=True)
class Transform:
    """What all transforms share; as it stands it moves nothing."""

    n_axes: ClassVar[tuple[int, ...]] = (1, 2)  # the numbers of axes a kernel may have

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A [n, n] and b [n], both float64; axes in the order (bands,) frames."""
        return torch.eye(n_axes, dtype=torch.float64), torch.zeros(n_axes, dtype=torch.float64)


@dataclass(frozen=True)
class Identity(Transform):
    """The kernel as it is."""


@dataclass(frozen=True)
class Rotation(Transform):
    """A turn from the first axis towards the second, as `torch.rot90` turns."""

    degrees: float
    n_axes = (2,)

    def __post_init__(self) -> None:
        check_finite("degrees", self.degrees)

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        cosine, sine = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        return torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64), super().move(n_axes)[1]


@dataclass(frozen=True)
class Scale(Transform):
    """An enlargement of both axes by a factor; below 1 it shrinks."""

    factor: float
    n_axes = (2,)

    def __post_init__(self) -> None:
        check_positive("factor", self.factor)

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return scaled(n_axes, {0: self.factor, 1: self.factor})


@dataclass(frozen=True)
class Reflection(Transform):
    """An axis read backwards: 0 turns a picture upside down, 1 swaps left and right."""

    axis: int
    n_axes = (2,)

    def __post_init__(self) -> None:
        if self.axis not in (0, 1):
            raise ValueError(f"axis must be 0 (rows) or 1 (columns); got {self.axis}.")

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return scaled(n_axes, {self.axis: -1.0})


@dataclass(frozen=True)
class FrequencyShift(Transform):
    """A move along frequency, towards higher bands when positive."""

    bands: float
    n_axes = (2,)

    def __post_init__(self) -> None:
        check_finite("bands", self.bands)

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return super().move(n_axes)[0], torch.tensor([self.bands, 0.0], dtype=torch.float64)


@dataclass(frozen=True)
class TimeStretch(Transform):
    """A pattern that lasts longer by a factor; below 1 it is quicker."""

    factor: float

    def __post_init__(self) -> None:
        check_positive("factor", self.factor)

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return scaled(n_axes, {n_axes - 1: self.factor})


@dataclass(frozen=True)
class TimeReflection(Transform):
    """Time read backwards."""

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return scaled(n_axes, {n_axes - 1: -1.0})


@dataclass(frozen=True)
class FrequencyReflection(Transform):
    """Low bands for high ones."""

    n_axes = (2,)

    def move(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return A and b."""
        return scaled(n_axes, {0: -1.0})


TRANSFORMS: dict[str, type[Transform]] = {
    "identity": Identity,
    "rotation": Rotation,
    "scale": Scale,
    "reflection": Reflection,
    "frequency_shift": FrequencyShift,
    "time_stretch": TimeStretch,
    "time_reflection": TimeReflection,
    "frequency_reflection": FrequencyReflection,
}


def as_transforms(layer: str, given: Sequence[Transform | Mapping[str, Any]], n_axes: int) -> tuple[Transform, ...]:
    """Return the transforms, those in plain form built by name: `{"name": "rotation", "degrees": 90}`.

    Raises:
        ValueError: none given, an unknown one, or one that a kernel of so many axes does not have.
    """
    if isinstance(given, Mapping) or not len(given):
        raise ValueError(f"transforms must list at least one transform, such as Identity(); got {given!r}.")
    built = tuple(
        construct(f"transforms[{place}]", TRANSFORMS, item) if isinstance(item, Mapping) else item
        for place, item in enumerate(given)
    )
    for transform in built:
        if not isinstance(transform, Transform) or n_axes not in transform.n_axes:
            known = ", ".join(kind.__name__ for kind in TRANSFORMS.values() if n_axes in kind.n_axes)
            raise ValueError(f"{layer} takes the transforms {known}; got {transform!r}.")
    return built


def common_size(transforms: Sequence[Transform], kernel: Sequence[int]) -> tuple[int, ...]:
    """Return the smallest grid, per axis, on which nothing of any transformed kernel is cut.

    It is never smaller than the kernel and larger by an even number, so that both have one centre.
    """
    radius = (torch.tensor(kernel, dtype=torch.float64) - 1) / 2
    growth = torch.stack([reach(transform, radius) - radius for transform in transforms]).amax(0)
    steps = (growth.round(decimals=DIGITS).ceil() - 1).clamp_min(0).long().tolist()
    return tuple(size + 2 * step for size, step in zip(kernel, steps, strict=True))


def reach(transform: Transform, radius: Tensor) -> Tensor:
    """Return the offset from the centre, along each axis, from which on a transformed kernel is zero."""
    linear, shift = transform.move(len(radius))
    if shrinks(linear):
        return linear.abs() @ radius + 1 + shift.abs()
    return linear.abs() @ (radius + 1) + shift.abs()


def kernel_matrix(transform: Transform, kernel: Sequence[int], size: Sequence[int]) -> Tensor:
    """Return M, by which the flattened kernel becomes the flattened transformed kernel.

    Shape: [K'..., K...] flattened to [K', K]; float64 on the CPU.
    """
    linear, shift = transform.move(len(kernel))
    if shrinks(linear):
        return shares_at(offsets(kernel) @ linear.T + shift, size).T
    return shares_at((offsets(size) - shift) @ linear.inverse().T, kernel) / linear.det().abs()


def shrinks(linear: Tensor) -> bool:
    """Say whether a map A makes areas (or lengths) smaller."""
    return bool(linear.det().abs().round(decimals=DIGITS) < 1)


def offsets(size: Sequence[int]) -> Tensor:
    """Return the places of a grid, row by row, as offsets from its centre.

    Shape: [number of places, number of axes].
    """
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in size]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)


def shares_at(places: Tensor, size: Sequence[int]) -> Tensor:
    """Return what each point of a grid contributes at each place by (bi)linear interpolation.

    Shape: places [P, n] -> [P, number of points].
    """
    distance = (places[:, None] - offsets(size)).round(decimals=DIGITS).abs()
    return (1 - distance).clamp_min(0).prod(-1)


def transform_maps(maps: Tensor, transform: Transform) -> Tensor:
    """Move the content of maps about their centre, by (bi)linear interpolation, with zeros from outside.

    Shape: [B, C, (F,) T], kept.
    """
    flat = maps.dim() == 3
    linear, shift = transform.move(maps.dim() - 2)
    if flat:
        maps, linear, shift = maps[:, :, None], torch.block_diag(torch.ones(1, 1), linear), F.pad(shift, (1, 0))
    size = torch.tensor(maps.shape[2:], dtype=torch.float64)
    places = (
        (offsets(maps.shape[2:]) - shift) @ linear.inverse().T * 2 / size
    )  # torch counts from -1 to 1, frames first
    grid = places.flip(-1).view(1, *maps.shape[2:], 2).expand(len(maps), -1, -1, -1)
    moved = F.grid_sample(maps, grid.to(maps), align_corners=False)
    return moved[:, :, 0] if flat else moved


def check_finite(name: str, value: float) -> None:
    """Raise a ValueError unless the value is a finite number."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {value}.")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless the value is a finite number above zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0; got {value}.")


def scaled(n_axes: int, factors: Mapping[int, float]) -> tuple[Tensor, Tensor]:
    """Return A and b that multiply some axes and leave the others."""
    diagonal = torch.tensor([factors.get(axis, 1.0) for axis in range(n_axes)], dtype=torch.float64)
    return diagonal.diag(), torch.zeros_like(diagonal)
