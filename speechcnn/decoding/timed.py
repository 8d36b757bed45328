"""Decoding of streams into phones in seconds, each with the mean of its posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding.path import DecodedPhone, timed
from speechcnn.decoding.streaming import StreamingDecoder, StreamState
from speechcnn.labels import Segment

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TimedState:
    """Where the search stands, and what the means of phones to come are made of.

    Shape: posteriors [N, L] of the N frames not decided yet.
    """

    search: StreamState
    posteriors: NDArray[np.float32]
    begun_sum: float = 0.0  # over the decided frames of the phone under way


class TimedDecoder:
    """A stage that turns scores into segments, in memory that does not grow with the phones' lengths.

    Args:
        decoder: what finds the phones.
        shift: seconds between two frames.
        first_centre: seconds from the start to the centre of frame 0.
    """

    def __init__(self, decoder: StreamingDecoder, shift: float, first_centre: float) -> None:
        self.decoder, self.shift, self.first_centre = decoder, shift, first_centre

    def start(self) -> TimedState:
        """Return the state before the first frame."""
        return TimedState(self.decoder.start(), np.empty((0, len(self.decoder.hmm.labels)), np.float32))

    def step(self, piece: Scores, state: TimedState) -> tuple[list[Segment], TimedState]:
        """Take log posteriors of states and the posteriors of phones to average; return the phones that are final.

        Shape: piece [N, K] and [N, L].
        """
        log_posteriors, posteriors = piece
        found, search = self.decoder.step(log_posteriors, state.search)
        heard = TimedState(state.search, np.concatenate([state.posteriors, posteriors]), state.begun_sum)
        begun_sum = 0.0
        if search.begun is not None:
            begun_sum = _sum(DecodedPhone(*search.begun, search.n_decided - 1), heard)
        n_new = search.n_decided - state.search.n_decided
        return self._segments(found, heard), TimedState(search, heard.posteriors[n_new:], begun_sum)

    def finish(self, state: TimedState) -> list[Segment]:
        """Return the rest of the phones, the stream being over."""
        return self._segments(self.decoder.finish(state.search), state)

    def _segments(self, found: Sequence[DecodedPhone], state: TimedState) -> list[Segment]:
        labels = self.decoder.hmm.labels
        means = [_sum(one, state) / (one.last_frame - one.first_frame + 1) for one in found]
        return [timed(one, mean, labels, self.shift, self.first_centre) for one, mean in zip(found, means, strict=True)]


def _sum(one: DecodedPhone, state: TimedState) -> float:
    """Sum a phone's posterior over its frames, of which those decided before are summed already."""
    decided = state.search.n_decided
    rows = state.posteriors[max(0, one.first_frame - decided) : one.last_frame + 1 - decided, one.phone]
    return float(rows.sum(dtype=np.float64)) + (state.begun_sum if one.first_frame < decided else 0.0)
