"""What is exported: modules from samples to scores whose inputs, outputs and state are plain tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from speechcnn.features import LogMel, Mfcc, Normalizer, levelled
from speechcnn.models.keyword_chain import KeywordChain, posteriors
from speechcnn.models.keyword_nets import zero_frames
from speechcnn.models.streaming import State, state_of, tensors_of


class ScoreGraph(nn.Module):
    """Features, normalisation and any network: scores of whole recordings, before a softmax."""

    inputs, outputs = ("samples",), ("scores",)

    def __init__(self, features: LogMel | Mfcc, normalizer: Normalizer, network: nn.Module) -> None:
        super().__init__()
        self.features, self.normalizer, self.network = features, normalizer, network
        log_mel = features.log_mel if isinstance(features, Mfcc) else features
        self.fewest_samples = log_mel.window_samples

    def forward(self, samples: Tensor) -> Tensor:
        """Score recordings of one length.

        Shape: [B, N] -> what the network gives for features of [B, N].
        """
        return self.network(self.normalizer(*self.features(samples)))


class ClassifierGraph(nn.Module):
    """A classifier's features, levels, normalisation, network and temperature: probabilities of one window.

    Args:
        features: from samples to log energies.
        range_db: of levelled windows, see `features.levelled`.
        mean, std: by which features are normalised, [C, F, 1].
        network: gives scores [B, K].
        temperature: by which scores are divided.
        multi: whether each class is decided for itself (sigmoid) or one of all (softmax).
        n_samples: of a window.
    """

    inputs, outputs = ("samples",), ("probabilities",)
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        features: LogMel | Mfcc,
        range_db: float,
        mean: Tensor,
        std: Tensor,
        network: nn.Module,
        temperature: float,
        multi: bool,
        n_samples: int,
    ) -> None:
        super().__init__()
        self.features, self.network = features, network
        self.range_db, self.temperature, self.multi, self.n_samples = range_db, temperature, multi, n_samples
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the probabilities of each window's classes.

        Shape: [B, n_samples] -> [B, K].
        """
        features = levelled(self.features(samples)[0], self.range_db)
        scores = self.network((features - self.mean) / self.std) / self.temperature
        return scores.sigmoid() if self.multi else scores.softmax(-1)


class KeywordGraph(nn.Module):
    """A keyword chain for whole recordings of at least one window."""

    inputs, outputs = ("samples",), ("keywords", "times")

    def __init__(self, chain: KeywordChain) -> None:
        super().__init__()
        self.chain, self.fewest_samples = chain, chain.log_mel.window_samples

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Scan recordings of one length.

        Shape: samples [B, N] -> keywords [B, K, T'], times [B, 2, T'].
        """
        features, lengths = self.chain.features(samples)
        keywords, times = posteriors(self.chain.network(self.chain.normalizer(features, lengths)))
        return keywords, times


class KeywordStreamGraph(nn.Module):
    """A keyword chain for one stream in chunks of one size, all its state in tensors of fixed shapes.

    Inputs are the chunk, how many of its samples belong to the recording (fewer than the chunk has only at its end;
    then 0), and the state. Outputs are posteriors and times of as many frames as a chunk has, then the state in the
    same order. The first `delay` frames belong to the time before the recording. After the recording, `chunks_after`
    empty chunks bring out what waited. What comes out is then what `KeywordGraph` gives for the whole.

    A frame is real when all of its window is: others are fed to the network as mean frames, as they are offline.

    Args:
        chain: what is scanned.
        chunk: samples of a chunk; a multiple of the output frames' distance.

    Raises:
        ValueError: another chunk size.
    """

    def __init__(self, chain: KeywordChain, chunk: int) -> None:
        super().__init__()
        network, shift = chain.network, chain.log_mel.shift_samples
        hop = shift * network.stride
        if chunk < hop or chunk % hop:
            raise ValueError(f"a chunk must be a multiple of the {hop} samples between two outputs; got {chunk}.")
        self.chain, self.chunk = chain, chunk
        # So many frames of silence stand before the first sample, for every chunk to complete as many frames as it has.
        self.silent = math.ceil((chain.log_mel.window_samples - shift) / shift)
        self.delay = (network.lookahead_frames + self.silent) // network.stride  # in output frames
        features = chain.features(torch.zeros(1, 0))[0]
        before = network.context_frames + self.delay * network.stride - self.silent
        self.pattern: State = network.step(zero_frames(features, before), None)[1]
        names = [f"state_{number}" for number, _ in enumerate(tensors_of(self.pattern))]
        held = ["held", "position", "heard", *names]
        self.inputs = ("samples", "length", *held)
        self.outputs = ("keywords", "times", *(f"next_{name}" for name in held))

    @property
    def chunks_after(self) -> int:
        """Empty chunks after the recording that bring out all its frames."""
        return math.ceil(self.delay * self.chain.network.stride * self.chain.log_mel.shift_samples / self.chunk)

    def start(self) -> tuple[Tensor, ...]:
        """Return the state before the first sample."""
        held = torch.zeros(1, self.silent * self.chain.log_mel.shift_samples)
        nothing = torch.zeros(1, dtype=torch.int64)
        return (held, nothing, nothing.clone(), *tensors_of(self.pattern))

    def forward(
        self, samples: Tensor, length: Tensor, held: Tensor, position: Tensor, heard: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        """Scan a chunk.

        Shape: samples [1, chunk], length, position, heard [1] -> keywords [1, K, T'], times [1, 2, T'], the state.
        """
        log_mel = self.chain.log_mel
        held, heard = torch.cat([held, samples], -1), heard + length
        features = self.chain.normalized(self.chain.features(held)[0])
        n_frames = self.chunk // log_mel.shift_samples
        first = position + (torch.arange(n_frames) - self.silent) * log_mel.shift_samples
        real = (first >= 0) & (first + log_mel.window_samples <= heard)
        features = torch.where(real, features, torch.zeros(()))
        scores, after = self.chain.network.step(features, state_of(self.pattern, iter(state)))
        return (*posteriors(scores), held[:, self.chunk :], position + self.chunk, heard, *tensors_of(after))


def stream_facts(graph: KeywordStreamGraph) -> Mapping[str, Any]:
    """Return what a program must know to run the streaming graph."""
    return {
        "chunk_samples": graph.chunk,
        "delay_frames": graph.delay,
        "chunks_after": graph.chunks_after,
        "state": graph.inputs[2:],
    }
