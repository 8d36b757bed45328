"""Up-sampling by a whole factor: zeros, straight lines or a natural cubic spline between the samples.

Along an axis of N samples the output has factor * N values; value factor * i equals sample i. Beyond the last sample
lines and splines keep its value, zero insertion keeps zero.

Every mode is a linear map y = U x, so its derivative is the adjoint, dx = U^T dy, and the derivative of the adjoint is
U again: each pair of functions below is one another's backward pass, to any order. The adjoint of zero insertion drops
what stands at the inserted zeros; that of an interpolation adds up, for each sample, what every value took from it.

At the share t = k / factor of the way from sample i to its successor, with D for the difference of the two,

    line(t)   = x + t Dx
    spline(t) = x + t Dx + (t^2 - t) / 2 m + (t^3 - t) / 6 Dm

where m are the second derivatives at the samples (`speechcnn.layers.spline`).

Source: the lecture's section on up-sampling layers, which leaves the derivatives through lines and splines open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from speechcnn.layers.maps import Backprop, Size, check_backprop, check_maps, per_axis
from speechcnn.layers.spline import second_derivatives, second_derivatives_adjoint, sides, spline_matrix

Mode: TypeAlias = Literal["zeros", "linear", "cubic"]


class Upsample(nn.Module):
    """Enlarge maps by a whole factor along each axis.

    Args:
        factor: values for each sample, one number for all axes or one for each (bands, frames); 1 leaves an axis alone.
        mode: "zeros" between the samples, or a "linear" or "cubic" (natural spline) interpolation.
        output_size: length of each axis, from (N - 1) * factor + 1, where the last sample stands, to factor * N, which
            is the default; the end is cropped.
        backprop: "custom" for the derivatives by hand, "torch" for torch's own operators. There the spline solves a
            dense system, so its memory grows with the square of the axis.

    >>> Upsample((1, 4), mode="cubic")(torch.zeros(2, 3, 40, 100)).shape
    torch.Size([2, 3, 40, 400])
    """

    def __init__(
        self,
        factor: Size,
        mode: Mode = "zeros",
        output_size: Size | None = None,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_words(mode, backprop)
        per_axis("factor", factor, len(factor) if isinstance(factor, Sequence) else 1)
        self.factor, self.mode, self.output_size, self.backprop = factor, mode, output_size, backprop

    def forward(self, maps: Tensor) -> Tensor:
        """Enlarge the maps.

        Shape: [B, C, T] -> [B, C, factor * T], or [B, C, F, T] -> [B, C, factor * F, factor * T].

        Raises:
            ValueError: maps of another rank, an empty axis, or an `output_size` out of range.
            TypeError: maps of whole numbers.
        """
        return upsample(maps, self.factor, self.mode, self.output_size, self.backprop)

    def extra_repr(self) -> str:
        """Return what `print` shows between the brackets."""
        return f"factor={self.factor}, mode={self.mode!r}, output_size={self.output_size}, backprop={self.backprop!r}"


def upsample(
    maps: Tensor,
    factor: Size,
    mode: Mode = "zeros",
    output_size: Size | None = None,
    backprop: Backprop = "custom",
) -> Tensor:
    """Enlarge maps by a whole factor along each axis; the arguments are those of `Upsample`."""
    check_words(mode, backprop)
    check_maps("Upsample", maps, (1, 2))
    factors = per_axis("factor", factor, maps.dim() - 2)
    sizes = output_sizes(maps.shape[2:], factors, output_size)
    if max(factors) == 1:
        return maps
    if mode == "zeros":
        return InsertZeros.apply(maps, factors, sizes) if backprop == "custom" else insert_zeros(maps, factors, sizes)
    if mode == "linear" and backprop == "torch":
        return torch_lines(maps, factors, sizes)
    for axis in range(-1, -len(factors) - 1, -1):  # frames first: the axis whose neighbours lie side by side in memory
        if factors[axis] == 1:
            continue
        if backprop == "torch":
            maps = torch_spline(maps, factors[axis], sizes[axis], axis)
        else:
            maps = Interpolate.apply(maps, mode, factors[axis], sizes[axis], axis)
    return maps


def check_words(mode: str, backprop: str) -> None:
    """Raise a ValueError unless both words are known."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode must be 'zeros', 'linear' or 'cubic'; got {mode!r}.")
    check_backprop(backprop)


