"""The blocks that the keyword networks are made of, all without padding along time."""

from __future__ import annotations

from torch import Tensor, nn

from speechcnn.labels import timit_phones
from speechcnn.layers.conv import Conv1d, Conv2d, DepthwiseSeparableConv1d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MeanPool
from speechcnn.models.streaming import Residual, Scanned, Stack

N_PHONES = len(timit_phones(39))
FLOOR = 0.01  # added to each phone's posterior before words are read from it


class Rows(nn.Module):
    """Lays channels and bands out as rows."""

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, F, T] -> [B, C * F, T]."""
        return maps.flatten(1, 2)


class Broadcast(Residual):
    """A broadcast-residual block: y = x + f2(x) + f1(mean over bands of f2(x)), f2 along frequency, f1 along time.

    Where the number of maps or bands changes, x is mixed into the new maps first and not added (Kim et al., 2021,
    section 2.3).
    """

    def __init__(
        self,
        below: int,
        maps: int,
        rows: int,
        step: int,
        dilation: int,
        sub_bands: int,
        dropout: float,
        backprop: Backprop,
    ) -> None:
        along_time = Conv2d(maps, maps, (1, 3), dilation=(1, dilation), groups=maps, bias=False, backprop=backprop)
        body = Stack(
            MeanPool((rows, 1), backprop=backprop),
            Scanned(along_time),
            nn.BatchNorm2d(maps),
            ReLU(backprop),
            Conv2d(maps, maps, 1, backprop=backprop),
            nn.Dropout(dropout),
        )
        mixed = [Conv2d(below, maps, 1, bias=False, backprop=backprop), nn.BatchNorm2d(maps), ReLU(backprop)]
        self.adds_input = below == maps and step == 1
        along_bands = [
            Conv2d(maps, maps, (3, 1), (step, 1), (1, 0), groups=maps, bias=False, backprop=backprop),
            SubBandNorm(maps, sub_bands),
        ]
        super().__init__(body, nn.Sequential(*([] if self.adds_input else mixed), *along_bands), backprop)

    def branches(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return f2(x), and f2(x) + x where both have one shape."""
        rows = self.shortcut(maps)
        return rows, rows + maps if self.adds_input else rows


class SubBandNorm(nn.Module):
    """Batch normalisation of each part of the frequency axis apart (Chang et al., 2021, "Subspectral norm")."""

    def __init__(self, channels: int, sub_bands: int) -> None:
        super().__init__()
        self.sub_bands, self.norm = sub_bands, nn.BatchNorm2d(channels * sub_bands)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, F, T], kept."""
        B, C, n_rows, T = maps.shape
        parts = maps.reshape(B, C * self.sub_bands, n_rows // self.sub_bands, T)
        return self.norm(parts).reshape(maps.shape)


class PhoneScores(nn.Module):
    """Log posteriors of the 39 phones.

    Shape: [B, C, T] -> [B, 39, T].
    """

    def __init__(self, below: int, backprop: Backprop) -> None:
        super().__init__()
        self.mix = Conv1d(below, N_PHONES, 1, backprop=backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Score the phones of each frame."""
        return self.mix(maps).log_softmax(1)


class Floor(nn.Module):
    """Log posteriors as logarithms of the posteriors and a floor.

    Without it the layers above learn from posteriors of a millionth and less, which hardly tell phones apart.

    Shape: any, kept.
    """

    def forward(self, log_posteriors: Tensor) -> Tensor:
        """Raise what is low."""
        return (log_posteriors.exp() + FLOOR).log()


class Spelling(Stack):
    """Layers whose last is a `PhoneScores`."""


def closing(channels: int, dropout: float, backprop: Backprop) -> list[nn.Module]:
    """Return what follows a convolution along time."""
    return [nn.BatchNorm1d(channels), ReLU(backprop), *([nn.Dropout(dropout)] if dropout else [])]


def separable(below: int, channels: int, kernel: int, stride: int, backprop: Backprop) -> list[nn.Module]:
    """Return a depthwise-separable convolution that is scanned."""
    return [Scanned(DepthwiseSeparableConv1d(below, channels, kernel, stride, bias=False, backprop=backprop))]


def separable_block(
    below: int, channels: int, kernel: int, repeats: int, dropout: float, backprop: Backprop
) -> Residual:
    """Return a block whose shortcut mixes the maps below (MatchboxNet, figure 1)."""
    body = separable(below, channels, kernel, 1, backprop)
    for _ in range(repeats - 1):
        body += [*closing(channels, dropout, backprop), *separable(channels, channels, kernel, 1, backprop)]
    mixed = nn.Sequential(Conv1d(below, channels, 1, bias=False, backprop=backprop), nn.BatchNorm1d(channels))
    return Residual(Stack(*body, nn.BatchNorm1d(channels)), mixed, backprop)
