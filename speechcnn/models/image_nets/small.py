"""The net for spectrograms of small data: eight 3 x 3 convolutions with batch norm, and pooling over all that is left.

It is VGG's shape without VGG's full layers, and small enough to train on a processor.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MeanPool
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, dropped, full_layers


class MeanAndMaximum(nn.Module):
    """Mean over bands, then the sum of mean and maximum over frames: what is there at times, and what is there once."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return one vector for each picture.

        Shape: [B, C, F, T] -> [B, C].
        """
        frames = maps.mean(2)
        return frames.mean(2) + frames.amax(2)


class Cnn8(ClassifyingNet):
    """Blocks of two 3 x 3 convolutions with batch norm, mean pools between them, mean and maximum over time on top.

    Any number of frames will do. Source: Kong et al. (2020), "PANNs: large-scale pretrained audio neural networks",
    section II-A, whose nets of this kind are wider.

    Args:
        n_classes: scores.
        n_streams: channels of the spectrogram.
        widths: maps of each block.
        stride: of the first convolution; 2 quarters the work of all layers.
        hidden: size of the full layer below the scores.
        dropout: share of pooled and hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        stride: int = 1,
        hidden: int = 256,
        dropout: float = 0.2,
        backprop: Backprop = "custom",
    ) -> None:
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must list the maps of at least one block; got {list(widths)}.")
        layers: list[nn.Module] = []
        below = n_streams
        for place, width in enumerate(widths):
            if place:
                layers.append(MeanPool(2, 2, backprop=backprop))
            first = 1 if place else stride
            layers += [
                ConvBlock(maps, width, 3, step, padding=1, batch_norm=True, backprop=backprop)
                for maps, step in ((below, first), (width, 1))
            ]
            below = width
        vector = nn.Sequential(MeanAndMaximum(), dropped(dropout), full_layers([below, hidden], dropout, backprop))
        super().__init__(nn.Sequential(*layers), vector, hidden, n_classes, backprop)
