"""Convolution along time, or along frequency and time, and the depthwise-separable kind.

The layers take torch's arguments and hold torch's parameters, so that one can stand for the other; with
`backprop="custom"` the derivatives are those of `speechcnn.layers.trilinear`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.flat import draw_like_torch
from speechcnn.layers.maps import (
    Backprop,
    Size,
    autocast,
    check_backprop,
    check_fits,
    check_maps,
    check_types,
    per_axis,
)
from speechcnn.layers.trilinear import Convolve, Scan, Sizes, applied

TORCH = {1: F.conv1d, 2: F.conv2d}


def convolve(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve maps with filters, as `torch.nn.functional.conv1d` and `conv2d` do, with the hand-derived backward pass.

    Shape: maps [B, C, (F,) T], weight [J, C / groups, K...], bias [J] -> [B, J, ...].

    Raises:
        TypeError, ValueError: maps that do not fit the filters; the sentence names shape and rule.

    >>> convolve(torch.ones(2, 3, 40, 300), torch.ones(8, 3, 8, 15), padding=(0, 7)).shape
    torch.Size([2, 8, 33, 300])
    """
    n_axes = weight.dim() - 2
    scan = Scan(
        stride=per_axis("stride", stride, n_axes),
        padding=per_axis("padding", padding, n_axes, least=0),
        dilation=per_axis("dilation", dilation, n_axes),
        groups=groups,
    )
    return scanned("convolve", maps, weight, bias, scan)


def scanned(layer: str, maps: Tensor, weight: Tensor, bias: Tensor | None, scan: Scan) -> Tensor:
    """Convolve after checking that maps and filters fit; `layer` is named in the sentence when they do not."""
    check_maps(layer, maps, [weight.dim() - 2], weight.shape[1] * scan.groups)
    check_fits(layer, maps, scan.extent(weight.shape[2:]), scan.padding)
    maps, weight, bias = autocast(maps, weight, bias)
    check_types(layer, maps, weight)
    return applied(Convolve, maps, weight, bias, scan)


class Convolution(nn.Module):
    """What `Conv1d` and `Conv2d` share.

    Args:
        in_channels: maps below.
        out_channels: maps above, one for each filter.
        kernel_size: values that a filter covers along each axis.
        stride: values between two positions of the filter.
        padding: zeros around the maps, or "same" for as many as keep their size (odd kernels, stride 1).
        dilation: values between two taps of the filter.
        groups: parts into which the channels are divided; each has filters of its own.
        bias: whether each map above has an offset.
        backprop: whose backward pass runs.
    """

    n_axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | Literal["same"] = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        check_channels(in_channels, out_channels, groups)
        kernel = per_axis("kernel_size", kernel_size, self.n_axes)
        self.stride = per_axis("stride", stride, self.n_axes)
        self.dilation = per_axis("dilation", dilation, self.n_axes)
        self.padding = (
            same_padding(kernel, self.stride, self.dilation)
            if padding == "same"
            else per_axis("padding", padding, self.n_axes, least=0)
        )
        self.groups, self.backprop = groups, backprop
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters as torch's own convolutions do, in the same order."""
        draw_like_torch(self.weight, self.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve.

        Shape: [B, C, (F,) T] -> [B, J, ...].
        """
        layer, scan = type(self).__name__, Scan(self.stride, self.padding, self.dilation, self.groups)
        if self.backprop == "custom":
            return scanned(layer, maps, self.weight, self.bias, scan)
        check_maps(layer, maps, [self.n_axes], self.weight.shape[1] * self.groups)
        return TORCH[self.n_axes](maps, self.weight, self.bias, *scan)

    def extra_repr(self) -> str:
        """Show the settings that differ from their defaults."""
        j, i, *kernel = self.weight.shape
        plain = {"stride": 1, "padding": 0, "dilation": 1}
        shown = [
            f"{name}={getattr(self, name)}" for name, usual in plain.items() if set(getattr(self, name)) != {usual}
        ]
        shown += [f"groups={self.groups}"] * (self.groups > 1) + ["bias=False"] * (self.bias is None)
        return ", ".join([f"{i * self.groups}, {j}, kernel_size={tuple(kernel)}", *shown, f"backprop={self.backprop}"])


class Conv1d(Convolution):
    """Convolution along time (a TDNN layer).

    >>> Conv1d(40, 64, 5, padding="same")(torch.zeros(2, 40, 300)).shape
    torch.Size([2, 64, 300])
    """

    n_axes = 1


class Conv2d(Convolution):
    """Convolution along frequency and time.

    >>> Conv2d(3, 84, (8, 15), padding=(0, 7))(torch.zeros(2, 3, 40, 300)).shape
    torch.Size([2, 84, 33, 300])
    """

    n_axes = 2


class DepthwiseSeparable(nn.Module):
    """What the depthwise-separable convolutions of both dimensions share: M K K + N M weights instead of N M K K.

    Each of the M maps is convolved with one filter of its own, then each of the N maps above is a weighted sum of the
    results (lecture, "Depth-wise convolution"). The offset stands in the second step alone.

    Args: as for `Convolution`, without groups.
    """

    convolution: ClassVar[type[Convolution]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | Literal["same"] = 0,
        dilation: Size = 1,
        bias: bool = True,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        self.depthwise = self.convolution(
            in_channels, in_channels, kernel_size, stride, padding, dilation, in_channels, False, backprop
        )
        self.pointwise = self.convolution(in_channels, out_channels, 1, bias=bias, backprop=backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve each map, then mix them.

        Shape: [B, M, (F,) T] -> [B, N, ...].
        """
        return self.pointwise(self.depthwise(maps))


class DepthwiseSeparableConv1d(DepthwiseSeparable):
    """Depthwise-separable convolution along time.

    >>> sum(p.numel() for p in DepthwiseSeparableConv1d(128, 64, 9, bias=False).parameters()) == 128 * 9 + 64 * 128
    True
    """

    convolution = Conv1d


class DepthwiseSeparableConv2d(DepthwiseSeparable):
    """Depthwise-separable convolution along frequency and time.

    >>> DepthwiseSeparableConv2d(16, 32, 3, padding="same")(torch.zeros(2, 16, 40, 100)).shape
    torch.Size([2, 32, 40, 100])
    """

    convolution = Conv2d


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    """Raise a ValueError unless all are positive and the groups divide both numbers of channels."""
    if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            "in_channels and out_channels must be positive multiples of groups; "
            f"got {in_channels} and {out_channels} with groups={groups}."
        )


def same_padding(kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Return the zeros on each side that keep a map's size."""
    if set(stride) != {1} or any(k % 2 == 0 and d % 2 for k, d in zip(kernel, dilation, strict=True)):
        raise ValueError(
            f'padding="same" needs stride 1 and odd kernels, which have a middle; got kernel_size {kernel}, '
            f"stride {stride}, dilation {dilation}."
        )
    return tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
