"""A deep convolutional network: residual blocks over frequency and time, then over time.

Source of the block: He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition"; of maxout:
Goodfellow et al. (2013), "Maxout networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from torch import Tensor, nn

from speechcnn.layers.conv import Conv1d, Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool
from speechcnn.models.tdnn import beside
from speechcnn.models.time_layers import check_dropout, context_of, inner, surrounded, time_layers, time_windows
from speechcnn.shapes import Window

Activation: TypeAlias = Literal["relu", "maxout"]
KERNEL, PIECES, POOL = 3, 2, 2
MOST_STAGES = 8


class ResidualCnn(nn.Module):
    """Stages of residual blocks, each stage ending in a maximum over pairs of bands; then residual layers along time.

    Along frequency zeros stand around the bands; along time each layer sees real frames only. Energy joins the rows
    before the layers along time. `context` says how many frames the network sees around each frame: with frames of
    25 ms every 10 ms, 25 + 10 (context - 1) ms. One frame is enough to be scored.

    Args:
        n_classes: scores per frame (HMM states, or labels and a blank).
        n_streams: channels of the features (static, delta, delta-delta).
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        maps: maps of each stage; bands are halved after each.
        blocks: residual blocks of each stage.
        activation: "relu", or "maxout", the larger of each two maps.
        widths: maps of each layer along time; the first reads the rows.
        kernels: taps of each layer along time, odd.
        dilations: frames between two taps of each layer.
        dropout: share of values set to zero in training: whole maps in the blocks, single values along time.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        maps: Sequence[int] = (32, 64),
        blocks: int = 1,
        activation: Activation = "relu",
        widths: Sequence[int] = (320, 320, 320, 320),
        kernels: Sequence[int] = (1, 3, 3, 3),
        dilations: Sequence[int] = (1, 2, 3, 4),
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        check_stages(maps, blocks, n_bands)
        windows = time_windows(widths, kernels, dilations)
        self.n_bands = n_bands
        self.stem = Activated(n_streams, maps[0], activation, backprop)
        self.stages = nn.Sequential(*stages(maps, blocks, activation, dropout, backprop))
        deep = [Window(KERNEL)] * (1 + 2 * blocks * len(maps))
        self.margin, self.context = context_of(deep) // 2, context_of([*deep, *windows])
        n_rows = maps[-1] * (n_bands // POOL ** len(maps)) + energy * n_streams
        self.layers = time_layers(n_rows, widths, windows, True, True, dropout, backprop)
        self.score = Conv1d(widths[-1], n_classes, 1, backprop=backprop)

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame of each utterance.

        Shape: features [B, C, F(+1), T] -> [B, T, K].
        """
        features = surrounded(features, self.context)
        rows = self.stages(self.stem(features[:, :, : self.n_bands])).flatten(1, 2)
        return self.score(self.layers(beside(rows, features[:, :, self.n_bands :], self.margin))).transpose(1, 2)


class Activated(nn.Module):
    """A convolution over 3 bands and 3 frames, batch normalisation, and the rectifier or maxout."""

    def __init__(self, n_in: int, n_out: int, activation: Activation, backprop: Backprop) -> None:
        super().__init__()
        pieces = PIECES if activation == "maxout" else 1
        self.convolution = convolution(n_in, pieces * n_out, backprop)
        self.norm = nn.BatchNorm2d(pieces * n_out)
        self.activation = Maxout(backprop) if activation == "maxout" else ReLU(backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, F, T] -> [B, C', F, T - 2]."""
        return self.activation(self.norm(self.convolution(maps)))


class Maxout(nn.Module):
    """The larger of each two neighbouring maps, which is a maximum pooled over maps."""

    def __init__(self, backprop: Backprop) -> None:
        super().__init__()
        self.pool = MaxPool((PIECES, 1), stride=(PIECES, 1), backprop=backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, 2 C, F, T] -> [B, C, F, T]."""
        return self.pool(maps.flatten(2).unsqueeze(1)).squeeze(1).unflatten(2, maps.shape[2:])


class Block(nn.Module):
    """Two convolutions and the input beside them, through filters of one value where the maps are not as many."""

    def __init__(self, n_in: int, n_out: int, activation: Activation, dropout: float, backprop: Backprop) -> None:
        super().__init__()
        self.first = Activated(n_in, n_out, activation, backprop)
        self.dropout = nn.Dropout2d(dropout)
        self.second, self.norm = convolution(n_out, n_out, backprop), nn.BatchNorm2d(n_out)
        self.beside = nn.Identity() if n_in == n_out else Conv2d(n_in, n_out, 1, backprop=backprop)
        self.rectifier = ReLU(backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, F, T] -> [B, C', F, T - 4]."""
        found = self.norm(self.second(self.dropout(self.first(maps))))
        return self.rectifier(found + self.beside(inner(maps, 2 * (KERNEL // 2))))


class HalveBands(nn.Module):
    """The maximum of each two neighbouring bands; a band that is left over is dropped."""

    def __init__(self, backprop: Backprop) -> None:
        super().__init__()
        self.pool = MaxPool((POOL, 1), stride=(POOL, 1), backprop=backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, F, T] -> [B, C, F // 2, T]."""
        return self.pool(maps.contiguous())


def stages(
    maps: Sequence[int], blocks: int, activation: Activation, dropout: float, backprop: Backprop
) -> list[nn.Module]:
    """Return the blocks and pools, in order."""
    found: list[nn.Module] = []
    n_in = maps[0]
    for n_out in maps:
        for _ in range(blocks):
            found.append(Block(n_in, n_out, activation, dropout, backprop))
            n_in = n_out
        found.append(HalveBands(backprop))
    return found


def convolution(n_in: int, n_out: int, backprop: Backprop) -> Conv2d:
    """Return a convolution over 3 bands, with zeros around them, and 3 frames, without."""
    return Conv2d(n_in, n_out, KERNEL, padding=(KERNEL // 2, 0), bias=False, backprop=backprop)


def check_stages(maps: Sequence[int], blocks: int, n_bands: int) -> None:
    """Raise a ValueError unless the bands can be halved after each stage, and each has maps and blocks."""
    if not 1 <= len(maps) <= MOST_STAGES or min(maps) < 1:
        raise ValueError(f"maps must list 1 to {MOST_STAGES} stages, each of at least 1; got {list(maps)[:20]}.")
    if not 1 <= blocks <= 100:
        raise ValueError(f"blocks must be from 1 to 100; got {blocks}.")
    if n_bands < POOL ** len(maps):
        raise ValueError(f"{len(maps)} stages halve the bands as often and need {POOL ** len(maps)}; got {n_bands}.")
