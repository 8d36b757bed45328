"""Viterbi decoding of scores as they come: what all living paths agree on is final and is given out.

Where the paths do not agree in time, the best one is taken and the others are given up, so that every frame is decided
within a delay that the user sets. Without such a limit the phones are those of a search over the whole utterance.

Source: Rabiner (1989) for the search; Šrámek, Brejová and Vinař (2007) for giving out what the paths agree on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding.loop import PhoneLoop
from speechcnn.decoding.path import DecodedPhone
from speechcnn.decoding.phone_models import PhoneHmm
from speechcnn.decoding.viterbi import advance, agreed, ancestors, trace


@dataclass(frozen=True, eq=False)
class StreamState:
    """Where a search stands; a step makes a new one and leaves the old one as it was.

    Shape: path [A, L, S]; sources [N, A, L] and moved [N, A, L, S] for the N frames not decided yet.
    """

    n_frames: int  # received so far
    path: NDArray[np.float64]  # score of the best path into each state
    sources: NDArray[np.int16]  # where each phone would be entered from
    moved: NDArray[np.bool_]  # whether each state's best path came from another state
    begun: tuple[int, int] | None = None  # the phone under way where the undecided frames begin, and its first frame

    @property
    def n_decided(self) -> int:
        """Frames whose states are final."""
        return self.n_frames - len(self.moved)


class StreamingDecoder:
    """Decodes one utterance in pieces of any size; the pieces' sizes do not change the result.

    Args:
        hmm: the phone models.
        lm_scale: factor on the language model's log probabilities.
        insertion_penalty: nats subtracted for each phone.
        prior_scale: exponent of the priors that posteriors are divided by.
        max_delay: a phone is given out at most this many frames after its last one (given that pieces are single
            frames); None: whenever the paths agree, however late.
        check_every: frames between two looks at what the paths agree on.

    Raises:
        ValueError: `check_every` is below 1, or `max_delay` is not above `check_every`.
    """

    def __init__(
        self,
        hmm: PhoneHmm,
        lm_scale: float = 1.0,
        insertion_penalty: float = 0.0,
        prior_scale: float = 1.0,
        max_delay: int | None = 100,
        check_every: int = 10,
    ) -> None:
        if check_every < 1:
            raise ValueError(f"check_every must be at least 1 frame; got {check_every}.")
        if max_delay is not None and max_delay <= check_every:
            raise ValueError(
                f"max_delay must be above check_every, {check_every} frames, so that a look comes in time; "
                f"got {max_delay}."
            )
        self.hmm, self.prior_scale = hmm, prior_scale
        self.loop = PhoneLoop.of(hmm, lm_scale, insertion_penalty)
        self.max_delay, self.check_every = max_delay, check_every

    def start(self) -> StreamState:
        """Return the state before the first frame."""
        shape = (*self.loop.start.shape, self.hmm.n_states)
        return StreamState(0, np.full(shape, -np.inf), np.empty((0, *shape[:2]), np.int16), np.empty((0, *shape), bool))

    def step(self, log_posteriors: NDArray[np.float32], state: StreamState) -> tuple[list[DecodedPhone], StreamState]:
        """Take the next frames; return the phones that became final, and where the search stands now.

        Shape: log_posteriors [N, K].
        """
        found: list[DecodedPhone] = []
        for part in self._up_to_checks(log_posteriors, state.n_frames):
            state = self._receive(self.hmm.scaled_likelihoods(part, self.prior_scale), state)
            if state.n_frames % self.check_every == 0:
                phones, state = self._decide(state)
                found += phones
        return found, state

    def finish(self, state: StreamState) -> list[DecodedPhone]:
        """Return the rest of the phones, the utterance being over; none where no path has passed a whole phone.

        Where paths were given up, those that are left may all be within a phone; then that phone counts as whole.
        """
        last = state.path[:, :, -1] + self.loop.log_next[:, -1] + self.loop.finish
        best = int(last.argmax()) * self.hmm.n_states + self.hmm.n_states - 1
        if last.max() == -np.inf:
            best = int(state.path.argmax())
            if state.begun is None or state.path.max() == -np.inf:
                return []
        phones, begun = _completed(state, len(state.moved), best)
        return [*phones, DecodedPhone(*begun, state.n_frames - 1)]

    def _up_to_checks(self, frames: NDArray[np.float32], n_before: int) -> Iterator[NDArray[np.float32]]:
        """Cut frames where the number of frames received is a multiple of `check_every`."""
        first = self.check_every - n_before % self.check_every
        return (part for part in np.split(frames, range(first, len(frames), self.check_every)) if len(part))

    def _receive(self, scores: NDArray[np.float32], state: StreamState) -> StreamState:
        path, loop, first = state.path.copy(), self.loop, state.n_frames == 0
        sources, moved = advance(
            scores, path, loop.log_self, loop.log_next, loop.start, loop.enter, loop.least, loop.most, first
        )
        return replace(
            state,
            n_frames=state.n_frames + len(scores),
            path=path,
            sources=np.concatenate([state.sources, sources]),
            moved=np.concatenate([state.moved, moved]),
        )

    def _decide(self, state: StreamState) -> tuple[list[DecodedPhone], StreamState]:
        """Give out what is final, and forget the frames behind it."""
        n_final, final = agreed(state.path, state.sources, state.moved)
        if self.max_delay is not None:
            late = len(state.moved) - (self.max_delay - self.check_every)
            if late > n_final:
                n_final, final, state = _give_up_others(state, late)
        if n_final == 0:
            return [], state
        phones, begun = _completed(state, n_final, final)
        return phones, replace(state, sources=state.sources[n_final:], moved=state.moved[n_final:], begun=begun)


def _completed(state: StreamState, n_final: int, final: int) -> tuple[list[DecodedPhone], tuple[int, int]]:
    """Return the phones that end before the one that `final` belongs to, and that one with its first frame."""
    entered = trace(final, state.sources[:n_final], state.moved[:n_final])
    begins = zip(*(numbers.tolist() for numbers in entered), strict=True)
    spans = [(phone, state.n_decided + row) for phone, row in begins]
    if state.begun is not None:
        spans.insert(0, state.begun)
    return _phones(spans), spans[-1]


def _phones(spans: Sequence[tuple[int, int]]) -> list[DecodedPhone]:
    following = [first for _, first in spans[1:]]
    return [DecodedPhone(phone, first, after - 1) for (phone, first), after in zip(spans, following, strict=False)]


def _give_up_others(state: StreamState, n_final: int) -> tuple[int, int, StreamState]:
    """Take the best path as final for some frames, and strike out all paths that came another way."""
    origins = ancestors(state.path.size, state.sources[n_final:], state.moved[n_final:])
    best = origins[state.path.argmax()]
    path = np.where(origins.reshape(state.path.shape) == best, state.path, -np.inf)
    return n_final, int(best), replace(state, path=path)
