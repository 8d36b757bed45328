"""The trilinear form behind every convolution, and its three derivatives.

For one group, with stride s, dilation d and padding p, let

    T(y, w, z) = sum over j, i, n, k of  z[j, n] w[j, i, k] y[i, s n + d k - p]

where y are the maps below, w the filters and z values on the maps above; n and k run over positions of one or two axes.
T is linear in each of the three, so its partial derivative for each is an operator of the other two:

    dT/dz = convolve(y, w):   z[j, n] = sum of w[j, i, k] y[i, s n + d k - p]: the forward pass, z "pulls" from y
    dT/dy = expand(z, w):     y[i, s n + d k - p] += w[j, i, k] z[j, n]: dY, "pushed" back and added where it meets
    dT/dw = correlate(y, z):  w[j, i, k] = sum of z[j, n] y[i, s n + d k - p]: dw, each map with each derivative

With s = 1, expand is the lecture's convolution of the zero-padded derivative with the transposed and flipped filter;
with s > 1 it is the same after s - 1 zeros are put between the derivatives. The derivatives of each operator are made
of the other two, so the three functions below differentiate one another to any order, and the expanding convolution
needs nothing more. (They have no `jvp`: `torch.compile` refuses Functions that have one.)

Source: Bhiksha Raj, "Convolutional Networks IV" (2021), slides "Computing the derivative for Y(l-1, m)", "The filter
derivative" and "Complete Backward (with strides)". torch's kernels do the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

Sizes: TypeAlias = tuple[int, ...]

FEW_MAPS, LITTLE_PADDING = 4, 3


class Scan(NamedTuple):
    """How filters move over maps: one number for each axis, and the number of groups of channels."""

    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int = 1

    def extent(self, kernel: Sequence[int]) -> Sizes:
        """Return how many values a kernel covers along each axis, dilation counted in."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, kernel, strict=True))

    def pushed(self, sizes: Sequence[int], kernel: Sequence[int]) -> Sizes:
        """Return how many values maps of the given sizes reach when they are expanded, the padding cut off."""
        axes = zip(sizes, self.extent(kernel), self.stride, self.padding, strict=True)
        return tuple((size - 1) * s + extent - 2 * p for size, extent, s, p in axes)

    def unpadded(self) -> Scan:
        """Return the same without padding."""
        return self._replace(padding=(0,) * len(self.padding))

    def pads_beforehand(self, w: Tensor) -> bool:
        """Say whether zeros had better be put around the maps below than left to torch's kernels.

        On the CPU these take from a fifth longer to twice as long where frames are padded by more than 3 and a filter
        sees few maps (oneDNN 3.12, AVX-512, kernels of 9 to 15 frames). Few maps are cheap to copy, if there are many
        more above.
        """
        few = w.shape[1] <= FEW_MAPS and 4 * w.shape[1] * self.groups <= w.shape[0]
        return w.device.type == "cpu" and few and self.padding[-1] > LITTLE_PADDING


class Convolve(Function):
    """z = convolve(y, w) + bias; the partial derivative of T for z."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, w: Tensor, bias: Tensor | None, scan: Scan) -> Tensor:
        """Shape: y [B, I, ...], w [J, I / groups, K...] -> [B, J, ...]."""
        if scan.pads_beforehand(w):
            y, scan = F.pad(y, [p for padding in reversed(scan.padding) for p in (padding, padding)]), scan.unpadded()
        none = (0,) * len(scan.stride)
        return torch.convolution(y, w, bias, scan.stride, scan.padding, scan.dilation, False, none, scan.groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        y, w, _, ctx.scan = inputs
        ctx.save_for_backward(y, w)

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        """Set dy = expand(dz, w), dw = correlate(y, dz), dbias = sum of dz."""
        (y, w), scan = ctx.saved_tensors, ctx.scan
        needs_y, needs_w, needs_bias, _ = ctx.needs_input_grad
        return (
            applied(Expand, dz, w, None, tuple(y.shape[2:]), scan) if needs_y else None,
            applied(Correlate, y, dz, tuple(w.shape[2:]), scan) if needs_w else None,
            sum_maps(dz) if needs_bias else None,
            None,
        )


class Expand(Function):
    """y = expand(z, w) + bias, on maps of the given sizes; the partial derivative of T for y."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, w: Tensor, bias: Tensor | None, sizes: Sizes, scan: Scan) -> Tensor:
        """Shape: z [B, J, ...], w [J, I / groups, K...] -> [B, I, sizes...]."""
        if scan.pads_beforehand(w):
            whole = tuple(size + 2 * p for size, p in zip(sizes, scan.padding, strict=True))
            y = Expand.forward(z, w, bias, whole, scan.unpadded())
            for axis, (padding, size) in enumerate(zip(scan.padding, sizes, strict=True), start=2):
                y = y.narrow(axis, padding, size)
            return y.contiguous()
        rest = tuple(a - b for a, b in zip(sizes, scan.pushed(z.shape[2:], w.shape[2:]), strict=True))
        return torch.convolution(z, w, bias, scan.stride, scan.padding, scan.dilation, True, rest, scan.groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        z, w, _, ctx.sizes, ctx.scan = inputs
        ctx.save_for_backward(z, w)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Set dz = convolve(dy, w), dw = correlate(dy, z), dbias = sum of dy."""
        (z, w), scan = ctx.saved_tensors, ctx.scan
        needs_z, needs_w, needs_bias = ctx.needs_input_grad[:3]
        return (
            applied(Convolve, dy, w, None, scan) if needs_z else None,
            applied(Correlate, dy, z, tuple(w.shape[2:]), scan) if needs_w else None,
            sum_maps(dy) if needs_bias else None,
            None,
            None,
        )


class Correlate(Function):
    """w = correlate(y, z) for kernels of the given sizes; the partial derivative of T for w."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, z: Tensor, kernel: Sizes, scan: Scan) -> Tensor:
        """Shape: y [B, I, ...], z [B, J, ...] -> [J, I / groups, kernel...]."""
        shape = (z.shape[1], y.shape[1] // scan.groups, *kernel)
        unread = y.new_empty(()).expand(shape)  # only its shape is looked at
        none, wanted = (0,) * len(kernel), (False, True, False)
        return torch.ops.aten.convolution_backward(
            z, y, unread, None, scan.stride, scan.padding, scan.dilation, False, none, scan.groups, wanted
        )[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        y, z, ctx.kernel, ctx.scan = inputs
        ctx.save_for_backward(y, z)

    @staticmethod
    def backward(ctx: Any, dw: Tensor) -> tuple[Tensor | None, ...]:
        """Set dy = expand(z, dw), dz = convolve(y, dw)."""
        (y, z), scan = ctx.saved_tensors, ctx.scan
        needs_y, needs_z = ctx.needs_input_grad[:2]
        return (
            applied(Expand, z, dw, None, tuple(y.shape[2:]), scan) if needs_y else None,
            applied(Convolve, y, dw, None, scan) if needs_z else None,
            None,
            None,
        )


for operator in (Convolve, Expand, Correlate):
    # torch asks for a Function's signature at each call, which takes longer than a small convolution.
    operator.forward.__signature__ = signature(operator.forward)  # type: ignore[union-attr]


def applied(function: type[Function], *arguments: Any) -> Tensor:
    """Apply a function; where nothing will be differentiated, without what that costs."""
    return function.apply(*arguments) if torch.is_grad_enabled() else function.forward(*arguments)


def sum_maps(maps: Tensor) -> Tensor:
    """Sum each map over the batch and all positions: [B, C, ...] -> [C]."""
    return maps.sum([0, *range(2, maps.dim())])
