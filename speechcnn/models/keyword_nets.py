"""Small networks that are scanned over a recording and say in each frame which keyword it is, and from when to when.

They have two heads (lecture, "does this recording contain HELLO, and where"): class scores, and the onset and offset by
regression. A network may name phones on the way and know words by these alone.

Their layers are not padded along time. The recording is padded once, before the first layer, with frames of zeros:
after normalisation by the training corpus these are its mean frame. Thus a recording shorter than the receptive field
is answered too, a batch's padding changes nothing, and the network can be fed piece by piece.

How far a network looks ahead is a matter of which frame its output is said to belong to; 0 frames are causal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.conv import Conv1d, Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.models.keyword_blocks import (
    N_PHONES,
    Broadcast,
    Floor,
    PhoneScores,
    Rows,
    Spelling,
    closing,
    separable,
    separable_block,
)
from speechcnn.models.streaming import Scanned, Stack, State, field_of
from speechcnn.shapes import ReceptiveField, conv_length


class KeywordScores(NamedTuple):
    """What a keyword network says of each output frame.

    Output t belongs to feature frame t * `stride`. Class 0 is "no keyword". The times are seconds from the centre of
    that frame back to the keyword's onset and offset: the onset lies at centre - times[:, 0], the offset at
    centre - times[:, 1]; a time is negative for what is still to come. They mean something where a keyword is.

    Shape: classes [B, K + 1, T'] (scores before the softmax), times [B, 2, T'], phones [B, 39, T'] (log posteriors; of
    whole recordings, by networks that name them).
    """

    classes: Tensor
    times: Tensor
    phones: Tensor | None = None


class KeywordNet(nn.Module):
    """What the keyword networks share: padding, the two heads, and the stream.

    Args:
        body: layers from features [B, C, F, T] to maps [B, `width`, T']; where the first is a `Spelling`, its phones
            are answers too.
        width: channels of those maps.
        n_classes: keywords and one more, class 0, for none.
        lookahead_frames: feature frames after the one an output belongs to that it waits for; 0 is causal.
        backprop: whose backward pass runs.

    Raises:
        ValueError: a look-ahead that is negative, beyond the receptive field, or no multiple of the stride.
    """

    minimum_frames = 1  # of a recording; the receptive field is filled up with mean frames

    def __init__(self, body: Stack, width: int, n_classes: int, lookahead_frames: int, backprop: Backprop) -> None:
        super().__init__()
        if n_classes < 2:
            raise ValueError(f"n_classes must be at least 2, none and one keyword; got {n_classes}.")
        self.n_classes, self.body, self.lookahead_frames = n_classes, body, lookahead_frames
        self.classes = Conv1d(width, n_classes, 1, backprop=backprop)
        self.times = Conv1d(width, 2, 1, backprop=backprop)
        self.receptive_field: ReceptiveField = field_of(body)  # in feature frames
        check_lookahead(lookahead_frames, self.receptive_field)

    @property
    def stride(self) -> int:
        """Feature frames between two outputs."""
        return self.receptive_field.stride

    @property
    def context_frames(self) -> int:
        """Feature frames before the one an output belongs to that it sees."""
        return self.receptive_field.size - 1 - self.lookahead_frames

    def latency_ms(self, shift_ms: float) -> float:
        """Return the time between a frame and the last frame that its output waits for."""
        return self.lookahead_frames * shift_ms

    def forward(self, features: Tensor) -> KeywordScores:
        """Score whole recordings.

        Shape: features [B, C, F (+1), T] -> classes [B, K + 1, T'], times [B, 2, T'], phones [B, 39, T'] or None,
        T' = ceil(T / stride).

        Raises:
            ValueError: there is no frame.
        """
        if not features.shape[-1]:
            raise ValueError(f"a keyword network takes at least one frame; got features {list(features.shape)}.")
        first = self.body[0](F.pad(features, (self.context_frames, self.lookahead_frames)))
        scores = self.heads(self.body[1:](first))
        return scores._replace(phones=self.placed(first, scores)) if isinstance(self.body[0], Spelling) else scores

    def placed(self, phones: Tensor, scores: KeywordScores) -> Tensor:
        """Return of each output the phones that lie in the middle of what they see, or as near to it as is seen.

        Shape: [B, 39, any] -> [B, 39, T'].
        """
        n_outputs = scores.classes.shape[-1]
        middle = (self.context_frames - field_of(self.body[0]).size // 2) // self.stride
        return phones.narrow(-1, min(max(0, middle), phones.shape[-1] - n_outputs), n_outputs)

    def heads(self, maps: Tensor) -> KeywordScores:
        """Return both answers.

        Shape: [B, C, T'] -> [B, K + 1, T'], [B, 2, T'].
        """
        return KeywordScores(self.classes(maps), self.times(maps))

    def start(self, features: Tensor) -> State:
        """Return the state before the first frame; `features` [B, C, F, any] gives shape and type alone."""
        return self.step(zero_frames(features, self.context_frames), None)[1]

    def step(self, features: Tensor, state: State) -> tuple[KeywordScores, State]:
        """Score the next frames: the outputs that became ready, `lookahead_frames` behind the input.

        All outputs of a stream, with those of `finish`, are those of `forward` on the whole.

        Shape: features [B, C, F (+1), T], T of any size -> [B, K + 1, T'], [B, 2, T'].
        """
        if not features.shape[-1]:
            return self.silent(features), state
        maps, state = self.body.step(features, state)
        return (self.silent(features) if maps is None else self.heads(maps)), state

    def finish(self, features: Tensor, state: State) -> KeywordScores:
        """Return the outputs that still waited; `features` [B, C, F, any] gives shape and type alone."""
        return self.step(zero_frames(features, self.lookahead_frames), state)[0]

    def silent(self, features: Tensor) -> KeywordScores:
        """Return no outputs."""
        return KeywordScores(
            features.new_zeros(len(features), self.n_classes, 0), features.new_zeros(len(features), 2, 0)
        )


class KeywordTdnn(KeywordNet):
    """Time-delay network: convolutions along time, each wider apart than the one below, first to phones, then to words.

    The upper layers see nothing but the phones' posteriors, not what else a word's recordings have in common.

    Source: Waibel et al. (1989), "Phoneme recognition using time-delay neural networks"; Peddinti, Povey and Khudanpur
    (2015), "A time delay neural network architecture for efficient modeling of long temporal contexts"; words above
    posteriors of phones as in Hermansky, Ellis and Sharma (2000), "Tandem connectionist feature extraction".

    Args:
        n_classes: keywords and one more, class 0, for none.
        n_streams: channels of the features.
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        channels: maps of each layer.
        dilations: output frames between the three taps of each layer below the phones, after the first.
        word_dilations: the same of the layers above them.
        stride: feature frames between two outputs.
        lookahead_frames: feature frames that an output waits for.
        dropout: share of values set to zero in training.
        backprop: whose backward pass runs.

    Raises:
        ValueError: no layer above the phones.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        channels: int = 64,
        dilations: Sequence[int] = (1, 2, 4),
        word_dilations: Sequence[int] = (4, 8, 8, 16),
        stride: int = 2,
        lookahead_frames: int = 20,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        if not word_dilations:
            raise ValueError("word_dilations must be at least one number: words are not known by a single frame.")
        rows = n_streams * (n_bands + energy)

        def layer(below: int, kernel: int, step: int, gap: int) -> list[nn.Module]:
            along = Conv1d(below, channels, kernel, step, dilation=gap, bias=False, backprop=backprop)
            return [Scanned(along), *closing(channels, dropout, backprop)]

        below = [part for gap in dilations for part in layer(channels, 3, 1, gap)]
        phones = Spelling(Rows(), *layer(rows, 5, stride, 1), *below, PhoneScores(channels, backprop))
        widths = [N_PHONES, *(channels for _ in word_dilations[1:])]
        words = [part for width, gap in zip(widths, word_dilations, strict=True) for part in layer(width, 3, 1, gap)]
        super().__init__(Stack(phones, Floor(), *words), channels, n_classes, lookahead_frames, backprop)


class KeywordDsTcn(KeywordNet):
    """Residual blocks of depthwise-separable convolutions along time.

    Source: Majumdar and Ginsburg (2020), "MatchboxNet"; Choi et al. (2019), "Temporal convolution for real-time keyword
    spotting on mobile devices" (TC-ResNet). Kernels are shorter than there, so that the receptive field is 1.15 s.

    Args:
        n_classes: keywords and one more, class 0, for none.
        n_streams: channels of the features.
        n_bands: rows of the features' frequency axis.
        energy: whether one more row, the frame's energy, follows the bands.
        channels: maps of the blocks; the first and the last two layers have twice as many.
        kernels: taps of each block's convolutions.
        repeats: convolutions in a block.
        stride: feature frames between two outputs.
        lookahead_frames: feature frames that an output waits for.
        dropout: share of values set to zero in training.
        backprop: whose backward pass runs.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        channels: int = 64,
        kernels: Sequence[int] = (11, 13, 15),
        repeats: int = 1,
        stride: int = 2,
        lookahead_frames: int = 20,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        rows, wide = n_streams * (n_bands + energy), 2 * channels
        units = [*separable(rows, wide, 11, stride, backprop), *closing(wide, dropout, backprop)]
        below = wide
        for kernel in kernels:
            units.append(separable_block(below, channels, kernel, repeats, dropout, backprop))
            below = channels
        units += [*separable(below, wide, 17, 1, backprop), *closing(wide, dropout, backprop)]
        units += [Conv1d(wide, wide, 1, bias=False, backprop=backprop), *closing(wide, dropout, backprop)]
        super().__init__(Stack(Rows(), *units), wide, n_classes, lookahead_frames, backprop)


class KeywordBcNet(KeywordNet):
    """Broadcast-residual network: 2-D along frequency, 1-D along time, its sum spread over all bands again.

    Source: Kim, Chang, Lee and Sung (2021), "Broadcasted residual learning for efficient keyword spotting"; with
    rectifiers instead of swish, and half the dilation for a stride of 2 along time.

    Args:
        n_classes: keywords and one more, class 0, for none.
        n_streams: channels of the features.
        n_bands: rows of the features' frequency axis.
        energy: whether the features hold a row of energy; it has no place on the frequency axis, so it must be False.
        channels: maps of the first stage of blocks; the others have 1.5, 2 and 2.5 times as many.
        blocks: blocks in each of the four stages.
        dilations: output frames between the three taps along time in each stage.
        sub_bands: parts of the frequency axis that are normalised apart.
        stride: feature frames between two outputs.
        lookahead_frames: feature frames that an output waits for.
        dropout: share of values set to zero in training.
        backprop: whose backward pass runs.

    Raises:
        ValueError: energy, other than four stages, or bands that do not divide into `sub_bands`.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        energy: bool,
        channels: int = 8,
        blocks: Sequence[int] = (2, 2, 4, 4),
        dilations: Sequence[int] = (1, 1, 2, 4),
        sub_bands: int = 5,
        stride: int = 2,
        lookahead_frames: int = 20,
        dropout: float = 0.1,
        backprop: Backprop = "custom",
    ) -> None:
        check_stages(n_bands, energy, channels, blocks, dilations, sub_bands)
        below, rows = 2 * channels, conv_length(n_bands, 5, 2, 2)
        units: list[nn.Module] = [
            Scanned(Conv2d(n_streams, below, 5, (2, stride), (2, 0), bias=False, backprop=backprop)),
            nn.BatchNorm2d(below),
            ReLU(backprop),
        ]
        for stage, (count, gap) in enumerate(zip(blocks, dilations, strict=True)):
            maps = channels * (2 + stage) // 2
            for number in range(count):
                step = 2 if stage in (1, 2) and number == 0 else 1
                rows = conv_length(rows, 3, step, 1)
                units.append(Broadcast(below, maps, rows, step, gap, sub_bands, dropout, backprop))
                below = maps
        last = 4 * channels
        units += [
            Scanned(Conv2d(below, below, (rows, 5), groups=below, bias=False, backprop=backprop)),
            Conv2d(below, last, 1, bias=False, backprop=backprop),
            nn.BatchNorm2d(last),
            ReLU(backprop),
            Rows(),
        ]
        super().__init__(Stack(*units), last, n_classes, lookahead_frames, backprop)


def zero_frames(features: Tensor, n_frames: int) -> Tensor:
    """Return frames of zeros of the same kind as `features`."""
    return features.new_zeros(*features.shape[:-1], n_frames)


def check_lookahead(lookahead_frames: int, field: ReceptiveField) -> None:
    """Raise a ValueError unless outputs can lie so far behind the last frame they see."""
    if not 0 <= lookahead_frames < field.size or lookahead_frames % field.stride:
        raise ValueError(
            f"lookahead_frames must be a multiple of the stride, {field.stride}, from 0 (causal) and below the "
            f"receptive field of {field.size} frames; got {lookahead_frames}."
        )


def check_stages(
    n_bands: int, energy: bool, channels: int, blocks: Sequence[int], dilations: Sequence[int], sub_bands: int
) -> None:
    """Raise a ValueError unless the stages of a broadcast-residual network can be built."""
    if energy:
        raise ValueError("a broadcast-residual network reads bands alone; give features.energy=false.")
    if len(blocks) != 4 or len(dilations) != 4 or min(*blocks, *dilations) < 1:
        raise ValueError(f"blocks and dilations must be four numbers of at least 1; got {blocks} and {dilations}.")
    if channels < 2 or channels % 2:
        raise ValueError(f"channels must be even and at least 2; got {channels}.")
    if sub_bands < 1 or n_bands % (8 * sub_bands):
        raise ValueError(f"n_bands must be a multiple of 8 * sub_bands, {8 * sub_bands}; got {n_bands}.")


KEYWORD_MODELS: dict[str, type[KeywordNet]] = {
    "keyword_tdnn": KeywordTdnn,
    "keyword_ds_tcn": KeywordDsTcn,
    "keyword_bc_net": KeywordBcNet,
}
