"""From a network's scores to phones, for both kinds of network: states of phones, or phones and a blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding import ctc, hmm
from speechcnn.decoding.phone_ctc import NO_STATES, PhoneCtc
from speechcnn.decoding.phone_models import PhoneHmm
from speechcnn.labels import Labels, Segment
from speechcnn.recognizer.settings import Weighting

PhoneModels: TypeAlias = PhoneHmm | PhoneCtc
Scores: TypeAlias = NDArray[np.float32]


def models_of(labels: Labels, n_states: int, arrays: Mapping[str, NDArray[np.float64]]) -> PhoneModels:
    """Make phone models of the arrays in a model file."""
    return PhoneCtc.from_arrays(labels, arrays) if n_states == NO_STATES else PhoneHmm.from_arrays(labels, arrays)


def best_labels(scores: Scores, models: PhoneModels, weighting: Weighting) -> list[str]:
    """Return the best phone sequence without times.

    Shape: scores [T, K].
    """
    return [models.labels[one.phone] for one in decoded(scores, models, weighting)]


def best_segments(
    scores: Scores, models: PhoneModels, weighting: Weighting, shift: float, first_centre: float
) -> list[Segment]:
    """Return the best phone sequence in seconds, each with its mean posterior.

    Shape: scores [T, K].
    """
    found = decoded(scores, models, weighting)
    if isinstance(models, PhoneHmm):
        return hmm.phone_segments(found, scores, models, shift, first_centre)
    return between_blanks(found, scores, models, shift, first_centre)


def aligned_segments(
    scores: Scores, models: PhoneModels, phones: Sequence[int], shift: float, first_centre: float
) -> list[Segment]:
    """Return when each of the given phones was spoken.

    Shape: scores [T, K].

    Raises:
        ValueError: there are too few frames for the phones.
    """
    if isinstance(models, PhoneHmm):
        return hmm.state_segments(hmm.align(scores, phones, models), scores, models, shift, first_centre)
    return between_blanks(models.align(scores, phones), scores, models, shift, first_centre)


def phone_posteriors(scores: Scores, n_states: int) -> Scores:
    """Return how probable each phone is in each frame.

    Shape: [T, K] -> [T, L].
    """
    return np.exp(scores[:, 1:]) if n_states == NO_STATES else hmm.phone_posteriors(scores, n_states)


def decoded(scores: Scores, models: PhoneModels, weighting: Weighting) -> list[hmm.DecodedPhone]:
    """Return the best phone sequence in frames."""
    if isinstance(models, PhoneHmm):
        return hmm.decode(scores, models, **asdict(weighting))
    return models.decode(scores, weighting.lm_scale, weighting.insertion_penalty)


def between_blanks(
    found: Sequence[hmm.DecodedPhone], scores: Scores, models: PhoneCtc, shift: float, first_centre: float
) -> list[Segment]:
    """Return phones in seconds; what a path leaves blank between two of them is parted at its middle."""
    return hmm.close_holes(ctc.segments(found, scores, models.labels, shift, first_centre))
