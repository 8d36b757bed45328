"""Layers along time that see real frames only, so that a deep network has one context, as a shallow one has.

A network pads its features once, by what it sees beyond the edges, and no layer pads again. So a frame's scores depend
on the frames of its context alone, those outside the utterance being zero (the mean, after normalisation): they are the
same in a padded batch, in an utterance scanned in parts and in a copied window.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.conv import Conv1d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.models.heads import MOST_LAYERS
from speechcnn.shapes import Window, receptive_field


class TimeLayer(nn.Module):
    """A convolution along time, batch normalisation, the rectifier and dropout; the input beside them, if sizes agree.

    Args:
        n_in: maps below.
        n_out: maps above.
        window: frames that it sees; its kernel is odd.
        batch_norm: whether the maps are normalised over the batch before the rectifier (Ioffe and Szegedy, 2015).
        residual: whether the input is added to the output where both have as many maps (He et al., 2016).
        dropout: share of values set to zero in training.
        backprop: whose backward pass runs.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        window: Window,
        batch_norm: bool,
        residual: bool,
        dropout: float,
        backprop: Backprop,
    ) -> None:
        super().__init__()
        self.margin = window.dilation * (window.kernel - 1) // 2
        self.convolution = Conv1d(
            n_in, n_out, window.kernel, dilation=window.dilation, bias=not batch_norm, backprop=backprop
        )
        self.norm = nn.BatchNorm1d(n_out) if batch_norm else nn.Identity()
        self.rectifier, self.dropout = ReLU(backprop), nn.Dropout(dropout)
        self.residual = residual and n_in == n_out

    def forward(self, maps: Tensor) -> Tensor:
        """Shape: [B, C, T] -> [B, C', T - 2 margin]."""
        found = self.dropout(self.rectifier(self.norm(self.convolution(maps))))
        return found + inner(maps, self.margin) if self.residual else found


def time_layers(
    n_in: int,
    widths: Sequence[int],
    windows: Sequence[Window],
    batch_norm: bool,
    residual: bool,
    dropout: float,
    backprop: Backprop,
) -> nn.Sequential:
    """Return a stack of layers along time, the first reading `n_in` maps."""
    sizes = [n_in, *widths]
    return nn.Sequential(
        *(
            TimeLayer(below, above, window, batch_norm, residual, dropout, backprop)
            for below, above, window in zip(sizes[:-1], sizes[1:], windows, strict=True)
        )
    )


def time_windows(widths: Sequence[int], kernels: Sequence[int], dilations: Sequence[int]) -> list[Window]:
    """Return what each layer of a stack sees.

    Raises:
        ValueError: lists of different lengths, too long or empty; even kernels; a number below 1.
    """
    lists = {"widths": widths, "kernels": kernels, "dilations": dilations}
    if len({len(one) for one in lists.values()}) != 1 or not 1 <= len(widths) <= MOST_LAYERS:
        got = ", ".join(f"{len(one)} {name}" for name, one in lists.items())
        raise ValueError(
            f"widths, kernels and dilations must list 1 to {MOST_LAYERS} layers, each the same; got {got}."
        )
    for name, one in lists.items():
        if min(one) < 1:
            raise ValueError(f"{name} must be at least 1; got {min(one)}.")
    return [Window(check_odd("kernels", kernel), dilation=d) for kernel, d in zip(kernels, dilations, strict=True)]


def check_odd(name: str, kernel: int) -> int:
    """Return a kernel's size, or raise a ValueError unless it is odd, so that it lies evenly around its frame."""
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"{name} must be odd numbers of frames, at least 1; got {kernel}.")
    return kernel


def check_dropout(dropout: float) -> None:
    """Raise a ValueError unless dropout is a share below 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1; got {dropout}.")


def context_of(windows: Sequence[Window]) -> int:
    """Return how many frames a stack of layers sees around each frame, that frame included."""
    return receptive_field(windows).size


def surrounded(features: Tensor, context: int) -> Tensor:
    """Put zeros around the frames, as many as the context reaches beyond each edge.

    Shape: [..., T] -> [..., T + context - 1].
    """
    return F.pad(features, (context // 2, context // 2))


def inner(maps: Tensor, margin: int) -> Tensor:
    """Leave out some frames at each edge.

    Shape: [..., T] -> [..., T - 2 margin].
    """
    return maps[..., margin : maps.shape[-1] - margin]
