"""DenseNet: each layer looks at the union of the maps of all layers before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool, MeanPool
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, averaged

# Layers of each block (Huang et al., 2017, table 1).
DEPTHS: dict[int, tuple[int, ...]] = {
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}
BOTTLENECK = 4  # maps of a layer's 1 x 1 convolution for each map that it adds


class Dense(nn.Sequential):
    """One layer: a 1 x 1 and a 3 x 3 convolution, each behind batch norm and rectifier; gives the new maps alone."""

    def __init__(self, below: int, growth: int, backprop: Backprop) -> None:
        narrow = BOTTLENECK * growth
        super().__init__(
            nn.BatchNorm2d(below),
            ReLU(backprop),
            Conv2d(below, narrow, 1, bias=False, backprop=backprop),
            nn.BatchNorm2d(narrow),
            ReLU(backprop),
            Conv2d(narrow, growth, 3, padding=1, bias=False, backprop=backprop),
        )


class DenseBlock(nn.Module):
    """Layers that each add maps to the union that the next one looks at."""

    def __init__(self, below: int, n_layers: int, growth: int, backprop: Backprop) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Dense(below + n * growth, growth, backprop) for n in range(n_layers))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the union of the maps below and of those of all layers.

        Shape: [B, C, F, T] -> [B, C + layers * growth, F, T].
        """
        for layer in self.layers:
            maps = torch.cat([maps, layer(maps)], 1)
        return maps


class Transition(nn.Sequential):
    """Halves the number of maps and their size."""

    def __init__(self, below: int, backprop: Backprop) -> None:
        super().__init__(
            nn.BatchNorm2d(below),
            ReLU(backprop),
            Conv2d(below, below // 2, 1, bias=False, backprop=backprop),
            MeanPool(2, 2, backprop=backprop),
        )


class DenseNet(ClassifyingNet):
    """DenseNet-BC of a depth of the paper, or with any number of layers in each block.

    Source: Huang, Liu, van der Maaten and Weinberger (2017), "Densely connected convolutional networks", table 1.

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        depth: 121, 169, 201 or 264.
        blocks: layers of each block in place of the depth's.
        growth: maps that each layer adds.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        depth: int = 121,
        blocks: Sequence[int] | None = None,
        growth: int = 32,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, or give `blocks`; got {depth}.")
        blocks = DEPTHS[depth] if blocks is None else blocks
        if not blocks or min(blocks) < 1 or growth < 1:
            raise ValueError(
                f"blocks must list at least one block of at least one layer, growth must be at least 1; "
                f"got {list(blocks)} and {growth}."
            )
        width = 2 * growth
        layers: list[nn.Module] = [
            ConvBlock(n_streams, width, 7, 2, 3, batch_norm=True, backprop=backprop),
            MaxPool(3, 2, 1, backprop=backprop),
        ]
        for place, n_layers in enumerate(blocks):
            layers.append(DenseBlock(width, n_layers, growth, backprop))
            width += n_layers * growth
            if place < len(blocks) - 1:
                layers.append(Transition(width, backprop))
                width //= 2
        layers += [nn.BatchNorm2d(width), ReLU(backprop)]
        super().__init__(nn.Sequential(*layers), averaged(dropout), width, n_classes, backprop)
