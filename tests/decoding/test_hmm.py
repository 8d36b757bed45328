"""Decoding and alignment against brute force: every path of a tiny model is listed and scored on its own."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from speechcnn.decoding.bigram import Bigram
from speechcnn.decoding.hmm import (
    DecodedPhone,
    PhoneHmm,
    align,
    decode,
    phone_posteriors,
    phone_segments,
    state_segments,
    tune,
)
from speechcnn.labels import Labels

LABELS = Labels(("a", "b"))


def random_hmm(rng: np.random.Generator, labels: Labels = LABELS, n_states: int = 3) -> PhoneHmm:
    n = len(labels) * n_states
    stay = rng.uniform(0.1, 0.9, n)
    bigram = np.log(rng.dirichlet(np.ones(len(labels) + 1), len(labels) + 1))
    return PhoneHmm(labels, np.log(rng.dirichlet(np.ones(n))), np.log(stay), np.log(1 - stay), Bigram(bigram))


def random_posteriors(rng: np.random.Generator, n_frames: int, n: int) -> np.ndarray:
    return np.log(rng.dirichlet(np.full(n, 0.3), n_frames) + 1e-9).astype(np.float32)


def every_path(n_frames: int, n_states: int, n_phones: int):
    """All sequences of (phone, first, last) that fill the frames, with all ways to pass their states."""

    def fill(first: int):
        if first == n_frames:
            yield []
        for last in range(first + n_states - 1, n_frames):
            for phone, rest in product(range(n_phones), fill(last + 1)):
                yield [(phone, first, last), *rest]

    yield from fill(0)


def splits(length: int, n_states: int):
    """All ways to give each state at least one of `length` frames."""
    if n_states == 1:
        yield [length]
        return
    for first in range(1, length - n_states + 2):
        for rest in splits(length - first, n_states - 1):
            yield [first, *rest]


def emission(scores: np.ndarray, hmm: PhoneHmm, phone: int, first: int, last: int) -> tuple[float, list[int]]:
    """The best way through one phone's states, by listing all."""
    best, best_states = -np.inf, []
    for durations in splits(last - first + 1, hmm.n_states):
        states = [phone * hmm.n_states + s for s, d in enumerate(durations) for _ in range(d)]
        value = sum(scores[first + i, k] for i, k in enumerate(states))
        value += sum(hmm.log_self[k] for k, following in pairwise(states) if k == following)
        value += sum(hmm.log_next[phone * hmm.n_states + s] for s in range(hmm.n_states))
        if value > best:
            best, best_states = value, states
    return best, best_states


def brute_force(posteriors, hmm, lm_scale, penalty, prior_scale):
    scores = posteriors - prior_scale * hmm.log_prior
    best, best_path = -np.inf, None
    for path in every_path(len(posteriors), hmm.n_states, len(hmm.labels)):
        value = lm_scale * hmm.language_model.log_probability([phone for phone, _, _ in path]) - penalty * len(path)
        value += sum(emission(scores, hmm, *one)[0] for one in path)
        if value > best:
            best, best_path = value, path
    return best_path


@pytest.mark.parametrize("n_frames", [3, 5, 7, 9])
@pytest.mark.parametrize("weights", [(1, 0, 1), (2.5, -3, 1), (0.3, 4, 0), (0, -1, 0.5)])
def test_decoding_finds_the_best_of_all_paths(rng, n_frames: int, weights: tuple) -> None:
    for _ in range(5):
        hmm, posteriors = random_hmm(rng), random_posteriors(rng, n_frames, 6)
        found = [(d.phone, d.first_frame, d.last_frame) for d in decode(posteriors, hmm, *weights)]
        assert found == brute_force(posteriors, hmm, *weights)


@pytest.mark.parametrize("phones", [[0], [0, 1], [1, 1], [0, 1, 0]])
def test_alignment_finds_the_best_of_all_ways(rng, phones: list[int]) -> None:
    hmm, posteriors = random_hmm(rng), random_posteriors(rng, 10, 6)
    scores = posteriors - hmm.log_prior
    best, best_states = -np.inf, None
    for path in every_path(10, 3, 2):
        if [phone for phone, _, _ in path] == phones:
            parts = [emission(scores, hmm, *one) for one in path]
            if sum(value for value, _ in parts) > best:
                best, best_states = sum(value for value, _ in parts), [k for _, states in parts for k in states]
    assert align(posteriors, phones, hmm).tolist() == best_states


