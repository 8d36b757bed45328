"""Limited weight sharing: filters that are shared within a section of the frequency axis only.

A formant pattern far up the axis is another sound, so weights shared over the whole axis ask for too much; each section
of neighbouring bands has filters of its own (Abdel-Hamid, Mohamed, Jiang and Penn, 2012; Abdel-Hamid et al., 2014).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from speechcnn.layers.conv import convolve
from speechcnn.layers.flat import draw_like_torch
from speechcnn.layers.maps import Backprop, Size, check_backprop, check_fits, check_maps, per_axis
from speechcnn.shapes import conv_length


class CutSections(Function):
    """Copy overlapping sections of bands side by side; the adjoint of `AddSections`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(maps: Tensor, width: int, shift: int) -> Tensor:
        """Shape: [B, C, F, T] -> [B, S, C, width, T]."""
        return maps.unfold(2, width, shift).permute(0, 2, 1, 4, 3).contiguous()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivative needs."""
        maps, _, ctx.shift = inputs
        ctx.n_bands = maps.shape[2]

    @staticmethod
    def backward(ctx: Any, dsections: Tensor) -> tuple[Tensor, None, None]:
        """Add up what the sections say of each band."""
        return AddSections.apply(dsections, ctx.n_bands, ctx.shift), None, None


class AddSections(Function):
    """Add sections to the bands that they were cut from: `+=` where they overlap; the adjoint of `CutSections`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(sections: Tensor, n_bands: int, shift: int) -> Tensor:
        """Shape: [B, S, C, width, T] -> [B, C, n_bands, T]."""
        width = sections.shape[3]
        below = [s * shift for s in range(sections.shape[1])]
        placed = (
            F.pad(section, (0, 0, first, n_bands - first - width))
            for first, section in zip(below, sections.unbind(1), strict=True)
        )
        return reduce(torch.add, placed)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivative needs."""
        sections, _, ctx.shift = inputs
        ctx.width = sections.shape[3]

    @staticmethod
    def backward(ctx: Any, dmaps: Tensor) -> tuple[Tensor, None, None]:
        """Cut the derivative into sections."""
        return CutSections.apply(dmaps, ctx.width, ctx.shift), None, None


class PlaceFilters(Function):
    """Place each filter at every position in its section, zeros in the other bands; the adjoint of `CollectFilters`.

    A convolution along frequency and time is one along time alone whose maps are the bands, with a filter for each
    position: the same shifted along the bands.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(filters: Tensor, width: int) -> Tensor:
        """Shape: [S, J, C, K, KT] -> [S, J, L, C, width, KT], L = width - K + 1."""
        spare = width - filters.shape[3]
        placed = [F.pad(filters, (0, 0, first, spare - first)) for first in range(spare + 1)]
        return torch.stack(placed, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivative needs."""
        ctx.width = inputs[1]

    @staticmethod
    def backward(ctx: Any, dplaced: Tensor) -> tuple[Tensor, None]:
        """Add up what all positions say of each filter."""
        return CollectFilters.apply(dplaced), None


class CollectFilters(Function):
    """Add up what stands at a filter's positions: the adjoint of `PlaceFilters`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(placed: Tensor) -> Tensor:
        """Shape: [S, J, L, C, width, KT] -> [S, J, C, K, KT]."""
        length = placed.shape[4] - placed.shape[2] + 1
        return reduce(torch.add, (one.narrow(3, first, length) for first, one in enumerate(placed.unbind(2))))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivative needs."""
        ctx.width = inputs[0].shape[4]

    @staticmethod
    def backward(ctx: Any, dfilters: Tensor) -> Tensor:
        """Place the derivative like a filter."""
        return PlaceFilters.apply(dfilters, ctx.width)


class LimitedWeightSharingConv(nn.Module):
    """Convolution along frequency and time with own filters for each section of the frequency axis.

    Section s covers the bands from s * section_shift to s * section_shift + section_width. All sections are convolved
    by one grouped call along time, in which each filter stands at all its positions. A pooling layer over all
    positions of a section follows in the papers' networks.

    Args:
        in_channels: maps below.
        out_channels: filters of each section.
        n_bands: bands of the maps below; the sections must end with the last of them.
        section_width: bands of a section; at least the kernel's.
        section_shift: bands between the beginnings of two sections.
        kernel_size: bands and frames that a filter covers.
        padding: zeros before and after the frames (not the bands).
        bias: whether each filter has an offset.
        backprop: whose backward pass runs; "torch" loops over the sections.

    >>> layer = LimitedWeightSharingConv(3, 16, n_bands=40, section_width=12, section_shift=4, kernel_size=(8, 15))
    >>> layer(torch.zeros(2, 3, 40, 300)).shape
    torch.Size([2, 128, 5, 286])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        n_bands: int,
        section_width: int,
        section_shift: int,
        kernel_size: Size,
        padding: int = 0,
        bias: bool = True,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        kernel = per_axis("kernel_size", kernel_size, 2)
        if not kernel[0] <= section_width <= n_bands:
            raise ValueError(
                f"section_width must be from the kernel's {kernel[0]} bands to n_bands, {n_bands}; got {section_width}."
            )
        if section_shift < 1 or (n_bands - section_width) % section_shift:
            raise ValueError(
                "section_shift must divide n_bands - section_width, so that the last section ends with the last band; "
                f"got {section_shift} for {n_bands} - {section_width} = {n_bands - section_width}."
            )
        (self.padding,) = per_axis("padding", padding, 1, least=0)
        self.n_bands, self.width, self.shift, self.backprop = n_bands, section_width, section_shift, backprop
        n_sections = conv_length(n_bands, section_width, section_shift)
        self.weight = nn.Parameter(torch.empty(n_sections, out_channels, in_channels, *kernel))
        self.bias = nn.Parameter(torch.empty(n_sections, out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw each section's parameters as torch draws those of a convolution."""
        for s in range(len(self.weight)):
            draw_like_torch(self.weight[s].data, None if self.bias is None else self.bias[s].data)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve each section with its own filters.

        Shape: [B, C, F, T] -> [B, S * J, section_width - K + 1, T'], the maps of the first section first.

        Raises:
            TypeError, ValueError: maps that do not fit; the sentence names shape and rule.
        """
        check_maps("LimitedWeightSharingConv", maps, [2], self.weight.shape[2])
        if maps.shape[2] != self.n_bands:
            raise ValueError(
                f"LimitedWeightSharingConv was made for {self.n_bands} bands (axis 2); got {list(maps.shape)}."
            )
        if self.backprop == "torch":
            return self.loop_over_sections(maps)
        check_fits("LimitedWeightSharingConv", maps[:, :, : self.width], self.weight.shape[3:], (0, self.padding))
        sections = CutSections.apply(maps, self.width, self.shift).flatten(1, 3)
        placed = PlaceFilters.apply(self.weight, self.width)
        positions = placed.shape[2]
        bias = None if self.bias is None else self.bias.flatten().repeat_interleave(positions)
        weight, groups = placed.flatten(3, 4).flatten(0, 2), len(placed)
        return convolve(sections, weight, bias, padding=self.padding, groups=groups).unflatten(1, (-1, positions))

    def loop_over_sections(self, maps: Tensor) -> Tensor:
        """Do the same section by section, with torch's convolution."""
        biases = [None] * len(self.weight) if self.bias is None else self.bias.unbind()
        above = [
            F.conv2d(maps[:, :, s * self.shift : s * self.shift + self.width], weight, bias, padding=(0, self.padding))
            for s, (weight, bias) in enumerate(zip(self.weight.unbind(), biases, strict=True))
        ]
        return torch.cat(above, dim=1)

    def extra_repr(self) -> str:
        """Show the settings."""
        s, j, i, *kernel = self.weight.shape
        return (
            f"{i}, {j}, n_bands={self.n_bands}, sections={s}, section_width={self.width}, section_shift={self.shift}, "
            f"kernel_size={tuple(kernel)}, padding={self.padding}, backprop={self.backprop}"
        )
