"""Phone models of left-to-right states over a network's posteriors: decoding, forced alignment and tuning.

A posterior divided by its state's prior is a likelihood up to a factor that all paths share (Bourlard and Morgan,
1994), so the network's scores serve as the emission scores of a hidden Markov model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding.bigram import Bigram, estimate_bigram
from speechcnn.decoding.states import close_holes, frame_labels, uniform_states
from speechcnn.decoding.viterbi import pass_through, search
from speechcnn.labels import Labels, Segment

__all__ = [
    "Bigram",
    "DecodedPhone",
    "PhoneHmm",
    "Tuned",
    "align",
    "close_holes",
    "decode",
    "estimate_bigram",
    "frame_labels",
    "phone_posteriors",
    "phone_segments",
    "state_segments",
    "tune",
    "uniform_states",
]

STATE_ARRAYS = ("log_prior", "log_self", "log_next")
UNSEEN_STAY = 0.5  # chance of staying in a state that training never visited


@dataclass(frozen=True)
class DecodedPhone:
    """A phone on the best path: its number, and its first and last frame."""

    phone: int
    first_frame: int
    last_frame: int


@dataclass(frozen=True, eq=False)
class PhoneHmm:
    """One left-to-right model a phone, and the bigram between phones.

    Shape: log_prior, log_self, log_next [K], K = L * n_states, state s of phone l having the number l * n_states + s.
    """

    labels: Labels
    log_prior: NDArray[np.float64]  # of each state, counted in the alignment
    log_self: NDArray[np.float64]  # of staying in a state for another frame
    log_next: NDArray[np.float64]  # of leaving it
    bigram: Bigram

    @property
    def n_states(self) -> int:
        """States of a phone."""
        return len(self.log_prior) // len(self.labels)

    @classmethod
    def estimate(
        cls, alignments: Sequence[NDArray[np.int64]], labels: Labels, bigram: Bigram, n_states: int = 3
    ) -> PhoneHmm:
        """Count priors and durations in state alignments, each [T]; every state counts once more than seen."""
        n = n_states * len(labels)
        frames = sum((np.bincount(states, minlength=n) for states in alignments), start=np.zeros(n))
        ends = [np.append(states[:-1][np.diff(states) != 0], states[-1:]) for states in alignments]
        exits = sum((np.bincount(states, minlength=n) for states in ends), start=np.zeros(n))
        leave = np.where(frames > 0, exits / np.maximum(frames, 1), UNSEEN_STAY).clip(0.01, 0.99)
        return cls(labels, np.log((frames + 1) / (frames + 1).sum()), np.log(1 - leave), np.log(leave), bigram)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return all numbers, for a model file."""
        return {
            "log_prior": self.log_prior,
            "log_self": self.log_self,
            "log_next": self.log_next,
            "bigram": self.bigram.log_probabilities,
        }

    @classmethod
    def from_arrays(cls, labels: Labels, arrays: Mapping[str, NDArray[np.float64]]) -> PhoneHmm:
        """Make the models from what `arrays` returned.

        Raises:
            ValueError: the arrays' shapes do not fit the labels.
        """
        bigram, states = arrays["bigram"], [arrays[name] for name in STATE_ARRAYS]
        n = len(labels)
        if (
            bigram.shape != (n + 1, n + 1)
            or len({s.shape for s in states}) > 1
            or states[0].size % n
            or not states[0].size
        ):
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
            raise ValueError(
                f"phone models of {n} labels need [K] states, K a multiple of {n}, and a bigram [{n + 1}, {n + 1}]; "
                f"got {shapes}."
            )
        return cls(labels, states[0], states[1], states[2], Bigram(bigram))

    def scaled_likelihoods(self, log_posteriors: NDArray[np.float32], prior_scale: float = 1.0) -> NDArray[np.float32]:
        """Divide posteriors by priors, in logarithms.

        Shape: [T, K] -> [T, K].
        """
        if log_posteriors.ndim != 2 or log_posteriors.shape[1] != len(self.log_prior):
            raise ValueError(
                f"log posteriors must be [frames, {len(self.log_prior)}]; got {list(log_posteriors.shape)}."
            )
        return (log_posteriors - prior_scale * self.log_prior).astype(np.float32)


