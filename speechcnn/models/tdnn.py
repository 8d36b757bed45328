"""Time-delay networks: convolutions along time, over the bands of a frame as channels or over what 2-D filters found.

Source: Waibel, Hanazawa, Hinton, Shikano and Lang (1989), "Phoneme recognition using time-delay neural networks";
Peddinti, Povey and Khudanpur (2015), "A time delay neural network architecture for efficient modeling of long temporal
contexts" (layers whose taps lie apart).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Conv1d, Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import Assignment, HeterogeneousPool
from speechcnn.models.cnn_dnn import checked_shift, pool_sizes
from speechcnn.models.time_layers import (
    check_dropout,
    check_odd,
    context_of,
    inner,
    surrounded,
    time_layers,
    time_windows,
)
from speechcnn.shapes import Window


class Tdnn(nn.Module):
    """Time-delay network: a stack of convolutions along time over all rows of the features.

    With the kernels 3 and 5, a score kernel of 9, and neither batch normalisation nor residuals, it has the delays of
    1989; by default it is the kind of today. `context` says how many frames it sees around each frame: with frames of
    25 ms every 10 ms, 25 + 10 (context - 1) ms. One frame is enough to be scored.

    Args:
        n_classes: scores per frame (HMM states, or labels and a blank).
        n_streams: channels of the features (static, delta, delta-delta).
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        widths: maps of each layer.
        kernels: taps of each layer, odd.
        dilations: frames between two taps of each layer.
        score_kernel: frames over which the last, linear layer gathers, odd.
        batch_norm: whether each layer's maps are normalised over the batch.
        residual: whether a layer's input is added to its output where they have as many maps.
        dropout: share of values set to zero in training, after each layer.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        widths: Sequence[int] = (384, 384, 384, 384, 384, 384),
        kernels: Sequence[int] = (5, 3, 3, 3, 3, 3),
        dilations: Sequence[int] = (1, 1, 2, 2, 3, 3),
        score_kernel: int = 1,
        batch_norm: bool = True,
        residual: bool = True,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        windows = time_windows(widths, kernels, dilations)
        last = Window(check_odd("score_kernel", score_kernel))
        self.context = context_of([*windows, last])
        n_rows = n_streams * (n_bands + energy)
        self.layers = time_layers(n_rows, widths, windows, batch_norm, residual, dropout, backprop)
        self.score = Conv1d(widths[-1], n_classes, last.kernel, backprop=backprop)

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame of each utterance.

        Shape: features [B, C, F(+1), T] -> [B, T, K].
        """
        return self.score(self.layers(surrounded(features.flatten(1, 2), self.context))).transpose(1, 2)


class CnnTdnn(nn.Module):
    """Convolution along frequency and pooling along frequency, then a time-delay network over the pooled rows.

    Energy has no place on the frequency axis: its frame joins the pooled rows. `context` as of `Tdnn`.

    Args:
        n_classes: scores per frame (HMM states, or labels and a blank).
        n_streams: channels of the features (static, delta, delta-delta).
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        pool: bands over which the maximum is taken; 1 means no pooling. Several sizes pool heterogeneously.
        maps: filters of the convolution along frequency.
        span: bands that a filter covers.
        span_frames: frames that a filter covers, odd.
        pool_shift: bands between two maxima; by default 2, or 1 without pooling.
        assignment: how several sizes are given to the maps: each map has one ("partition") or all ("replicate").
        widths: maps of each layer along time; the first reads the pooled rows.
        kernels: taps of each layer along time, odd.
        dilations: frames between two taps of each layer.
        batch_norm: whether maps are normalised over the batch.
        residual: whether a layer's input is added to its output where they have as many maps.
        dropout: share of values set to zero in training, after each layer along time.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        pool: int | Sequence[int],
        maps: int = 84,
        span: int = 8,
        span_frames: int = 5,
        pool_shift: int | None = None,
        assignment: Assignment = "partition",
        widths: Sequence[int] = (384, 384, 384, 384, 384),
        kernels: Sequence[int] = (1, 3, 3, 3, 3),
        dilations: Sequence[int] = (1, 1, 2, 3, 3),
        batch_norm: bool = True,
        residual: bool = True,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if not 1 <= span <= n_bands:
            raise ValueError(f"span must be from 1 to the number of bands, {n_bands}; got {span}.")
        windows = time_windows(widths, kernels, dilations)
        self.n_bands, self.margin = n_bands, check_odd("span_frames", span_frames) // 2
        self.context = context_of([Window(span_frames), *windows])
        self.convolution = Conv2d(n_streams, maps, (span, span_frames), bias=not batch_norm, backprop=backprop)
        self.norm = nn.BatchNorm2d(maps) if batch_norm else nn.Identity()
        sizes = pool_sizes(pool, n_bands - span + 1)
        self.pool = HeterogeneousPool(
            maps, sizes, checked_shift(pool_shift, sizes, "full"), assignment, backprop=backprop
        )
        self.rectifier = ReLU(backprop)
        n_rows = self.pool.rows(n_bands - span + 1) + energy * n_streams
        self.layers = time_layers(n_rows, widths, windows, batch_norm, residual, dropout, backprop)
        self.score = Conv1d(widths[-1], n_classes, 1, backprop=backprop)

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame of each utterance.

        Shape: features [B, C, F(+1), T] -> [B, T, K].
        """
        features = surrounded(features, self.context)
        rows = self.rectifier(self.pool(self.norm(self.convolution(features[:, :, : self.n_bands]))))
        return self.score(self.layers(beside(rows, features[:, :, self.n_bands :], self.margin))).transpose(1, 2)


def beside(rows: Tensor, energy: Tensor, margin: int) -> Tensor:
    """Put the frames' energy, if there is one, below rows that lost some frames at each edge.

    Shape: rows [B, R, T - 2 margin], energy [B, C, 0 or 1, T] -> [B, R (+ C), T - 2 margin].
    """
    return torch.cat([rows, inner(energy, margin).flatten(1, 2).to(rows.dtype)], 1)
