"""The nets that are one stack of layers, as tables: LeNet-5, AlexNet, ZFNet, VGG A to E.

Local response normalisation, which the lecture calls unnecessary, is left out; it holds no parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, on_grid


class Conv(NamedTuple):
    """A convolution with a rectifier."""

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


class Pool(NamedTuple):
    """A maximum over windows."""

    kernel: int
    stride: int
    padding: int = 0


Row: TypeAlias = Conv | Pool


def stacked(rows: Sequence[Row], n_streams: int, batch_norm: bool, backprop: Backprop) -> tuple[nn.Sequential, int]:
    """Return the layers of a table, and how many maps the last one gives."""
    layers: list[nn.Module] = []
    below = n_streams
    for row in rows:
        if isinstance(row, Pool):
            layers.append(MaxPool(*row, backprop=backprop))
        else:
            layers.append(ConvBlock(below, *row, batch_norm=batch_norm, backprop=backprop))
            below = row.filters
    return nn.Sequential(*layers), below


Letter: TypeAlias = Literal["A", "B", "C", "D", "E"]
Connections: TypeAlias = Literal["full", "1998"]

# Which of the 6 maps each of the 16 filters of the second layer reads (LeCun et al., 1998, table I).
LENET_1998 = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *(tuple((i + step) % 6 for step in range(4)) for i in range(6)),
    *((i, i + 1, (i + 3) % 6, (i + 4) % 6) for i in range(3)),
    tuple(range(6)),
)

# Convolutions between the pools of the five VGG nets: kernel sizes, one text for each pool.
VGG: dict[str, tuple[str, ...]] = {
    "A": ("3", "3", "33", "33", "33"),
    "B": ("33", "33", "33", "33", "33"),
    "C": ("33", "33", "331", "331", "331"),
    "D": ("33", "33", "333", "333", "333"),
    "E": ("33", "33", "3333", "3333", "3333"),
}
VGG_WIDTHS = (64, 128, 256, 512, 512)


def alexnet_rows(groups: int) -> tuple[Row, ...]:
    """Return AlexNet as the lecture lists it; its "stride 2" of the second layer is 1, or 60 M could not be."""
    return (
        Conv(96, 11, stride=4),
        Pool(3, 2),
        Conv(256, 5, padding=2, groups=groups),
        Pool(3, 2),
        Conv(384, 3, padding=1),
        Conv(384, 3, padding=1, groups=groups),
        Conv(256, 3, padding=1, groups=groups),
        Pool(3, 2),
    )


def zfnet_rows(widths: Sequence[int]) -> tuple[Row, ...]:
    """Return ZFNet: AlexNet with 7 x 7 filters at stride 2 in front, stride 2 in the second layer, and wider maps."""
    third, fourth, fifth = widths
    return (
        Conv(96, 7, stride=2, padding=1),
        Pool(3, 2, padding=1),
        Conv(256, 5, stride=2),
        Pool(3, 2, padding=1),
        Conv(third, 3, padding=1),
        Conv(fourth, 3, padding=1),
        Conv(fifth, 3, padding=1),
        Pool(3, 2),
    )


def vgg_rows(letter: Letter) -> tuple[Row, ...]:
    """Return a column of the lecture's VGG table."""
    rows: list[Row] = []
    for width, kernels in zip(VGG_WIDTHS, VGG[letter], strict=True):
        rows += [Conv(width, int(kernel), padding=int(kernel) // 2) for kernel in kernels]
        rows.append(Pool(2, 2))
    return tuple(rows)


class TableConv(nn.Module):
    """Convolution whose filters read only some of the maps below: those that a table lists for each."""

    def __init__(self, table: Sequence[Sequence[int]], kernel: int, backprop: Backprop) -> None:
        super().__init__()
        self.table = [list(row) for row in table]
        self.filters = nn.ModuleList(Conv2d(len(row), 1, kernel, backprop=backprop) for row in table)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve.

        Shape: [B, C, F, T] -> [B, J, F', T'].
        """
        rows = zip(self.filters, self.table, strict=True)
        return torch.cat([convolve(maps[:, listed]) for convolve, listed in rows], 1)


class LeNet5(ClassifyingNet):
    """LeNet-5 as the lecture lists it: two 5 x 5 convolutions with 2 x 2 pools, 400 values, three full layers.

    Rectifiers and max pools stand where the paper has scaled tanh and pools with weights. Pictures of 32 x 32 give
    the grid of 5 x 5; other sizes are averaged onto it.

    Source: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition".

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        connections: whether each of the 16 filters reads all 6 maps ("full") or those of the paper's table ("1998").
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        connections: Connections = "full",
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        if connections not in get_args(Connections):
            raise ValueError(f"connections must be 'full' or '1998'; got {connections!r}.")
        rows = (Conv(6, 5), Pool(2, 2), Conv(16, 5), Pool(2, 2))
        maps, width = stacked(rows, n_streams, False, backprop)
        if connections == "1998":
            maps[2] = nn.Sequential(TableConv(LENET_1998, 5, backprop), ReLU(backprop))
        super().__init__(maps, on_grid(width, (5, 5), (120, 84), dropout, backprop), 84, n_classes, backprop)


class AlexNet(ClassifyingNet):
    """AlexNet by the lecture's numbers: 5 convolutions, 3 full layers, pictures of 227 x 227.

    The paper's two GPUs each held half of the maps, and the second, fourth and fifth layer read only the half of their
    own: that is `groups=2`, with 61.0 M parameters; `groups=1` has 62.4 M. The lecture says 60 M.

    Source: Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks".

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        groups: parts into which the maps of layers 2, 4 and 5 are divided.
        grid: bands and frames onto which the last maps are averaged.
        hidden: sizes of the full layers below the scores.
        batch_norm: whether each convolution is followed by batch norm, which the paper did not have.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        groups: int = 2,
        grid: Sequence[int] = (6, 6),
        hidden: Sequence[int] = (4096, 4096),
        batch_norm: bool = False,
        dropout: float = 0.5,
        backprop: Backprop = "custom",
    ) -> None:
        maps, width = stacked(alexnet_rows(groups), n_streams, batch_norm, backprop)
        full = on_grid(width, grid, hidden, dropout, backprop)
        super().__init__(maps, full, n_hidden(width, grid, hidden), n_classes, backprop)


class ZFNet(ClassifyingNet):
    """ZFNet: AlexNet with 7 x 7 filters at stride 2 in front, and, in the lecture, 512, 1024 and 512 maps above.

    Source: Zeiler and Fergus (2013), "Visualizing and understanding convolutional networks"; figure 3 has 384, 384 and
    256 maps, the best of its table 2 the lecture's.

    Args: as for `AlexNet`, and
        widths: maps of the third, fourth and fifth convolution.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        widths: Sequence[int] = (512, 1024, 512),
        grid: Sequence[int] = (6, 6),
        hidden: Sequence[int] = (4096, 4096),
        batch_norm: bool = False,
        dropout: float = 0.5,
        backprop: Backprop = "custom",
    ) -> None:
        if len(widths) != 3:
            raise ValueError(f"widths must be three numbers of maps; got {list(widths)}.")
        maps, width = stacked(zfnet_rows(widths), n_streams, batch_norm, backprop)
        full = on_grid(width, grid, hidden, dropout, backprop)
        super().__init__(maps, full, n_hidden(width, grid, hidden), n_classes, backprop)


class Vgg(ClassifyingNet):
    """VGG: 3 x 3 filters at stride 1, 2 x 2 pools at stride 2, three full layers; D is the VGG-16, E the VGG-19.

    Source: Simonyan and Zisserman (2014), "Very deep convolutional networks for large-scale image recognition",
    table 1; the lecture shows it whole.

    Args: as for `AlexNet`, and
        letter: the column of the table.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        letter: Letter = "D",
        grid: Sequence[int] = (7, 7),
        hidden: Sequence[int] = (4096, 4096),
        batch_norm: bool = False,
        dropout: float = 0.5,
        backprop: Backprop = "custom",
    ) -> None:
        if letter not in VGG:
            raise ValueError(f"letter must be one of {', '.join(VGG)}; got {letter!r}.")
        maps, width = stacked(vgg_rows(letter), n_streams, batch_norm, backprop)
        full = on_grid(width, grid, hidden, dropout, backprop)
        super().__init__(maps, full, n_hidden(width, grid, hidden), n_classes, backprop)


def n_hidden(width: int, grid: Sequence[int], hidden: Sequence[int]) -> int:
    """Return the length of the last hidden vector: of the last full layer, or without one of the grid."""
    return hidden[-1] if hidden else width * grid[0] * grid[1]
