"""What the lecture's nets share: three parts in a row, and the layers that those are built of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from speechcnn.layers.conv import Conv2d, Convolution
from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.maps import Backprop, Size
from speechcnn.models.fields import minimum_size


class ClassifyingNet(nn.Module):
    """A net that gives one score per class to a whole picture: maps, then a hidden vector, then scores.

    The parts can be called one by one: `maps` for class activation maps, `hidden` for embeddings, and
    `scores(hidden(maps))` to see what the rest of the net makes of changed maps.

    Args:
        maps: from the picture to the last feature maps, layer by layer.
        hidden: from those to one vector.
        n_hidden: length of that vector.
        n_classes: scores.
        backprop: whose backward pass runs in the last layer: "custom", the layers' own, or "torch".

    Raises:
        ValueError: fewer than one class.
    """

    def __init__(
        self, maps: nn.Sequential, hidden: nn.Module, n_hidden: int, n_classes: int, backprop: Backprop = "custom"
    ) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes must be at least 1; got {n_classes}.")
        self.maps, self.hidden = maps, hidden
        self.scores = Linear(n_hidden, n_classes, backprop=backprop)
        draw(self)

    @property
    def minimum_size(self) -> tuple[int, int]:
        """Fewest bands and frames that the net can take."""
        return minimum_size(self)

    def feature_maps(self, pictures: Tensor) -> Tensor:
        """Return the last maps that still have a place in frequency and time.

        Shape: [B, C, F, T] -> [B, C', F', T'].
        """
        return self.maps(pictures)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return the last hidden layer: similar sounds have similar vectors.

        Shape: [B, C, F, T] -> [B, E].
        """
        return self.hidden(self.maps(pictures))

    def forward(self, pictures: Tensor) -> Tensor:
        """Score each picture.

        Shape: [B, C, F, T] -> [B, K].
        """
        return self.scores(self.embed(pictures))

    def training_scores(self, pictures: Tensor) -> list[tuple[float, Tensor]]:
        """Return each output that training reads, with the weight of its loss.

        Shape: [B, C, F, T] -> one or several of [B, K].
        """
        return [(1.0, self(pictures))]


class ConvBlock(nn.Sequential):
    """Convolution, batch norm if asked for, rectifier."""

    def __init__(
        self,
        below: int,
        above: int,
        kernel: Size,
        stride: Size = 1,
        padding: Size = 0,
        groups: int = 1,
        batch_norm: bool = False,
        backprop: Backprop = "custom",
    ) -> None:
        convolution = Conv2d(
            below, above, kernel, stride, padding, groups=groups, bias=not batch_norm, backprop=backprop
        )
        norm = [nn.BatchNorm2d(above)] if batch_norm else []
        super().__init__(convolution, *norm, ReLU(backprop))


def full_layers(sizes: Sequence[int], dropout: float, backprop: Backprop) -> nn.Sequential:
    """Return full layers of these sizes, the input's first, each with rectifier and dropout.

    Raises:
        ValueError: dropout outside [0, 1), or a size below 1.
    """
    layers: list[nn.Module] = []
    for below, above in pairwise(sizes):
        layers += [Linear(below, above, backprop=backprop), ReLU(backprop), dropped(dropout)]
    return nn.Sequential(*layers)


def on_grid(
    channels: int, grid: Sequence[int], hidden: Sequence[int], dropout: float, backprop: Backprop
) -> nn.Sequential:
    """Return full layers above maps that are first averaged onto a fixed grid.

    At the picture size of the paper the maps already are that grid, and averaging changes nothing; so the parameters
    are those of the paper, and yet a spectrogram of any length has a place. A grid of (1, 1) is global pooling.

    Raises:
        ValueError: a grid that is not two sizes of at least 1.
    """
    if len(grid) != 2 or min(grid) < 1:
        raise ValueError(f"grid must be two sizes (bands, frames) of at least 1; got {list(grid)}.")
    n_values = channels * grid[0] * grid[1]
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(tuple(grid)), nn.Flatten(1), *full_layers([n_values, *hidden], dropout, backprop)
    )


def averaged(dropout: float) -> nn.Sequential:
    """Return global average pooling, and dropout of the vector."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), dropped(dropout))


def dropped(share: float) -> nn.Dropout:
    """Return a dropout layer.

    Raises:
        ValueError: a share outside [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"dropout must be at least 0 and below 1; got {share}.")
    return nn.Dropout(share)


def draw(net: nn.Module) -> None:
    """Draw the filters of a rectified net so that deep ones neither fade nor blow up (He et al., 2015, section 2.2)."""
    for module in net.modules():
        if isinstance(module, Convolution):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
