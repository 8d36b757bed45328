"""A stream of samples in, posteriors and events out, with everything that is remembered in one explicit state."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from speechcnn.models.array_scan import Unsupported
from speechcnn.models.keyword_arrays import ArrayChain, ArrayState
from speechcnn.models.keyword_chain import ChainState, KeywordChain, Posteriors
from speechcnn.spotting import Detection, Detector, DetectorState

Array = npt.NDArray[np.float32]


class StreamState(NamedTuple):
    """What a stream remembers. It is never changed, so a stream can be taken up from any of its states."""

    chain: ChainState | ArrayState
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

    Args:
        chain: features and network.
        detector: of events.
        long_pieces: whether pieces last seconds rather than milliseconds; it matters to speed alone.
    """

    def __init__(self, chain: KeywordChain, detector: Detector, long_pieces: bool = False) -> None:
        self.chain, self.detector = chain, detector
        self.scanner: ArrayChain | TorchScanner = TorchScanner(chain) if long_pieces else quickest(chain)

    @property
    def rate(self) -> int:
        """Samples per second that `step` takes."""
        return self.chain.features.rate

    def start(self) -> StreamState:
        """Return the state before the first sample."""
        return StreamState(self.scanner.start(), self.detector.start())

    def step(self, samples: npt.ArrayLike, state: StreamState) -> tuple[Heard, StreamState]:
        """Take the next samples, any number of them, and return what became known.

        Shape: samples [N], within -1..1, at `rate`.

        Raises:
            ValueError: samples of another shape, or not finite.
        """
        (posteriors, times), chain = self.scanner.step(checked(samples), state.chain)  # type: ignore[arg-type]
        detections, detector = self.detector.step(posteriors, times, state.detector)
        return Heard(posteriors, times, detections), StreamState(chain, detector)

    def finish(self, state: StreamState) -> Heard:
        """Return what still waited for samples that will not come."""
        posteriors, times = self.scanner.finish(state.chain)  # type: ignore[arg-type]
        detections, detector = self.detector.step(posteriors, times, state.detector)
        return Heard(posteriors, times, [*detections, *self.detector.finish(detector)])


class TorchScanner:
    """Scans a chain whose layers have no counterpart on arrays."""

    def __init__(self, chain: KeywordChain) -> None:
        self.chain = chain

    def start(self) -> ChainState:
        """Return the state before the first sample."""
        with torch.inference_mode():
            return self.chain.start()

    def step(self, samples: Array, state: ChainState) -> tuple[tuple[Array, Array], ChainState]:
        """Scan the next samples."""
        with torch.inference_mode():
            found, after = self.chain.step(torch.from_numpy(samples)[None], state)
        return arrays(found), after

    def finish(self, state: ChainState) -> tuple[Array, Array]:
        """Return the outputs that still waited."""
        with torch.inference_mode():
            return arrays(self.chain.finish(state))


def quickest(chain: KeywordChain) -> ArrayChain | TorchScanner:
    """Return what scans small pieces with the least work around them."""
    try:
        return ArrayChain(chain)
    except Unsupported:
        return TorchScanner(chain)


def checked(samples: npt.ArrayLike) -> Array:
    """Return samples as an array [N].

    Raises:
        ValueError: another shape, or samples that are not finite.
    """
    plain = np.asarray(samples, dtype=np.float32)
    if plain.ndim != 1:
        raise ValueError(f"a stream takes mono samples [N], got the shape {list(plain.shape)}.")
    if not np.isfinite(plain).all():
        raise ValueError("samples must be finite numbers, some are NaN or infinity.")
    return np.ascontiguousarray(plain)


def arrays(found: Posteriors) -> tuple[Array, Array]:
    """Return the posteriors and times of one recording as arrays.

    Shape: [1, K, T'], [1, 2, T'] -> [K, T'], [2, T'].
    """
    return found.keywords[0].numpy(), found.times[0].numpy()
