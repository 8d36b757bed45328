"""The expanding (transposed) convolution: a layer whose maps are larger than those below, with a filter it learns.

Each value below "pushes" a copy of the filter onto the map above, b values from the next copy; where copies overlap
they add up. That is `expand`, the operator by which a convolution with stride b hands derivatives down, so its own
derivatives are a convolution (for the values below) and a correlation (for the filter): the exercise that the lecture
leaves open.

The lecture gives two sizes for a map of W values, a kernel of K and a stride of b:

    (W - 1) b + K      "CNN: Expanding convolution layer l": as far as the last pushed copy reaches
    b W + (K - 1)      "2D expanding convolution": b - 1 zeros also follow the last value before the map is convolved

The second has b - 1 zeros more at the end and the same values before. `output_size` reaches from one value to the
second size: shorter maps are cropped evenly on both sides (the odd value at the beginning), longer ones end in zeros.

Sources: Bhiksha Raj, "Convolutional Networks IV" (2021); Dumoulin and Visin (2016); Odena, Dumoulin and Olah (2016)
and Pons et al. (2021) on the tones and checkerboards that uneven overlap and random filters cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.conv import check_channels
from speechcnn.layers.flat import draw_like_torch
from speechcnn.layers.maps import Backprop, Size, autocast, check_backprop, check_maps, check_types, per_axis
from speechcnn.layers.trilinear import Convolve, Expand, Scan, Sizes, applied

TORCH = {1: F.conv_transpose1d, 2: F.conv_transpose2d}


class ExpandingConvolution(nn.Module):
    """What `ExpandingConv1d` and `ExpandingConv2d` share; the arguments stand in torch's order.

    The filters start without artefacts: each is a short random filter convolved with a box of the stride's length. At
    the start the layer thus repeats each value b times and convolves the result, so that a constant map stays constant.
    That takes kernels at least as long as the stride and no dilation; other filters start as torch's do.

    Args:
        in_channels: maps below.
        out_channels: maps above.
        kernel_size: values that a filter covers along each axis.
        stride: values above between two copies of the filter: the factor of the expansion.
        padding: values cut off on each side when no `output_size` is given.
        output_padding: values added at the end when no `output_size` is given; smaller than the stride.
        groups: parts into which the channels are divided.
        bias: whether each map above has an offset.
        dilation: values above between two taps of the filter.
        backprop: whose backward pass runs.
    """

    n_axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        check_channels(in_channels, out_channels, groups)
        n = self.n_axes
        kernel = per_axis("kernel_size", kernel_size, n)
        self.scan = Scan(
            stride=per_axis("stride", stride, n),
            padding=per_axis("padding", padding, n, least=0),
            dilation=per_axis("dilation", dilation, n),
            groups=groups,
        )
        self.output_padding = per_axis("output_padding", output_padding, n, least=0)
        if any(more >= step for more, step in zip(self.output_padding, self.scan.stride, strict=True) if more):
            raise ValueError(
                f"output_padding must be smaller than the stride {self.scan.stride}; got {output_padding}."
            )
        self.backprop = backprop
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, without artefacts where that is possible."""
        draw_like_torch(self.weight, self.bias)
        kernel, stride = self.weight.shape[2:], self.scan.stride
        if set(self.scan.dilation) == {1} and all(k >= s for k, s in zip(kernel, stride, strict=True)):
            nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
            with torch.no_grad():
                self.weight.copy_(box_filters(self.weight, stride))

    def forward(self, maps: Tensor, output_size: Size | None = None) -> Tensor:
        """Expand.

        Shape: [B, C, (F,) T] -> [B, J, ...]; each axis is (W - 1) b + K - 2 padding + output_padding long, or as
        `output_size` says, which may reach from 1 to b W + (K - 1), K being the kernel's extent with its dilation.

        Raises:
            TypeError, ValueError: maps or an output size that do not fit; the sentence names shape and rule.
        """
        check_maps(type(self).__name__, maps, [self.n_axes], self.weight.shape[0])
        if output_size is not None:
            return self.expand_to(maps, self.checked_size(maps, output_size))
        pushed = self.scan.pushed(maps.shape[2:], self.weight.shape[2:])
        sizes = tuple(size + more for size, more in zip(pushed, self.output_padding, strict=True))
        if min(sizes) < 1:
            raise ValueError(
                f"{type(self).__name__}: padding {list(self.scan.padding)} leaves nothing of maps of shape "
                f"{list(maps.shape[2:])}; give longer maps or less padding."
            )
        return self.expand(maps, sizes, self.scan)

    def checked_size(self, maps: Tensor, output_size: Size) -> Sizes:
        """Return one size for each axis, after checking its range."""
        wanted = per_axis("output_size", output_size, self.n_axes)
        scan = self.scan
        extent = scan.extent(self.weight.shape[2:])
        most = [b * w + k - 1 for b, w, k in zip(scan.stride, maps.shape[2:], extent, strict=True)]
        if any(size > limit for size, limit in zip(wanted, most, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: output_size must be from 1 to stride * size + (extent of the kernel - 1) = "
                f"{most}; got {list(wanted)} for maps of shape {list(maps.shape[2:])}."
            )
        return wanted

    def expand_to(self, maps: Tensor, wanted: Sizes) -> Tensor:
        """Expand to the wanted sizes: evenly cropped, or with zeros at the end."""
        whole = self.scan._replace(padding=(0,) * self.n_axes)
        spare = [full - w for full, w in zip(whole.pushed(maps.shape[2:], self.weight.shape[2:]), wanted, strict=True)]
        crop = tuple(max(s, 0) // 2 for s in spare)
        odd = tuple(max(s, 0) % 2 for s in spare)
        above = self.expand(maps, tuple(w + o for w, o in zip(wanted, odd, strict=True)), whole._replace(padding=crop))
        for axis, (first, size) in enumerate(zip(odd, wanted, strict=True), start=2):
            above = above.narrow(axis, first, size) if first else above
        return above

    def expand(self, maps: Tensor, sizes: Sizes, scan: Scan) -> Tensor:
        """Expand onto maps of exactly these sizes by the backward pass that was chosen."""
        if self.backprop == "custom":
            maps, weight, bias = autocast(maps, self.weight, self.bias)
            check_types(type(self).__name__, maps, weight)
            return applied(Expand, maps, weight, bias, sizes, scan)
        pushed = scan.pushed(maps.shape[2:], self.weight.shape[2:])
        rest = [a - b for a, b in zip(sizes, pushed, strict=True)]
        settings = scan.stride, scan.padding, rest, scan.groups, scan.dilation
        return TORCH[self.n_axes](maps, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        """Show the settings."""
        i, j, *kernel = self.weight.shape
        return (
            f"{i}, {j * self.scan.groups}, kernel_size={tuple(kernel)}, stride={self.scan.stride}, "
            f"padding={self.scan.padding}, groups={self.scan.groups}, backprop={self.backprop}"
        )


class ExpandingConv1d(ExpandingConvolution):
    """Expanding convolution along time.

    >>> layer = ExpandingConv1d(64, 32, 8, stride=4)
    >>> layer(torch.zeros(2, 64, 75)).shape, layer(torch.zeros(2, 64, 75), output_size=300).shape
    (torch.Size([2, 32, 304]), torch.Size([2, 32, 300]))
    """

    n_axes = 1


class ExpandingConv2d(ExpandingConvolution):
    """Expanding convolution along frequency and time.

    >>> ExpandingConv2d(8, 4, 4, stride=2)(torch.zeros(2, 8, 10, 50), output_size=(20, 100)).shape
    torch.Size([2, 4, 20, 100])
    """

    n_axes = 2


def box_filters(random: Tensor, stride: Sequence[int]) -> Tensor:
    """Convolve the beginning of each filter with a box of the stride's size, so that its taps are evenly spread.

    Taps k, k + b, k + 2b ... reach one value above; each such set then has the same sum, whatever the filter.

    Shape: [I, J, K...] -> the same.
    """
    short = random
    for axis, step in enumerate(stride, start=2):
        short = short.narrow(axis, 0, random.shape[axis] - step + 1)
    box = torch.ones(1, 1, *stride, dtype=random.dtype, device=random.device)
    scan = Scan((1,) * len(stride), tuple(s - 1 for s in stride), (1,) * len(stride))
    return applied(Convolve, short.flatten(0, 1)[:, None], box, None, scan).reshape(random.shape)