def output_sizes(sizes: Sequence[int], factors: Sequence[int], wanted: Size | None) -> tuple[int, ...]:
    """Return the length of each enlarged axis.

    Raises:
        ValueError: an axis without samples, or a wanted length that loses a sample or goes beyond factor * N.
    """
    if min(sizes) < 1:
        raise ValueError(f"Upsample needs at least one sample along each axis; got maps of {list(sizes)}.")
    largest = tuple(size * factor for size, factor in zip(sizes, factors, strict=True))
    if wanted is None:
        return largest
    chosen = per_axis("output_size", wanted, len(factors))
    for size, factor, limit, length in zip(sizes, factors, largest, chosen, strict=True):
        if not limit - factor < length <= limit:
            raise ValueError(
                f"output_size of an axis of {size} samples enlarged by {factor} must be from {limit - factor + 1}, "
                f"(N - 1) * factor + 1, to {limit}, factor * N; got {length}."
            )
    return chosen


class InsertZeros(Function):
    """y = U x: the samples at each factor-th place of the last axes, zeros between."""

    generate_vmap_rule = True

    @staticmethod
    def forward(samples: Tensor, factors: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
        """Shape: [..., N...] -> [..., size...]."""
        return insert_zeros(samples, factors, sizes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the adjoint needs."""
        ctx.factors = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Set dx = U^T dy."""
        return DropBetween.apply(grad, ctx.factors), None, None


class DropBetween(Function):
    """x = U^T y: each factor-th value; the adjoint of `InsertZeros`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, factors: tuple[int, ...]) -> Tensor:
        """Shape: [..., size...] -> [..., N...]."""
        return values[every(factors)].clone(memory_format=torch.contiguous_format)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the adjoint needs."""
        values, ctx.factors = inputs
        ctx.sizes = tuple(values.shape[-len(ctx.factors) :])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Set the derivative of U^T dy for dy: U."""
        return InsertZeros.apply(grad, ctx.factors, ctx.sizes), None


class Interpolate(Function):
    """y = U x along one axis, counted from the end: lines or a spline through the samples."""

    generate_vmap_rule = True

    @staticmethod
    def forward(samples: Tensor, mode: Mode, factor: int, size: int, axis: int) -> Tensor:
        """Shape: [..., N, ...] -> [..., size, ...]."""
        parts = parts_of(working(samples), mode, axis)
        shape = list(samples.shape)
        shape[axis] = size
        values = samples.new_empty(shape)
        for k in range(factor):
            target = values[phase(k, factor, axis)]
            target.copy_(mixed(parts, shares(mode, k / factor)).narrow(axis, 0, target.shape[axis]))
        return values

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the adjoint needs."""
        _, ctx.mode, ctx.factor, _, ctx.axis = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Set dx = U^T dy."""
        return InterpolateAdjoint.apply(grad, ctx.mode, ctx.factor, ctx.axis), None, None, None, None


class InterpolateAdjoint(Function):
    """x = U^T y: each sample gets the sum of what the values took from it; the adjoint of `Interpolate`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, mode: Mode, factor: int, axis: int) -> Tensor:
        """Shape: [..., size, ...] -> [..., N, ...]."""
        first = working(values[phase(0, factor, axis)])  # the samples' own places, so its length is N
        parts = [first.clone(), *(torch.zeros_like(first) for _ in shares(mode, 0.0)[1:])]
        for k in range(1, factor):
            source = working(values[phase(k, factor, axis)])
            for part, share in zip(parts, shares(mode, k / factor), strict=True):
                part.narrow(axis, 0, source.shape[axis]).add_(source, alpha=share)
        return parts_adjoint(parts, axis).to(values.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the adjoint needs."""
        values, ctx.mode, ctx.factor, ctx.axis = inputs
        ctx.size = values.shape[ctx.axis]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Set the derivative of U^T dy for dy: U."""
        return Interpolate.apply(grad, ctx.mode, ctx.factor, ctx.size, ctx.axis), None, None, None


def shares(mode: Mode, t: float) -> tuple[float, ...]:
    """Return what a value at `t` of the way takes from each of the parts."""
    return (1.0, t) if mode == "linear" else (1.0, t, (t**2 - t) / 2, (t**3 - t) / 6)


def parts_of(samples: Tensor, mode: Mode, axis: int) -> list[Tensor]:
    """Return x and Dx and, for a spline, m and Dm."""
    parts = [samples, steps(samples, axis)]
    if mode == "cubic":
        bends = second_derivatives(samples, axis)
        parts += [bends, steps(bends, axis)]
    return parts


def parts_adjoint(parts: list[Tensor], axis: int) -> Tensor:
    """Return the adjoint of `parts_of`: one derivative for each sample."""
    samples = parts[0] + steps_adjoint(parts[1], axis)
    if len(parts) == 4:
        samples += second_derivatives_adjoint(parts[2] + steps_adjoint(parts[3], axis), axis)
    return samples


def mixed(parts: list[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted sum of the parts, the first of which counts once."""
    total = parts[0].clone()
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        if weight:
            total.add_(part, alpha=weight)
    return total


def steps(samples: Tensor, axis: int) -> Tensor:
    """Return x[i+1] - x[i], and zero at the last place: the last sample is its own successor."""
    length = samples.shape[axis]
    differences = F.pad(samples, sides(0, 1, axis)).narrow(axis, 1, length) - samples
    differences.narrow(axis, length - 1, 1).zero_()
    return differences


def steps_adjoint(values: Tensor, axis: int) -> Tensor:
    """Return v[i-1] - v[i], where v are the values with zero at the last place."""
    length = values.shape[axis]
    values = values.clone()
    values.narrow(axis, length - 1, 1).zero_()
    return F.pad(values, sides(1, 0, axis)).narrow(axis, 0, length) - values


def insert_zeros(samples: Tensor, factors: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    """Write the samples at each factor-th place of a map of zeros."""
    values = samples.new_zeros(*samples.shape[: -len(factors)], *sizes)
    values[every(factors)] = samples
    return values


def every(factors: tuple[int, ...]) -> tuple:
    """Return the index of each factor-th place along the last axes."""
    return (..., *(slice(None, None, factor) for factor in factors))


def phase(k: int, factor: int, axis: int) -> tuple:
    """Return the index of the places k, k + factor, .. along an axis counted from the end."""
    return (..., slice(k, None, factor), *(slice(None),) * (-axis - 1))


def working(tensor: Tensor) -> Tensor:
    """Return the tensor in the precision in which sums are taken: half precision is widened."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def torch_lines(maps: Tensor, factors: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    """Interpolate by torch's operator, which ends at the last sample, and repeat that sample."""
    inner = [(size - 1) * factor + 1 for size, factor in zip(maps.shape[2:], factors, strict=True)]
    lines = F.interpolate(maps, inner, mode="linear" if len(factors) == 1 else "bilinear", align_corners=True)
    missing = [length for size, had in zip(sizes[::-1], inner[::-1], strict=True) for length in (0, size - had)]
    return F.pad(lines, missing, mode="replicate")


def torch_spline(maps: Tensor, factor: int, size: int, axis: int) -> Tensor:
    """Multiply one axis by the matrix of the spline, found by a dense solve."""
    length = maps.shape[axis]
    bends = spline_matrix(length, maps.device)
    here = torch.eye(length, dtype=bends.dtype, device=maps.device)
    parts = [here, steps(here, -2), bends, steps(bends, -2)]
    rows = torch.stack([mixed(parts, shares("cubic", k / factor)) for k in range(factor)], 1).flatten(0, 1)
    with torch.autocast(maps.device.type, enabled=False):  # as torch's own up-sampling, it keeps its maps' type
        return torch.tensordot(maps, rows[:size].to(maps), ([axis], [1])).movedim(-1, axis)
