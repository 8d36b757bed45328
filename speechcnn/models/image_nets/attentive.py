"""A convolutional front whose places then look at one another: self-attention over frequency and time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, dropped

SLOWEST = 10_000.0  # wavelength of the slowest wave of a position, in places times 2 pi


class SelfAttention(nn.Module):
    """Each place takes a weighted mean of all places; the weights say how like its query their keys are."""

    def __init__(self, width: int, heads: int, backprop: Backprop) -> None:
        super().__init__()
        self.heads = heads
        self.queries = Linear(width, width, backprop=backprop)
        self.keys = Linear(width, width, backprop=backprop)
        self.values = Linear(width, width, backprop=backprop)
        self.mixed = Linear(width, width, backprop=backprop)

    def forward(self, places: Tensor) -> Tensor:
        """Attend.

        Shape: [B, P, D] -> the same.
        """
        queries, keys, values = (
            project(places).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for project in (self.queries, self.keys, self.values)
        )
        taken = nn.functional.scaled_dot_product_attention(queries, keys, values)
        return self.mixed(taken.transpose(1, 2).flatten(2))


class AttentionBlock(nn.Module):
    """Self-attention, then two full layers at each place, each added to what came in (norm first)."""

    def __init__(self, width: int, heads: int, dropout: float, backprop: Backprop) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), SelfAttention(width, heads, backprop), dropped(dropout))
        self.full = nn.Sequential(
            nn.LayerNorm(width),
            Linear(width, 4 * width, backprop=backprop),
            ReLU(backprop),
            dropped(dropout),
            Linear(4 * width, width, backprop=backprop),
            dropped(dropout),
        )

    def forward(self, places: Tensor) -> Tensor:
        """Let each place look at all.

        Shape: [B, P, D] -> the same.
        """
        places = places + self.attention(places)
        return places + self.full(places)


class Attend(nn.Module):
    """From maps to one vector: places with their positions, blocks of attention, the mean of all places."""

    def __init__(self, width: int, blocks: int, heads: int, dropout: float, backprop: Backprop) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(AttentionBlock(width, heads, dropout, backprop) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """Return one vector for each picture.

        Shape: [B, D, F, T] -> [B, D].
        """
        placed = maps + positions(maps)
        return self.norm(self.blocks(placed.flatten(2).transpose(1, 2))).mean(1)


def positions(maps: Tensor) -> Tensor:
    """Return waves that tell each place where it is: half of the channels count bands, half frames.

    Shape: maps [B, D, F, T] -> [D, F, T].

    Source: Vaswani et al. (2017), "Attention is all you need", section 3.5, once for each axis.
    """
    half, bands, frames = maps.shape[1] // 2, maps.shape[2], maps.shape[3]
    along_bands = waves(maps, bands, half)[:, :, None].expand(-1, -1, frames)
    along_frames = waves(maps, frames, half)[:, None].expand(-1, bands, -1)
    return torch.cat([along_bands, along_frames])


def waves(like: Tensor, length: int, channels: int) -> Tensor:
    """Return sines and cosines of rising wavelength over `length` places.

    Shape: [channels, length], channels being even.
    """
    steps = torch.arange(0, channels, 2, device=like.device, dtype=like.dtype)
    speeds = torch.exp(steps * (-math.log(SLOWEST) / channels))
    angles = speeds[:, None] * torch.arange(length, device=like.device, dtype=like.dtype)
    return torch.cat([angles.sin(), angles.cos()])


class AttentiveNet(ClassifyingNet):
    """Strided convolutions make places out of a spectrogram; self-attention lets each of them look at all others.

    Sources: lecture outline, "Transformers and self similarity"; Vaswani et al. (2017), "Attention is all you need";
    Xiao et al. (2021), "Early convolutions help transformers see better", for the front.

    Args:
        n_classes: scores.
        n_streams: channels of the spectrogram.
        widths: maps of each convolution of the front, each at stride 2; the last one is the length of a place's vector.
        blocks: blocks of attention.
        heads: parts of the vector that attend each for itself.
        dropout: share of values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".

    Raises:
        ValueError: a last width that is not a multiple of 4 and of the heads.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        widths: Sequence[int] = (32, 64, 128),
        blocks: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        backprop: Backprop = "custom",
    ) -> None:
        if not widths or min(widths) < 1 or heads < 1 or widths[-1] % math.lcm(4, heads):
            raise ValueError(
                f"the last of widths must be a multiple of 4 and of heads={heads}, the others at least 1; "
                f"got {list(widths)}."
            )
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1; got {blocks}.")
        layers = [
            ConvBlock(below, above, 3, 2, 1, batch_norm=True, backprop=backprop)
            for below, above in zip((n_streams, *widths), widths, strict=False)
        ]
        attend = Attend(widths[-1], blocks, heads, dropout, backprop)
        super().__init__(nn.Sequential(*layers), attend, widths[-1], n_classes, backprop)
