"""GoogLeNet: filters of several sizes side by side, average pooling, and two heads that help training."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from speechcnn.layers.flat import Linear
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool, MeanPool
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, averaged, full_layers


class Filters(NamedTuple):
    """Maps of the four branches of an inception module: 1 x 1; 1 x 1 then 3 x 3; 1 x 1 then 5 x 5; pool then 1 x 1."""

    one: int
    before_three: int
    three: int
    before_five: int
    five: int
    pooled: int

    @property
    def total(self) -> int:
        """Maps of all branches together."""
        return self.one + self.three + self.five + self.pooled


# Szegedy et al. (2015), table 1; the stages are divided by max pools.
STAGES: tuple[tuple[Filters, ...], ...] = (
    (Filters(64, 96, 128, 16, 32, 32), Filters(128, 128, 192, 32, 96, 64)),
    (
        Filters(192, 96, 208, 16, 48, 64),
        Filters(160, 112, 224, 24, 64, 64),
        Filters(128, 128, 256, 24, 64, 64),
        Filters(112, 144, 288, 32, 64, 64),
        Filters(256, 160, 320, 32, 128, 128),
    ),
    (Filters(256, 160, 320, 32, 128, 128), Filters(384, 192, 384, 48, 128, 128)),
)
AUXILIARY_AFTER = (0, 3)  # modules of the second stage that feed a helping head
AUXILIARY_WEIGHT = 0.3  # of such a head's loss (section 5)
AUXILIARY_DROPOUT = 0.7


class Inception(nn.Module):
    """Four branches side by side over the same maps."""

    def __init__(self, below: int, filters: Filters, batch_norm: bool, backprop: Backprop) -> None:
        super().__init__()

        def block(below: int, above: int, kernel: int) -> ConvBlock:
            return ConvBlock(below, above, kernel, padding=kernel // 2, batch_norm=batch_norm, backprop=backprop)

        self.one = block(below, filters.one, 1)
        self.three = nn.Sequential(block(below, filters.before_three, 1), block(filters.before_three, filters.three, 3))
        self.five = nn.Sequential(block(below, filters.before_five, 1), block(filters.before_five, filters.five, 5))
        self.pooled = nn.Sequential(MaxPool(3, 1, 1, backprop=backprop), block(below, filters.pooled, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps of all branches.

        Shape: [B, C, F, T] -> [B, C', F, T].
        """
        return torch.cat([self.one(maps), self.three(maps), self.five(maps), self.pooled(maps)], 1)


class AuxiliaryHead(nn.Sequential):
    """Scores from maps in the middle of the net; at 224 x 224 they are a grid of 4 x 4 once averaged."""

    def __init__(self, below: int, n_classes: int, batch_norm: bool, backprop: Backprop) -> None:
        super().__init__(
            MeanPool(5, 3, 2, backprop=backprop),
            nn.AdaptiveAvgPool2d((4, 4)),
            ConvBlock(below, 128, 1, batch_norm=batch_norm, backprop=backprop),
            nn.Flatten(1),
            full_layers([128 * 4 * 4, 1024], AUXILIARY_DROPOUT, backprop),
            Linear(1024, n_classes, backprop=backprop),
        )


class GoogLeNet(ClassifyingNet):
    """GoogLeNet (Inception v1); average pooling in place of full layers leaves 7.0 M parameters.

    The helping heads hold 6.4 M more, work in training alone, and are read through `training_scores`.

    Source: Szegedy et al. (2015), "Going deeper with convolutions", table 1 and section 5.

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        auxiliary: whether two heads in the middle help training.
        batch_norm: whether each convolution is followed by batch norm, which the paper did not have.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        auxiliary: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.4,
        backprop: Backprop = "custom",
    ) -> None:
        layers: list[nn.Module] = [
            ConvBlock(n_streams, 64, 7, 2, 3, batch_norm=batch_norm, backprop=backprop),
            MaxPool(3, 2, 1, backprop=backprop),
            ConvBlock(64, 64, 1, batch_norm=batch_norm, backprop=backprop),
            ConvBlock(64, 192, 3, padding=1, batch_norm=batch_norm, backprop=backprop),
        ]
        width, watched = 192, []
        for number, stage in enumerate(STAGES):
            layers.append(MaxPool(3, 2, 1, backprop=backprop))
            for place, filters in enumerate(stage):
                layers.append(Inception(width, filters, batch_norm, backprop))
                width = filters.total
                if number == 1 and place in AUXILIARY_AFTER:
                    watched.append((len(layers), width))
        super().__init__(nn.Sequential(*layers), averaged(dropout), width, n_classes, backprop)
        self.watched = [end for end, _ in watched]
        self.auxiliary = nn.ModuleList(
            AuxiliaryHead(at, n_classes, batch_norm, backprop) for _, at in watched if auxiliary
        )

    def training_scores(self, pictures: Tensor) -> list[tuple[float, Tensor]]:
        """Return the scores of the net and, where there are any, of the helping heads, with their losses' weights.

        Shape: [B, C, F, T] -> one or three of [B, K].
        """
        layers: list[nn.Module] = list(self.maps)
        heads = dict(zip(self.watched, self.auxiliary, strict=False))
        scores, maps = [], pictures
        for number, layer in enumerate(layers, start=1):
            maps = layer(maps)
            if number in heads:
                scores.append((AUXILIARY_WEIGHT, heads[number](maps)))
        return [(1.0, self.scores(self.hidden(maps))), *scores]
