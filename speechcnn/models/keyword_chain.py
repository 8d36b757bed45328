"""Features, normalisation and keyword network as one: samples in, posteriors and times out, whole or as a stream."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.features import LogMel, Mfcc, Normalizer, streaming
from speechcnn.models.keyword_nets import KeywordNet, KeywordScores
from speechcnn.models.streaming import State

STREAMED_KINDS = ("corpus", "none")  # of normalisation: those that need nothing of what is still to come


class Posteriors(NamedTuple):
    """What is heard in each output frame: how likely each keyword is, and how far back it begins and ends.

    Shape: keywords [B, K, T'] (0..1), times [B, 2, T'] (seconds, as `KeywordScores.times`).
    """

    keywords: Tensor
    times: Tensor


class ChainState(NamedTuple):
    """What a chain remembers of a stream.

    Shape: samples [B, M].
    """

    samples: Tensor  # that later frames still need
    n_frames: int  # that were whole so far
    network: State


class KeywordChain(nn.Module):
    """Scans samples for keywords.

    A stream gives what the whole recording gives. For that, normalisation is by the statistics of the training corpus,
    or there is none, and the features have no deltas. Before the recording and behind it lie mean frames.
    A recording shorter than one window is filled with silence to one.

    Raises:
        ValueError: features with deltas, or another kind of normalisation.
    """

    def __init__(self, features: LogMel | Mfcc, normalizer: Normalizer, network: KeywordNet) -> None:
        super().__init__()
        streaming.check_streams(features)
        if normalizer.kind not in STREAMED_KINDS:
            raise ValueError(
                f"a keyword is looked for in streams, whose {normalizer.kind} is not known before its end; "
                f"normalisation.kind must be one of {', '.join(STREAMED_KINDS)}."
            )
        self.features, self.normalizer, self.network = features, normalizer, network
        self.log_mel = features.log_mel if isinstance(features, Mfcc) else features

    @property
    def hop_seconds(self) -> float:
        """Distance between two outputs."""
        return self.features.shift_seconds * self.network.stride

    @property
    def latency_seconds(self) -> float:
        """Time between the centre of an output's frame and the last sample that it waits for."""
        return self.features.first_centre_seconds + self.features.shift_seconds * self.network.lookahead_frames

    @property
    def context_seconds(self) -> float:
        """Length of the sound that an output depends on."""
        field = self.network.receptive_field.size
        return (self.log_mel.window_samples + (field - 1) * self.log_mel.shift_samples) / self.features.rate

    def forward(self, samples: Tensor) -> Posteriors:
        """Scan whole recordings.

        Shape: samples [B, N] -> keywords [B, K, T'], times [B, 2, T'].
        """
        return posteriors(self.network(self.normalized(self.features(self.filled(samples))[0])))

    def filled(self, samples: Tensor) -> Tensor:
        """Return the samples, with silence behind them where they are fewer than one window.

        Shape: [B, N] -> [B, max(N, window)].
        """
        return F.pad(samples, (0, max(0, self.log_mel.window_samples - samples.shape[-1])))

    def normalized(self, features: Tensor) -> Tensor:
        """Return features as the network reads them.

        Shape: [B, C, F, T], kept.
        """
        n_frames = features.new_full((len(features),), features.shape[-1]).long()
        return self.normalizer(features, n_frames)

    def start(self, batch: int = 1) -> ChainState:
        """Return the state before the first sample of `batch` recordings."""
        samples = self.log_mel.window.new_zeros(batch, 0)
        return ChainState(samples, 0, self.network.start(self.features(samples)[0]))

    def step(self, samples: Tensor, state: ChainState) -> tuple[Posteriors, ChainState]:
        """Scan the next samples; the outputs that became ready lie `latency_seconds` behind.

        Shape: samples [B, N], N of any size -> keywords [B, K, T'], times [B, 2, T'].
        """
        found, held = streaming.step(self.features, samples, state.samples)
        scores, network = self.network.step(self.normalized(found), state.network)
        return posteriors(scores), ChainState(held, state.n_frames + found.shape[-1], network)

    def finish(self, state: ChainState) -> Posteriors:
        """Return the outputs that still waited for frames to come; none where no sample came at all.

        Shape: -> keywords [B, K, T'], times [B, 2, T'].
        """
        short = not state.n_frames and state.samples.shape[-1]
        frames = self.normalized(self.features(self.filled(state.samples) if short else state.samples[:, :0])[0])
        scores, network = self.network.step(frames, state.network)
        if not state.n_frames and not short:
            return posteriors(scores)
        return joined([posteriors(scores), posteriors(self.network.finish(frames, network))])


def posteriors(scores: KeywordScores) -> Posteriors:
    """Return the posteriors of the keywords; what is left to one is that of class 0, none.

    Shape: [B, K + 1, T'], [B, 2, T'] -> [B, K, T'], [B, 2, T'].
    """
    return Posteriors(scores.classes.softmax(1)[:, 1:], scores.times)


def joined(pieces: list[Posteriors]) -> Posteriors:
    """Return pieces of a stream as one."""
    return Posteriors(*(torch.cat(ones, -1) for ones in zip(*pieces, strict=True)))
