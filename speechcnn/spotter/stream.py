"""A stream of samples in, posteriors and events out, with everything that is remembered in one explicit state."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from speechcnn.models.keyword_chain import ChainState, KeywordChain, Posteriors
from speechcnn.spotting import Detection, Detector, DetectorState


class StreamState(NamedTuple):
    """What a stream remembers. It is never changed, so a stream can be taken up from any of its states."""

    chain: ChainState
    detector: DetectorState


class Heard(NamedTuple):
    """What became known with a piece of a stream.

    Shape: posteriors [K, T'] (0..1), times [2, T'] (seconds from a frame back to onset and offset).
    """

    posteriors: npt.NDArray[np.float32]
    times: npt.NDArray[np.float32]
    detections: list[Detection]


class KeywordStream:
    """Finds keywords in a stream; what it finds does not depend on how the samples are cut into pieces.

    Example:
        state = stream.start()
        for chunk in microphone:
            heard, state = stream.step(chunk, state)
        rest = stream.finish(state)
    """

    def __init__(self, chain: KeywordChain, detector: Detector) -> None:
        self.chain, self.detector = chain, detector

    @property
    def rate(self) -> int:
        """Samples per second that `step` takes."""
        return self.chain.features.rate

    def start(self) -> StreamState:
        """Return the state before the first sample."""
        with torch.inference_mode():
            return StreamState(self.chain.start(), self.detector.start())

    def step(self, samples: npt.ArrayLike, state: StreamState) -> tuple[Heard, StreamState]:
        """Take the next samples, any number of them, and return what became known.

        Shape: samples [N], within -1..1, at `rate`.

        Raises:
            ValueError: samples of another shape, or not finite.
        """
        with torch.inference_mode():
            found, chain = self.chain.step(checked(samples)[None], state.chain)
        posteriors, times = arrays(found)
        detections, detector = self.detector.step(posteriors, times, state.detector)
        return Heard(posteriors, times, detections), StreamState(chain, detector)

    def finish(self, state: StreamState) -> Heard:
        """Return what still waited for samples that will not come."""
        with torch.inference_mode():
            posteriors, times = arrays(self.chain.finish(state.chain))
        detections, detector = self.detector.step(posteriors, times, state.detector)
        return Heard(posteriors, times, [*detections, *self.detector.finish(detector)])


def checked(samples: npt.ArrayLike) -> torch.Tensor:
    """Return samples as a tensor [N].

    Raises:
        ValueError: another shape, or samples that are not finite.
    """
    plain = np.asarray(samples, dtype=np.float32)
    if plain.ndim != 1:
        raise ValueError(f"a stream takes mono samples [N], got the shape {list(plain.shape)}.")
    if not np.isfinite(plain).all():
        raise ValueError("samples must be finite numbers, some are NaN or infinity.")
    return torch.from_numpy(np.ascontiguousarray(plain))


def arrays(found: Posteriors) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the posteriors and times of one recording as arrays.

    Shape: [1, K, T'], [1, 2, T'] -> [K, T'], [2, T'].
    """
    return found.keywords[0].numpy(), found.times[0].numpy()
