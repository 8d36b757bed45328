"""The broadcast-residual network of keyword spotting as a net of whole clips: mean over time, then one full layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.maps import Backprop
from speechcnn.models.image_nets.parts import ClassifyingNet, averaged
from speechcnn.models.keyword_nets import KeywordBcNet


class Surrounded(nn.Module):
    """Adds mean frames (zeros, of normalised features) before and after the picture.

    The layers above do not pad time; so each frame has its place in the middle of what one of their outputs sees.
    """

    def __init__(self, n_bands: int, before: int, after: int) -> None:
        super().__init__()
        self.n_bands, self.before, self.after = n_bands, before, after

    def forward(self, pictures: Tensor) -> Tensor:
        """Surround the picture.

        Shape: [B, C, F, T] -> [B, C, F, before + T + after].

        Raises:
            ValueError: another number of bands than the net was built for, or no frame.
        """
        if pictures.shape[2] != self.n_bands or not pictures.shape[3]:
            raise ValueError(
                f"this net reads {self.n_bands} bands and at least one frame; got pictures {list(pictures.shape)}. "
                "Give features.n_bands that number, or build the net for another one."
            )
        return F.pad(pictures, (self.before, self.after))


class BcResNet(ClassifyingNet):
    """Broadcast-residual blocks: 2-D along frequency, 1-D along time; their last maps averaged over time.

    Any number of frames will do, but only the bands that it was built for: blocks normalise parts of the frequency axis
    apart. All layers up to the mean are those of `keyword_bc_net`, whose docstring says where they differ from the
    paper. Source: Kim, Chang, Lee and Sung (2021), "Broadcasted residual learning for efficient keyword spotting",
    whose BC-ResNet-1 has 8 channels and BC-ResNet-3 has 24.

    Args:
        n_classes: scores.
        n_streams: channels of the spectrogram.
        n_bands: rows of the spectrogram, a multiple of 8 * `sub_bands`; energy is not one of them.
        channels: maps of the first stage of blocks; the others have 1.5, 2 and 2.5 times as many.
        blocks: blocks in each of the four stages.
        dilations: output frames between the three taps along time in each stage.
        sub_bands: parts of the frequency axis that are normalised apart.
        stride: frames between two of the places that are averaged.
        dropout: share of values set to zero in training, in each block.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".

    Raises:
        ValueError: other than four stages, or bands that do not divide into `sub_bands`.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int = 40,
        channels: int = 8,
        blocks: Sequence[int] = (2, 2, 4, 4),
        dilations: Sequence[int] = (1, 1, 2, 4),
        sub_bands: int = 5,
        stride: int = 2,
        dropout: float = 0.1,
        backprop: Backprop = "custom",
    ) -> None:
        spotter = KeywordBcNet(
            2, n_streams, n_bands, False, channels, blocks, dilations, sub_bands, stride, 0, dropout, backprop
        )  # of which the heads, for two classes and their times, are left
        around = spotter.receptive_field.size - 1
        after = around // 2 // stride * stride
        layers = [Surrounded(n_bands, around - after, after), *spotter.body[:-1]]  # without the rows of its last layer
        super().__init__(nn.Sequential(*layers), averaged(0.0), 4 * channels, n_classes, backprop)
        self.n_bands = n_bands

    @property
    def minimum_size(self) -> tuple[int, int]:
        """The bands that the net takes, and one frame."""
        return self.n_bands, 1
