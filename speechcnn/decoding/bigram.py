"""The phone bigram: which phone follows which, estimated from transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.labels import Labels


@dataclass(frozen=True, eq=False)
class Bigram:
    """Log probabilities of the next phone given the last one.

    Row and column l stand for phone l; the last row is the start of an utterance, the last column its end.

    Shape: log_probabilities [L + 1, L + 1].
    """

    log_probabilities: NDArray[np.float64]

    def log_probability(self, phones: Sequence[int]) -> float:
        """Return the log probability of a whole utterance, start and end included."""
        boundary = len(self.log_probabilities) - 1
        histories, following = [boundary, *phones], [*phones, boundary]
        return float(self.log_probabilities[histories, following].sum())


def estimate_bigram(transcripts: Iterable[Sequence[str]], labels: Labels) -> Bigram:
    """Estimate a bigram with interpolated Witten-Bell smoothing.

    With c(h, w) the count of w after h, c(h) its sum over w and t(h) the number of different w seen after h,
    P(w | h) = (c(h, w) + t(h) P(w)) / (c(h) + t(h)); the unigram P(w) is smoothed by adding one.

    Source: Witten and Bell (1991); Chen and Goodman (1998), section 2.4.
    """
    boundary = len(labels)
    counts = np.zeros((boundary + 1, boundary + 1))
    for transcript in transcripts:
        phones = labels.encode(transcript)
        np.add.at(counts, ([boundary, *phones], [*phones, boundary]), 1)
    unigram = (counts.sum(0) + 1) / (counts.sum() + boundary + 1)
    totals, types = counts.sum(1, keepdims=True), (counts > 0).sum(1, keepdims=True)
    seen = (counts + types * unigram) / np.maximum(totals + types, 1)
    return Bigram(np.log(np.where(totals > 0, seen, unigram)))
