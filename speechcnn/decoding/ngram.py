"""Phone n-grams: which phone follows which, estimated from transcripts by named kinds of smoothing.

All counts stand in dense tables: 61 phones and the utterance's boundary make 62 x 62 x 62 numbers at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.labels import Labels

ORDERS = (1, 2, 3)
UNCOUNTED_DISCOUNT = 0.5  # taken from every count where none is 1, so that nothing tells how many were missed


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Log probabilities of the next phone given the last ones: none, one or two of them.

    On every axis number l stands for phone l. The last number is the utterance's boundary: its start on the axes of
    the history, its end on the last axis.

    Shape: log_probabilities [L + 1], [L + 1, L + 1] or [L + 1, L + 1, L + 1].
    """

    log_probabilities: NDArray[np.float64]

    @property
    def order(self) -> int:
        """Phones that the model looks at together: 1, 2 or 3."""
        return self.log_probabilities.ndim

    def log_probability(self, phones: Sequence[int]) -> float:
        """Return the log probability of a whole utterance, start and end included."""
        boundary = self.log_probabilities.shape[-1] - 1
        return float(self.log_probabilities[_windows(phones, self.order, boundary)].sum())

    def perplexity(self, utterances: Iterable[Sequence[int]]) -> float:
        """Return the inverse geometric mean probability of a phone or an end.

        Raises:
            ValueError: there is no utterance.
        """
        utterances = list(utterances)
        if not utterances:
            raise ValueError("a perplexity needs at least one utterance; got none.")
        predicted = sum(len(phones) + 1 for phones in utterances)
        return float(np.exp(-sum(map(self.log_probability, utterances)) / predicted))


def estimate_ngram(
    transcripts: Iterable[Sequence[str]], labels: Labels, order: int = 2, smoothing: str = "witten_bell"
) -> NgramModel:
    """Count a phone n-gram in transcripts and smooth it.

    Args:
        transcripts: phones of each utterance, without marks of start and end.
        labels: the phones.
        order: 1, 2 or 3.
        smoothing: `witten_bell` or `kneser_ney`, both interpolated.

    Raises:
        ValueError: another order or smoothing, or a phone that is not among the labels.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be 1, 2 or 3; got {order!r}.")
    if smoothing not in SMOOTHINGS:
        raise ValueError(f"smoothing must be one of {', '.join(SMOOTHINGS)}; got {smoothing!r}.")
    boundary = len(labels)
    counts = np.zeros((boundary + 1,) * order)
    for transcript in transcripts:
        np.add.at(counts, _windows(labels.encode(transcript), order, boundary), 1)
    return NgramModel(np.log(SMOOTHINGS[smoothing](counts)))


def _windows(phones: Sequence[int], order: int, boundary: int) -> tuple[list[int], ...]:
    """Return the runs of `order` numbers that a model of this order predicts, as one list for each place in the run."""
    padded = [boundary] * (order - 1) + [*phones, boundary]
    return tuple(padded[place : place + len(phones) + 1] for place in range(order))


def _witten_bell(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate with the lower order by the number of different phones seen after a history.

    With c(h, w) the count of w after h, c(h) its sum over w, t(h) the number of different w seen after h, and g the
    history h without its oldest phone, P(w | h) = (c(h, w) + t(h) P(w | g)) / (c(h) + t(h)). The unigram is smoothed by
    adding one.

    Source: Witten and Bell (1991); Chen and Goodman (1998), section 2.4.
    """
    if counts.ndim == 1:
        return (counts + 1) / (counts.sum() + counts.size)
    lower = _witten_bell(counts.sum(0))
    totals, types = counts.sum(-1, keepdims=True), (counts > 0).sum(-1, keepdims=True)
    seen = (counts + types * lower) / np.maximum(totals + types, 1)
    return np.where(totals > 0, seen, lower)


def _kneser_ney(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take one discount D from every count and give what it frees to the lower order, counted by continuations.

    P(w | h) = (max(c(h, w) - D, 0) + D t(h) P(w | g)) / c(h), where D = n1 / (n1 + 2 n2) with n1 and n2 the numbers of
    n-grams seen once and twice. Below the unigram all phones are equally probable.

    Source: Kneser and Ney (1995); Chen and Goodman (1999), section 4.1.6 and equation 8.
    """
    lower = _kneser_ney(_continuations(counts)) if counts.ndim > 1 else np.full(counts.size, 1 / counts.size)
    totals, types = counts.sum(-1, keepdims=True), (counts > 0).sum(-1, keepdims=True)
    discount = _discount(counts)
    seen = (np.maximum(counts - discount, 0) + discount * types * lower) / np.maximum(totals, 1)
    return np.where(totals > 0, seen, lower)


def _continuations(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each shorter n-gram the number of different phones seen before it.

    Nothing but the start comes before an n-gram that begins at the start; such n-grams keep their counts.
    """
    lower = (counts > 0).sum(0).astype(np.float64)
    if lower.ndim > 1:
        lower[-1] = counts.sum(0)[-1]
    return lower


def _discount(counts: NDArray[np.float64]) -> float:
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    return float(once / (once + 2 * twice)) if once else UNCOUNTED_DISCOUNT


SMOOTHINGS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "witten_bell": _witten_bell,
    "kneser_ney": _kneser_ney,
}
