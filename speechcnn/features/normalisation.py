"""Normalisation of features to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from speechcnn.shapes import length_mask

STD_FLOOR = 1e-3  # a band that never changes, as in digital silence, is not blown up
KINDS = ("corpus", "speaker", "utterance", "none")


class Statistics(NamedTuple):
    """Mean and standard deviation over frames of each row of each channel.

    Shape: [C, F, 1] each, or [B, C, F, 1] to give each item of a batch its own.
    """

    mean: Tensor
    std: Tensor


class Normalizer(nn.Module):
    """Brings each row of each channel to zero mean and unit variance.

    Args:
        kind: over which frames mean and variance are taken: those of the training "corpus" (kept with the weights;
            until `fit`, features pass unchanged), of the "speaker" (given to `forward`), of the "utterance", or "none".
        n_streams: channels of the features.
        n_bands: rows of their frequency axis.
        energy: whether one more row follows.

    Raises:
        ValueError: another kind.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, kind: Literal["corpus", "speaker", "utterance", "none"], n_streams: int, n_bands: int, energy: bool
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self.kind = kind
        if kind == "corpus":
            shape = (n_streams, n_bands + energy, 1)
            self.register_buffer("mean", torch.zeros(shape))
            self.register_buffer("std", torch.ones(shape))

    def fit(self, features: Iterable[Tensor]) -> None:
        """Take over the statistics of the training corpus; does nothing for the other kinds.

        Shape: features [C, F, T] each.

        Raises:
            ValueError: no frames, or features of another shape.
        """
        if self.kind != "corpus":
            return
        mean, std = statistics(features)
        if mean.shape != self.mean.shape:
            raise ValueError(f"features must be {tuple(self.mean.shape[:2])} rows a frame, got {tuple(mean.shape[:2])}")
        self.mean.copy_(mean)
        self.std.copy_(std)

    @property
    def needs_statistics(self) -> bool:
        """Whether a recording is normalised by statistics of its own or its speaker's."""
        return self.kind in ("speaker", "utterance")

    def part(self, features: Tensor, own: Statistics | None) -> Tensor:
        """Return a part of a recording normalised, given the statistics of the whole where they are needed.

        Shape: [C, F, T] -> [C, F, T].
        """
        if self.kind == "none":
            return features
        statistics = Statistics(self.mean, self.std) if self.kind == "corpus" else own
        if statistics is None:
            raise ValueError(f"features normalised by {self.kind} need the statistics of the recording or its speaker")
        return (features - statistics.mean) / statistics.std

    def forward(self, features: Tensor, lengths: Tensor, speaker: Statistics | None = None) -> Tensor:
        """Return the normalised features; frames beyond an item's length are zero.

        For the kind "speaker" an item without `speaker` statistics is taken as all that was heard of its speaker.

        Shape: features [B, C, F, T], lengths [B] in frames -> [B, C, F, T].
        """
        if self.kind == "none":
            return features
        real = length_mask(lengths, features.shape[-1])[:, None, None]
        if self.kind == "corpus":
            speaker = Statistics(self.mean, self.std)
        elif self.kind == "utterance" or speaker is None:
            speaker = _own_statistics(features, real)
        return ((features - speaker.mean) / speaker.std).masked_fill(~real, 0.0)


def statistics(features: Iterable[Tensor]) -> Statistics:
    """Return the mean and standard deviation over all frames of several utterances, those of a speaker for example.

    Shape: features [C, F, T] each -> [C, F, 1] each.

    Raises:
        ValueError: there is no frame.
    """
    n_frames, total, squares = 0, torch.zeros(()), torch.zeros(())
    for one in features:
        wide = one.double()
        n_frames += one.shape[-1]
        total, squares = total + wide.sum(-1, keepdim=True), squares + wide.square().sum(-1, keepdim=True)
    if n_frames == 0:
        raise ValueError("statistics need at least one frame, got none; are the recordings shorter than one window?")
    mean = total / n_frames
    variance = (squares / n_frames - mean.square()).clamp(min=STD_FLOOR**2)
    return Statistics(mean.float(), variance.sqrt().float())


def _own_statistics(features: Tensor, real: Tensor) -> Statistics:
    n_frames = real.sum(-1, keepdim=True).clamp(min=1)
    mean = features.masked_fill(~real, 0.0).sum(-1, keepdim=True) / n_frames
    variance = (features - mean).square().masked_fill(~real, 0.0).sum(-1, keepdim=True) / n_frames
    return Statistics(mean, variance.clamp(min=STD_FLOOR**2).sqrt())
