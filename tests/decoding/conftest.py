"""Tiny random models, and the listing of every path through them that searches are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest

from speechcnn.decoding.ngram import NgramModel
from speechcnn.decoding.phone_models import PhoneHmm
from speechcnn.labels import Labels

Span = tuple[int, int, int]  # phone, first frame, last frame


@pytest.fixture
def random_ngram(rng) -> Callable[..., NgramModel]:
    def make(n_labels: int = 2, order: int = 2) -> NgramModel:
        shape = (n_labels + 1,) * (order - 1)
        return NgramModel(np.log(rng.dirichlet(np.ones(n_labels + 1), shape)))

    return make


@pytest.fixture
def random_hmm(rng, random_ngram) -> Callable[..., PhoneHmm]:
    def make(n_labels: int = 2, n_states: int = 3, order: int = 2) -> PhoneHmm:
        n = n_labels * n_states
        stay = rng.uniform(0.1, 0.9, n)
        ngram = random_ngram(n_labels, order)
        labels = Labels(tuple("abcdefgh"[:n_labels]))
        return PhoneHmm(labels, np.log(rng.dirichlet(np.ones(n))), np.log(stay), np.log(1 - stay), ngram)

    return make


@pytest.fixture
def random_posteriors(rng) -> Callable[..., np.ndarray]:
    def make(n_frames: int, n: int, concentration: float = 0.3) -> np.ndarray:
        return np.log(rng.dirichlet(np.full(n, concentration), n_frames) + 1e-9).astype(np.float32)

    return make


@pytest.fixture
def every_path() -> Callable[..., Iterator[tuple[float, list[Span], list[int]]]]:
    """Lists all paths that fill the frames: score, phones with their frames, and the state of each frame."""

    def listing(scores: np.ndarray, hmm: PhoneHmm, lm_scale: float = 1, penalty: float = 0):
        for spans in phone_spans(len(scores), hmm.n_states, len(hmm.labels)):
            price = lm_scale * hmm.language_model.log_probability([phone for phone, _, _ in spans])
            ways = [list(splits(last - first + 1, hmm.n_states)) for _, first, last in spans]
            for durations in product(*ways):
                visits = [
                    (phone * hmm.n_states + s, duration)
                    for (phone, _, _), way in zip(spans, durations, strict=True)
                    for s, duration in enumerate(way)
                ]
                moves = sum((duration - 1) * hmm.log_self[k] + hmm.log_next[k] for k, duration in visits)
                states = [k for k, duration in visits for _ in range(duration)]
                emissions = sum(float(scores[t, k]) for t, k in enumerate(states))
                yield price - penalty * len(spans) + moves + emissions, spans, states

    return listing


def phone_spans(n_frames: int, n_states: int, n_phones: int, first: int = 0) -> Iterator[list[Span]]:
    if first == n_frames:
        yield []
    for last in range(first + n_states - 1, n_frames):
        for phone, rest in product(range(n_phones), phone_spans(n_frames, n_states, n_phones, last + 1)):
            yield [(phone, first, last), *rest]


def splits(length: int, n_states: int) -> Iterator[list[int]]:
    """All ways to give each state at least one of `length` frames."""
    if n_states == 1:
        yield [length]
        return
    for first in range(1, length - n_states + 2):
        for rest in splits(length - first, n_states - 1):
            yield [first, *rest]
