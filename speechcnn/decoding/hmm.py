"""Phone models of left-to-right states over a network's posteriors: decoding, forced alignment and tuning.

A posterior divided by its state's prior is a likelihood up to a factor that all paths share (Bourlard and Morgan,
1994), so the network's scores serve as the emission scores of a hidden Markov model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding import tuning
from speechcnn.decoding.bigram import Bigram, estimate_bigram
from speechcnn.decoding.forward_backward import path_posteriors
from speechcnn.decoding.ngram import NgramModel, estimate_ngram
from speechcnn.decoding.path import DecodedPhone, timed_segments
from speechcnn.decoding.phone_models import PhoneHmm
from speechcnn.decoding.states import close_holes, frame_labels, uniform_states
from speechcnn.decoding.streaming import StreamingDecoder
from speechcnn.decoding.tuning import Tuned
from speechcnn.decoding.viterbi import pass_through
from speechcnn.labels import Segment

__all__ = [
    "Bigram",
    "DecodedPhone",
    "NgramModel",
    "PhoneHmm",
    "Tuned",
    "align",
    "close_holes",
    "confidences",
    "decode",
    "estimate_bigram",
    "estimate_ngram",
    "frame_labels",
    "path_posteriors",
    "phone_posteriors",
    "phone_segments",
    "state_segments",
    "tune",
    "uniform_states",
]

CONFIDENCES = ("network", "paths")
MOST_ALIGNED = 2**31  # states times frames of an alignment: 700 phones a minute, for 13 minutes
FRAMES_AT_ONCE = 500  # decoded before what is final is set aside, which bounds memory


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
        lm_scale: factor on the language model's log probabilities.
        insertion_penalty: nats subtracted for each phone.
        prior_scale: exponent of the priors that posteriors are divided by.

    Shape: log_posteriors [T, K].
    """
    decoder = StreamingDecoder(hmm, lm_scale, insertion_penalty, prior_scale, None, FRAMES_AT_ONCE)
    found, state = decoder.step(log_posteriors, decoder.start())
    rest = decoder.finish(state)
    return found + rest if rest else []


def align(log_posteriors: NDArray[np.float32], phones: Sequence[int], hmm: PhoneHmm) -> NDArray[np.int64]:
    """Return each frame's state on the best path through the given phones.

    Shape: log_posteriors [T, K] -> [T].

    Raises:
        ValueError: there are fewer frames than states to pass, or so many of both that memory would not hold them.
    """
    if len(phones) * hmm.n_states * len(log_posteriors) > MOST_ALIGNED:
        raise ValueError(
            f"aligning {len(phones)} phones of {hmm.n_states} states with {len(log_posteriors)} frames takes a byte "
            f"for each state in each frame, at most {MOST_ALIGNED / 2**30:g} GiB; cut the recording into pieces."
        )
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


def confidences(
    kind: str,
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    lm_scale: float = 1.0,
    insertion_penalty: float = 0.0,
    prior_scale: float = 1.0,
) -> NDArray[np.float32]:
    """Return how probable each phone is in each frame, for `phone_segments` to average.

    `network` is the network's posterior of the frame alone; `paths` the phone's share in all paths through the
    utterance at the temperature of the language-model scale, or at 1 where that is smaller.

    Shape: log_posteriors [T, K] -> [T, L].

    Raises:
        ValueError: another kind.
    """
    if kind not in CONFIDENCES:
        raise ValueError(f"the confidence must be one of {', '.join(CONFIDENCES)}; got {kind!r}.")
    if kind == "network":
        return phone_posteriors(log_posteriors, hmm.n_states)
    return path_posteriors(log_posteriors, hmm, lm_scale, insertion_penalty, prior_scale, max(lm_scale, 1.0))


def phone_segments(
    decoded: Sequence[DecodedPhone],
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    shift: float = 0.01,
    first_centre: float = 0.0125,
    posteriors: NDArray[np.float32] | None = None,
) -> list[Segment]:
    """Return decoded phones in seconds, each with its mean posterior; boundaries lie midway between centres.

    The first phone starts at 0. The posteriors averaged are the network's, or those given.

    Shape: posteriors [T, L].
    """
    if posteriors is None:
        posteriors = phone_posteriors(log_posteriors, hmm.n_states)
    return timed_segments(decoded, posteriors, hmm.labels, shift, first_centre)


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

    def labels(posteriors: NDArray[np.float32], lm_scale: float, insertion_penalty: float) -> list[str]:
        found = decode(posteriors, hmm, lm_scale, insertion_penalty, prior_scale)
        return [hmm.labels[one.phone] for one in found]

    return tuning.tune(utterances, labels, error_rate, lm_scales, insertion_penalties, progress)
