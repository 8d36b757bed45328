"""An encoder-decoder that labels every frame: which events sound in it, several at once, and in which band.

The encoder halves time and frequency from stage to stage, so that its upper stages see seconds. The decoder
expands time again with learnt filters, stage by stage, and adds what the encoder knew at that resolution; so onsets
stay sharp.

Sources: Bhiksha Raj, "Convolutional Networks IV" (2021), expanding layers; Ronneberger, Fischer and Brox (2015),
"U-Net: convolutional networks for biomedical image segmentation".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechcnn.layers.conv import Conv1d, Conv2d
from speechcnn.layers.expanding import ExpandingConv1d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool

MOST_STAGES = 8
N_BAND_VALUES = 2  # lowest and highest frequency


class MapStage(nn.Module):
    """Convolution over frequency and time, normalisation, rectifier.

    Shape: [B, C, F, T] -> [B, J, F, T].
    """

    def __init__(self, in_channels: int, out_channels: int, backprop: Backprop) -> None:
        super().__init__()
        self.convolution = Conv2d(in_channels, out_channels, 3, padding="same", bias=False, backprop=backprop)
        self.norm = nn.BatchNorm2d(out_channels)
        self.rectifier = ReLU(backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve maps."""
        return self.rectifier(self.norm(self.convolution(maps)))


class FrameStage(nn.Module):
    """Convolution over time, normalisation, rectifier.

    Shape: [B, C, T] -> [B, J, T].
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, backprop: Backprop) -> None:
        super().__init__()
        self.convolution = Conv1d(in_channels, out_channels, kernel, padding="same", bias=False, backprop=backprop)
        self.norm = nn.BatchNorm1d(out_channels)
        self.rectifier = ReLU(backprop)

    def forward(self, rows: Tensor) -> Tensor:
        """Convolve rows."""
        return self.rectifier(self.norm(self.convolution(rows)))


class EventSegmenter(nn.Module):
    """Scores of each class in each frame, by an encoder over maps and a decoder over time.

    The first K values of a frame are logits: classes do not exclude each other. With `bands`, 2 K more follow: for each
    class the lowest and the highest frequency, as shares of the way from the first band to the last.

    Args:
        n_classes: events to tell apart.
        n_streams: channels of the features.
        n_bands: rows of the features' frequency axis; a row of energy after them is not used.
        maps: channels of the encoder's stages; each but the last is followed by pooling that halves both axes.
        width: channels of the decoder.
        dropout: share of the decoder's last values set to zero in training.
        bands: whether bands are told too.
        usual_share: probability that an untrained net gives each class in each frame; events are rare.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".

    Raises:
        ValueError: no stage, or more than the bands can be halved for; a share that is not between 0 and 1.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        maps: Sequence[int] = (16, 32, 48, 64),
        width: int = 64,
        dropout: float = 0.1,
        bands: bool = True,
        usual_share: float = 0.05,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_stages(maps, n_bands)
        if not 0 < usual_share < 1:
            raise ValueError(f"usual_share must lie between 0 and 1; got {usual_share}.")
        if width < 1:
            raise ValueError(f"width must be at least 1; got {width}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1; got {dropout}.")
        self.n_bands, self.n_classes, self.bands = n_bands, n_classes, bands
        channels = [n_streams, *maps]
        self.encoder = nn.ModuleList(MapStage(a, b, backprop) for a, b in pairwise(channels))
        self.pool = MaxPool(2, backprop=backprop)
        rows = [n * (n_bands >> level) for level, n in enumerate(maps)]
        self.bridges = nn.ModuleList(Conv1d(n, width, 1, backprop=backprop) for n in rows)
        self.bottom = FrameStage(width, width, 5, backprop)
        below = range(len(maps) - 1)
        self.expanding = nn.ModuleList(ExpandingConv1d(width, width, 4, stride=2, backprop=backprop) for _ in below)
        self.joining = nn.ModuleList(FrameStage(2 * width, width, 3, backprop) for _ in below)
        self.dropout = nn.Dropout(dropout)
        self.scores = Conv1d(width, n_classes * (1 + N_BAND_VALUES * bands), 1, backprop=backprop)
        self.start(usual_share)

    @torch.no_grad()
    def start(self, usual_share: float) -> None:
        """Let the untrained scores mean the usual share of active frames, so that training need not find it first.

        Source: Lin et al. (2017), "Focal loss for dense object detection", section 4.1.
        """
        if self.scores.bias is not None:
            self.scores.bias[: self.n_classes] = math.log(usual_share / (1 - usual_share))

    def forward(self, features: Tensor) -> Tensor:
        """Score each frame; a recording shorter than a frame of the last stage is lengthened with zeros meanwhile.

        Shape: features [B, C, F(+1), T] -> [B, T, K] or, with bands, [B, T, 3 K].
        """
        n_frames = features.shape[-1]
        maps = functional.pad(features[:, :, : self.n_bands], (0, max(0, self.least_frames - n_frames)))
        *bridges, rows = self.encode(maps)
        rows = self.bottom(rows)
        for expand, join, bridge in zip(self.expanding, self.joining, reversed(bridges), strict=True):
            rows = join(torch.cat([expand(rows, output_size=bridge.shape[-1]), bridge], 1))
        return self.scores(self.dropout(rows))[..., :n_frames].transpose(1, 2)

    def encode(self, maps: Tensor) -> list[Tensor]:
        """Return each stage's maps as rows of the decoder's width.

        Shape: [B, C, F, T] -> [B, width, T], [B, width, T // 2], ...
        """
        bridges = []
        for level, (stage, bridge) in enumerate(zip(self.encoder, self.bridges, strict=True)):
            maps = stage(self.pool(maps) if level else maps)
            bridges.append(bridge(maps.flatten(1, 2)))
        return bridges

    @property
    def least_frames(self) -> int:
        """Frames below a frame of the last stage."""
        return 1 << (len(self.encoder) - 1)


def check_stages(maps: Sequence[int], n_bands: int) -> None:
    """Raise a ValueError unless there are stages, none empty, and the bands can be halved after each but the last."""
    if not 1 <= len(maps) <= MOST_STAGES or min(maps) < 1:
        raise ValueError(
            f"maps must list the channels of 1 to {MOST_STAGES} stages, each at least 1; got {list(maps)}."
        )
    if n_bands >> (len(maps) - 1) < 1:
        raise ValueError(f"{n_bands} bands can be halved {n_bands.bit_length() - 1} times, not for {len(maps)} stages.")
