"""The fully connected net and the convolution-over-frequency net of the lecture's table.

Both read a context of frames around each frame and give one score per HMM state and frame. The context is the time
extent of the first layer's kernel, so the whole utterance is scanned as one network: no window is ever copied.

Source: Deng, Abdel-Hamid and Yu (2013), "A deep convolutional neural network using heterogeneous pooling for
trading acoustic invariance with phonetic confusion"; Abdel-Hamid et al. (2014), "Convolutional neural networks for
speech recognition".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from speechcnn.layers.conv import Conv1d, Conv2d
from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import Assignment, HeterogeneousPool
from speechcnn.layers.sharing import LimitedWeightSharingConv
from speechcnn.models.heads import FullLayers, check_context
from speechcnn.shapes import conv_length

Sharing = Literal["full", "limited"]
# Bands between two maxima where none are given; sections of 6 and of 12 positions end with the last of 40 bands.
DEFAULT_SHIFTS = {"full": 2, "limited": 3}


class Dnn(nn.Module):
    """Fully connected net over a context of frames: the first row of the lecture's table.

    Args:
        n_classes: scores per frame (HMM states).
        n_streams: channels of the features (static, delta, delta-delta).
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        hidden: sizes of the full layers.
        context: frames seen around each frame; odd.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        hidden: Sequence[int] = (1000, 1000, 1000),
        context: int = 15,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_context(context)
        self.context = context
        n_rows = n_streams * (n_bands + energy)
        self.full = FullLayers(hidden, n_classes, dropout, backprop)
        self.first = Conv1d(n_rows, hidden[0], context, padding="same", backprop=backprop)

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame of each utterance.

        Shape: features [B, C, F(+1), T] -> [B, T, K].
        """
        return self.full(self.first(features.flatten(1, 2)).transpose(1, 2))


class CnnDnn(nn.Module):
    """Convolution along frequency, max pooling along frequency, then full layers.

    A filter spans `span` bands and the whole context and is shared over all bands (full weight sharing), or over the
    bands of a section alone, whose maxima it gives (limited weight sharing). Energy has no place on the frequency axis,
    so it enters at the first full layer.

    Args:
        n_classes: scores per frame (HMM states).
        n_streams: channels of the features (static, delta, delta-delta).
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        pool: bands over which the maximum is taken; 1 means no pooling. Several sizes pool heterogeneously.
        maps: filters of the convolution; with limited sharing, of each section.
        span: bands that a filter covers.
        pool_shift: bands between two maxima; by default 2 (3 with limited sharing), or 1 without pooling.
        assignment: how several sizes are given to the maps: each map has one ("partition") or all ("replicate").
        sharing: "full": one set of filters over all bands; "limited": each section of as many bands as the largest pool
            reaches has filters of its own. The sections, `pool_shift` apart, must end with the last band.
        hidden: sizes of the full layers.
        context: frames seen around each frame; odd.
        dropout: share of pooled and hidden values set to zero in training.
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
        pool_shift: int | None = None,
        assignment: Assignment = "partition",
        sharing: Sharing = "full",
        hidden: Sequence[int] = (1000, 1000),
        context: int = 15,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_context(context)
        if not 1 <= span <= n_bands:
            raise ValueError(f"span must be from 1 to the number of bands, {n_bands}; got {span}.")
        self.context, self.n_bands = context, n_bands
        self.full = FullLayers(hidden, n_classes, dropout, backprop)
        sizes = pool_sizes(pool, n_bands - span + 1)
        shift = checked_shift(pool_shift, sizes, sharing)
        kernel, padding = (span, context), context // 2
        if sharing == "full":
            n_rows = n_bands - span + 1
            self.convolution: nn.Module = Conv2d(n_streams, maps, kernel, padding=(0, padding), backprop=backprop)
            self.pool = HeterogeneousPool(maps, sizes, shift, assignment, backprop=backprop)
        else:
            n_rows = max(sizes)
            self.convolution = LimitedWeightSharingConv(
                n_streams, maps, n_bands, span + n_rows - 1, shift, kernel, padding, backprop=backprop
            )
            # A shift beyond the section gives one maximum for each of its maps.
            n_maps = maps * conv_length(n_bands, span + n_rows - 1, shift)
            self.pool = HeterogeneousPool(n_maps, sizes, n_rows, assignment, backprop=backprop)
        self.rectifier = ReLU(backprop)
        self.first = Linear(self.pool.rows(n_rows), hidden[0], backprop=backprop)
        self.energy = (
            Conv1d(n_streams, hidden[0], context, padding="same", bias=False, backprop=backprop) if energy else None
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame of each utterance.

        Shape: features [B, C, F(+1), T] -> [B, T, K].
        """
        rows = self.rectifier(self.pool(self.convolution(features[:, :, : self.n_bands])))
        hidden = self.first(self.dropout(rows.transpose(1, 2)))
        if self.energy is not None:
            hidden = hidden + self.energy(features[:, :, self.n_bands]).transpose(1, 2)
        return self.full(hidden)


def pool_sizes(pool: int | Sequence[int], n_bands: int) -> list[int]:
    """Return the sizes of pools that fit into `n_bands` bands; one size is the simplest set of sizes.

    Raises:
        ValueError: no size, or one that does not fit into the bands.
    """
    sizes = [pool] if isinstance(pool, int) else list(pool)
    if not sizes or min(sizes) < 1 or max(sizes) > n_bands:
        raise ValueError(f"pool must be from 1 to {n_bands}, the bands left by the convolution; got {pool}.")
    return sizes


def checked_shift(shift: int | None, sizes: Sequence[int], sharing: Sharing) -> int:
    """Return the bands between two maxima, as given or by default.

    Raises:
        ValueError: a shift below 1.
    """
    if shift is not None and shift < 1:
        raise ValueError(f"pool_shift must be at least 1; got {shift}.")
    if shift is not None:
        return shift
    return 1 if list(sizes) == [1] else DEFAULT_SHIFTS[sharing]
