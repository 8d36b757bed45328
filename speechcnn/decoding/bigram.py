"""The phone bigram: the n-gram of order 2 under its own name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from speechcnn.decoding.ngram import NgramModel, estimate_ngram
from speechcnn.labels import Labels

Bigram = NgramModel


def estimate_bigram(transcripts: Iterable[Sequence[str]], labels: Labels) -> NgramModel:
    """Estimate a bigram with interpolated Witten-Bell smoothing."""
    return estimate_ngram(transcripts, labels, order=2, smoothing="witten_bell")
