"""MobileNet: depthwise-separable convolutions, N M + M K K weights in place of N M K K."""

from __future__ import annotations

from torch import nn

from speechcnn.layers.maps import Backprop
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, averaged

# Maps above each separable layer, and its stride (Howard et al., 2017, table 1).
LAYERS: tuple[tuple[int, int], ...] = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
FIRST_WIDTH = 32


class Separable(nn.Sequential):
    """One filter for each map, then weighted sums of the maps, each with batch norm and rectifier."""

    def __init__(self, below: int, above: int, stride: int, backprop: Backprop) -> None:
        super().__init__(
            ConvBlock(below, below, 3, stride, 1, groups=below, batch_norm=True, backprop=backprop),
            ConvBlock(below, above, 1, batch_norm=True, backprop=backprop),
        )


class MobileNet(ClassifyingNet):
    """MobileNet v1: 13 depthwise-separable layers, 4.2 M parameters.

    Source: Howard et al. (2017), "MobileNets: efficient convolutional neural networks for mobile vision
    applications", table 1; lecture, "Conventional vs. depth-wise convolution".

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        width: factor of the number of maps in every layer.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        width: float = 1.0,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        if width <= 0:
            raise ValueError(f"width must be above 0; got {width}.")
        below = max(1, round(FIRST_WIDTH * width))
        layers: list[nn.Module] = [ConvBlock(n_streams, below, 3, 2, 1, batch_norm=True, backprop=backprop)]
        for maps, stride in LAYERS:
            above = max(1, round(maps * width))
            layers.append(Separable(below, above, stride, backprop))
            below = above
        super().__init__(nn.Sequential(*layers), averaged(dropout), below, n_classes, backprop)
