"""A keyword chain on plain arrays, for streams: samples in, what `KeywordChain.step` gives out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechcnn.features import LogMel
from speechcnn.features.arrays import ArrayLogMel
from speechcnn.models.array_blocks import network_of
from speechcnn.models.array_scan import Unsupported, array, bias_of
from speechcnn.models.keyword_chain import KeywordChain

Array = NDArray[np.float32]


class ArrayState(NamedTuple):
    """What is remembered of a stream.

    Shape: samples [M].
    """

    samples: Array  # that later frames still need
    n_frames: int  # that were whole so far
    network: Any


class ArrayChain:
    """A keyword chain as it is now, its numbers copied.

    Raises:
        Unsupported: features or layers that have no counterpart on arrays; torch computes those.
    """

    def __init__(self, chain: KeywordChain) -> None:
        features, normalizer, network = chain.features, chain.normalizer, chain.network
        if not isinstance(features, LogMel):
            raise Unsupported("cepstra are not computed on arrays.")
        self.features = ArrayLogMel(features)
        self.body = network_of(network.body, self.features.n_rows)
        fitted = normalizer.kind == "corpus"
        self.mean: Array | None = array(normalizer.mean[0]) if fitted else None
        self.std: Array | None = array(normalizer.std[0]) if fitted else None
        self.before, self.after = network.context_frames, network.lookahead_frames
        # Both heads are one matrix.
        heads = network.classes, network.times
        self.weight = np.concatenate([array(head.weight)[..., 0] for head in heads])
        self.bias = np.concatenate([bias_of(head) for head in heads])

    def start(self) -> ArrayState:
        """Return the state before the first sample."""
        before = np.zeros((self.features.n_rows, self.before), np.float32)
        return ArrayState(np.zeros(0, np.float32), 0, self.body.step(before, None)[1])

    def step(self, samples: Array, state: ArrayState) -> tuple[tuple[Array, Array], ArrayState]:
        """Scan the next samples.

        Shape: [N] -> keywords [K, T'], times [2, T'].
        """
        held = np.concatenate([state.samples, samples])
        frames = self.features(held)
        found, network = self.scan(self.normalized(frames), state.network)
        kept = held[frames.shape[1] * self.features.shift :].copy()
        return found, ArrayState(kept, state.n_frames + frames.shape[1], network)

    def finish(self, state: ArrayState) -> tuple[Array, Array]:
        """Return the outputs that still waited for frames to come; none where no sample came at all.

        Shape: -> keywords [K, T'], times [2, T'].
        """
        frames = np.zeros((self.features.n_rows, 0), np.float32)
        if not state.n_frames:
            if not len(state.samples):
                return self.answers(None)
            filled = np.pad(state.samples, (0, self.features.size - len(state.samples)))
            frames = self.normalized(self.features(filled))
        after = np.zeros((self.features.n_rows, self.after), np.float32)
        return self.scan(np.concatenate([frames, after], 1), state.network)[0]

    def normalized(self, frames: Array) -> Array:
        """Return frames as the network reads them.

        Shape: [F, T], kept.
        """
        return frames if self.mean is None or self.std is None else (frames - self.mean) / self.std

    def scan(self, frames: Array, network: Any) -> tuple[tuple[Array, Array], Any]:
        """Score frames.

        Shape: [F, T] -> [K, T'], [2, T'].
        """
        if not frames.shape[1]:
            return self.answers(None), network
        maps, network = self.body.step(frames, network)
        return self.answers(maps), network

    def answers(self, maps: Array | None) -> tuple[Array, Array]:
        """Return posteriors and times.

        Shape: [C, T'] -> [K, T'], [2, T'].
        """
        n_classes = len(self.weight) - 2
        if maps is None:
            return np.zeros((n_classes - 1, 0), np.float32), np.zeros((2, 0), np.float32)
        both = self.weight @ maps + self.bias
        scores = both[:n_classes]
        shares = np.exp(scores - scores.max(0))
        return (shares / shares.sum(0))[1:], both[n_classes:]