def test_an_alignment_just_fits(rng) -> None:
    hmm = random_hmm(rng)
    assert align(random_posteriors(rng, 6, 6), [1, 0], hmm).tolist() == [3, 4, 5, 0, 1, 2]
    with pytest.raises(ValueError, match="2 phones of 3 states needs at least one phone and 6 frames; got 5 frames"):
        align(random_posteriors(rng, 5, 6), [1, 0], hmm)
    with pytest.raises(ValueError, match="at least one phone"):
        align(random_posteriors(rng, 5, 6), [], hmm)


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_too_short_for_a_phone(rng, n_frames: int) -> None:
    assert decode(random_posteriors(rng, n_frames, 6), random_hmm(rng)) == []


def test_impossible_states_are_never_taken(rng) -> None:
    posteriors = random_posteriors(rng, 12, 6)
    posteriors[:, 3:] = -np.inf
    assert {one.phone for one in decode(posteriors, random_hmm(rng))} == {0}
    posteriors[:] = -np.inf
    assert decode(posteriors, random_hmm(rng)) == []
    assert len(align(posteriors, [0, 1], random_hmm(rng))) == 12


def test_posteriors_of_another_model_are_refused(rng) -> None:
    with pytest.raises(ValueError, match=r"log posteriors must be \[frames, 6\]; got \[4, 9\]"):
        decode(random_posteriors(rng, 4, 9), random_hmm(rng))


def test_priors_and_durations_by_hand() -> None:
    alignments = [np.array([0, 0, 1, 2, 2, 2, 3, 4, 5]), np.array([0, 1, 2])]
    hmm = PhoneHmm.estimate(alignments, LABELS, Bigram(np.zeros((3, 3))))
    assert np.exp(hmm.log_prior) == pytest.approx(np.array([4, 3, 5, 2, 2, 2]) / 18)
    assert np.exp(hmm.log_next)[:3] == pytest.approx([2 / 3, 0.99, 2 / 4])
    assert np.exp(hmm.log_self) == pytest.approx(1 - np.exp(hmm.log_next))


def test_arrays_bring_the_models_back(rng) -> None:
    hmm, posteriors = random_hmm(rng), random_posteriors(rng, 20, 6)
    again = PhoneHmm.from_arrays(LABELS, hmm.arrays())
    assert decode(posteriors, again) == decode(posteriors, hmm)
    with pytest.raises(ValueError, match=r"phone models of 2 labels need .* got log_prior \[5\]"):
        PhoneHmm.from_arrays(LABELS, hmm.arrays() | {"log_prior": np.zeros(5)})


def test_segments_in_seconds_with_posteriors(rng) -> None:
    hmm = random_hmm(rng)
    posteriors = np.log(np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]] * 4 + [[0.1, 0.1, 0.1, 0.2, 0.2, 0.3]] * 3))
    first, second = phone_segments([DecodedPhone(0, 0, 3), DecodedPhone(1, 4, 6)], posteriors, hmm)
    assert (first.label, first.start, first.end) == ("a", 0, 0.0475)
    assert (second.label, second.start, second.end) == ("b", 0.0475, 0.0775)
    assert (first.posterior, second.posterior) == pytest.approx((0.7, 0.7))
    assert phone_posteriors(posteriors, 3).sum(1) == pytest.approx(np.ones(7))


def test_a_repeated_phone_is_two_segments(rng) -> None:
    states = np.array([0, 0, 1, 2, 0, 1, 1, 2])
    segments = state_segments(states, random_posteriors(rng, 8, 6), random_hmm(rng))
    assert [(s.label, s.start, s.end) for s in segments] == [("a", 0, 0.0475), ("a", 0.0475, 0.0875)]


def test_tuning_takes_the_pair_with_the_lowest_rate(rng) -> None:
    hmm, posteriors = random_hmm(rng), [random_posteriors(rng, 30, 6) for _ in range(4)]
    wanted = [[LABELS[one.phone] for one in decode(p, hmm, 2.0, 1.0)] for p in posteriors]

    def error_rate(found: list[list[str]]) -> float:
        return float(found != wanted)

    tuned = tune(posteriors, hmm, error_rate, (0.0, 2.0), (-8.0, 1.0))
    assert (tuned.lm_scale, tuned.insertion_penalty, tuned.rate) == (2.0, 1.0, 0.0)
    assert len(tuned.tried) == 4