def decode(
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    lm_scale: float = 1.0,
    insertion_penalty: float = 0.0,
    prior_scale: float = 1.0,
) -> list[DecodedPhone]:
    """Return the best phone sequence of an utterance; an utterance shorter than one phone has none.

    Args:
        log_posteriors: the network's.
        hmm: the phone models.
        lm_scale: factor on the bigram's log probabilities.
        insertion_penalty: nats subtracted for each phone.
        prior_scale: exponent of the priors that posteriors are divided by.

    Shape: log_posteriors [T, K].
    """
    scores = hmm.scaled_likelihoods(log_posteriors, prior_scale)
    enter = lm_scale * hmm.bigram.log_probabilities.T - insertion_penalty
    enter[-1] += insertion_penalty  # the end of the utterance is no phone
    if len(scores) == 0:
        return []
    _, phones, firsts, lasts = search(scores, hmm.log_self, hmm.log_next, np.ascontiguousarray(enter), hmm.n_states)
    return [DecodedPhone(*map(int, one)) for one in zip(phones, firsts, lasts, strict=True)]


def align(log_posteriors: NDArray[np.float32], phones: Sequence[int], hmm: PhoneHmm) -> NDArray[np.int64]:
    """Return each frame's state on the best path through the given phones.

    Shape: log_posteriors [T, K] -> [T].

    Raises:
        ValueError: there are fewer frames than states to pass.
    """
    states = (np.asarray(phones, dtype=np.int64)[:, None] * hmm.n_states + np.arange(hmm.n_states)).reshape(-1)
    if not 0 < len(states) <= len(log_posteriors):
        raise ValueError(
            f"aligning {len(phones)} phones of {hmm.n_states} states needs at least one phone and {len(states)} "
            f"frames; got {len(log_posteriors)} frames."
        )
    scores = hmm.scaled_likelihoods(log_posteriors)
    return states[pass_through(scores, hmm.log_self, hmm.log_next, states)]


def phone_posteriors(log_posteriors: NDArray[np.float32], n_states: int) -> NDArray[np.float32]:
    """Sum the posteriors of each phone's states.

    Shape: [T, K] -> [T, L].
    """
    return np.exp(log_posteriors).reshape(len(log_posteriors), -1, n_states).sum(-1)


def phone_segments(
    decoded: Sequence[DecodedPhone],
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    shift: float = 0.01,
    first_centre: float = 0.0125,
) -> list[Segment]:
    """Return decoded phones in seconds, each with its mean posterior; boundaries lie midway between centres.

    The first phone starts at 0.
    """
    posteriors = phone_posteriors(log_posteriors, hmm.n_states)
    segments = []
    for one in decoded:
        start = max(0.0, first_centre + (one.first_frame - 0.5) * shift) if one.first_frame else 0.0
        end = first_centre + (one.last_frame + 0.5) * shift
        mean = float(posteriors[one.first_frame : one.last_frame + 1, one.phone].mean())
        segments.append(Segment(hmm.labels[one.phone], round(start, 6), round(end, 6), min(mean, 1.0)))
    return segments


def state_segments(
    states: NDArray[np.int64],
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    shift: float = 0.01,
    first_centre: float = 0.0125,
) -> list[Segment]:
    """Return an alignment's phones in seconds; a phone begins where its first state does."""
    begins = np.flatnonzero((states % hmm.n_states == 0) & (np.diff(states, prepend=-1) != 0))
    ends = np.append(begins[1:], len(states)) - 1
    phones = (states[begins] // hmm.n_states).tolist()
    decoded = [DecodedPhone(*one) for one in zip(phones, begins.tolist(), ends.tolist(), strict=True)]
    return phone_segments(decoded, log_posteriors, hmm, shift, first_centre)


@dataclass(frozen=True)
class Tuned:
    """The decoder weights that did best, their error rate, and all that were tried."""

    lm_scale: float
    insertion_penalty: float
    rate: float
    tried: tuple[tuple[float, float, float], ...]  # (lm_scale, insertion_penalty, rate)


def tune(
    utterances: Sequence[NDArray[np.float32]],
    hmm: PhoneHmm,
    error_rate: Callable[[list[list[str]]], float],
    lm_scales: Sequence[float],
    insertion_penalties: Sequence[float],
    prior_scale: float = 1.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tuned:
    """Try every pair of weights on dev utterances, each [T, K]; ties go to the pair tried first."""
    tried: list[tuple[float, float, float]] = []
    pairs = list(product(lm_scales, insertion_penalties))
    if not pairs:
        raise ValueError("lm_scales and insertion_penalties must each list at least one value.")
    with ThreadPoolExecutor() as pool:
        for lm_scale, penalty in pairs:

            def labels(posteriors: NDArray[np.float32], lm: float = lm_scale, ip: float = penalty) -> list[str]:
                return [hmm.labels[one.phone] for one in decode(posteriors, hmm, lm, ip, prior_scale)]

            tried.append((lm_scale, penalty, error_rate(list(pool.map(labels, utterances)))))
            progress(len(tried), len(pairs))
    lm_scale, penalty, rate = min(tried, key=lambda one: one[2])
    return Tuned(lm_scale, penalty, rate, tuple(tried))
