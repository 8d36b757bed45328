"""Decoding and alignment against brute force: every path of a tiny model is listed and scored on its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from speechcnn.decoding.bigram import Bigram
from speechcnn.decoding.hmm import (
    DecodedPhone,
    PhoneHmm,
    align,
    confidences,
    decode,
    path_posteriors,
    phone_posteriors,
    phone_segments,
    state_segments,
    tune,
)
from speechcnn.decoding.ngram import NgramModel
from speechcnn.labels import Labels

LABELS = Labels(("a", "b"))


WEIGHTS = [(1, 0, 1), (2.5, -3, 1), (0.3, 4, 0), (0, -1, 0.5)]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("n_phones", "n_states", "n_frames"), [(2, 3, 3), (2, 3, 9), (3, 2, 6), (3, 1, 5)])
def test_decoding_finds_the_best_of_all_paths(
    random_hmm, random_posteriors, every_path, order: int, weights: tuple, n_phones: int, n_states: int, n_frames: int
) -> None:
    lm_scale, penalty, prior_scale = weights
    for _ in range(3):
        hmm = random_hmm(n_phones, n_states, order)
        posteriors = random_posteriors(n_frames, n_phones * n_states)
        paths = every_path(posteriors - prior_scale * hmm.log_prior, hmm, lm_scale, penalty)
        _, best, _ = max(paths, key=lambda path: path[0])
        found = decode(posteriors, hmm, *weights)
        assert [(d.phone, d.first_frame, d.last_frame) for d in found] == best


def test_a_trigram_sees_what_a_bigram_does_not(random_hmm) -> None:
    """b is followed by a after a, and by b after b; the network has no opinion in the third phone."""
    p = np.full((3, 3, 3), 0.01)
    p[2, 2, :2] = p[2, :2, 1] = 0.5
    p[0, 1, 0] = p[1, 1, 1] = 0.98
    hmm = replace(random_hmm(2, 1), language_model=NgramModel(np.log(p)))
    hmm = replace(hmm, log_self=np.full(2, -9.0), log_next=np.zeros(2))
    for first in (0, 1):
        posteriors = np.log(np.full((3, 2), 0.5, np.float32))
        posteriors[0, 1 - first] = posteriors[1, 0] = -20
        assert [one.phone for one in decode(posteriors, hmm, prior_scale=0)] == [first, 1, first]


def test_a_trigram_search_of_any_length_is_the_plain_one(random_hmm, random_posteriors) -> None:
    """Against a search over pairs of phones written as one loop over frames, of many frames and all phones."""
    for lm_scale in (0.2, 1.0, 4.0):
        hmm, posteriors = random_hmm(5, 2, 3), random_posteriors(300, 10)
        assert decode(posteriors, hmm, lm_scale, 0.5) == plain_trigram_search(posteriors, hmm, lm_scale, 0.5)


def plain_trigram_search(posteriors: np.ndarray, hmm: PhoneHmm, lm_scale: float, penalty: float) -> list[DecodedPhone]:
    """Tokens (score, phones with first frames) of each (phone before, phone, state), the best of each kept."""
    scores, lm = posteriors - hmm.log_prior, lm_scale * hmm.language_model.log_probabilities
    n, n_states, start = len(hmm.labels), hmm.n_states, len(hmm.labels)
    tokens = {(start, w, 0): (lm[start, start, w] - penalty + scores[0, w * n_states], ((w, 0),)) for w in range(n)}
    for t in range(1, len(scores)):
        ways: dict = {}
        for (u, v, s), (score, path) in tokens.items():
            k = v * n_states + s
            ways.setdefault((u, v, s), []).append((score + hmm.log_self[k], path))
            if s < n_states - 1:
                ways.setdefault((u, v, s + 1), []).append((score + hmm.log_next[k], path))
                continue
            for w in range(n):
                price = hmm.log_next[k] + lm[u, v, w] - penalty
                ways.setdefault((v, w, 0), []).append((score + price, (*path, (w, t))))
        best = {place: max(found) for place, found in ways.items()}
        tokens = {(u, v, s): (x + scores[t, v * n_states + s], path) for (u, v, s), (x, path) in best.items()}
    last = n_states - 1
    ends = [
        (x + hmm.log_next[v * n_states + s] + lm[u, v, start], path)
        for (u, v, s), (x, path) in tokens.items()
        if s == last
    ]
    firsts = [*max(ends)[1], (-1, len(scores))]
    return [DecodedPhone(phone, first, after - 1) for (phone, first), (_, after) in pairwise(firsts)]


@pytest.mark.parametrize("phones", [[0], [0, 1], [1, 1], [0, 1, 0]])
def test_alignment_finds_the_best_of_all_ways(random_hmm, random_posteriors, every_path, phones: list[int]) -> None:
    hmm, posteriors = random_hmm(), random_posteriors(10, 6)
    paths = every_path(posteriors - hmm.log_prior, hmm)
    through = [path for path in paths if [phone for phone, _, _ in path[1]] == phones]
    assert align(posteriors, phones, hmm).tolist() == max(through, key=lambda path: path[0])[2]


def test_an_alignment_just_fits(random_hmm, random_posteriors) -> None:
    hmm = random_hmm()
    assert align(random_posteriors(6, 6), [1, 0], hmm).tolist() == [3, 4, 5, 0, 1, 2]
    with pytest.raises(ValueError, match="2 phones of 3 states needs at least one phone and 6 frames; got 5 frames"):
        align(random_posteriors(5, 6), [1, 0], hmm)
    with pytest.raises(ValueError, match="at least one phone"):
        align(random_posteriors(5, 6), [], hmm)


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_too_short_for_a_phone(random_hmm, random_posteriors, n_frames: int) -> None:
    assert decode(random_posteriors(n_frames, 6), random_hmm()) == []


def test_impossible_states_are_never_taken(random_hmm, random_posteriors) -> None:
    posteriors = random_posteriors(12, 6)
    posteriors[:, 3:] = -np.inf
    assert {one.phone for one in decode(posteriors, random_hmm())} == {0}
    posteriors[:] = -np.inf
    assert decode(posteriors, random_hmm()) == []
    assert len(align(posteriors, [0, 1], random_hmm())) == 12


def test_posteriors_of_another_model_are_refused(random_hmm, random_posteriors) -> None:
    with pytest.raises(ValueError, match=r"log posteriors must be \[frames, 6\]; got \[4, 9\]"):
        decode(random_posteriors(4, 9), random_hmm())


def test_priors_and_durations_by_hand() -> None:
    alignments = [np.array([0, 0, 1, 2, 2, 2, 3, 4, 5]), np.array([0, 1, 2])]
    hmm = PhoneHmm.estimate(alignments, LABELS, Bigram(np.zeros((3, 3))))
    assert np.exp(hmm.log_prior) == pytest.approx(np.array([4, 3, 5, 2, 2, 2]) / 18)
    assert np.exp(hmm.log_next)[:3] == pytest.approx([2 / 3, 0.99, 2 / 4])
    assert np.exp(hmm.log_self) == pytest.approx(1 - np.exp(hmm.log_next))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_arrays_bring_the_models_back(random_hmm, random_posteriors, order: int) -> None:
    hmm, posteriors = random_hmm(order=order), random_posteriors(20, 6)
    again = PhoneHmm.from_arrays(LABELS, hmm.arrays())
    assert decode(posteriors, again) == decode(posteriors, hmm)
    with pytest.raises(ValueError, match=r"phone models of 2 labels need .* got log_prior \[5\]"):
        PhoneHmm.from_arrays(LABELS, hmm.arrays() | {"log_prior": np.zeros(5)})


def test_segments_in_seconds_with_posteriors(random_hmm) -> None:
    hmm = random_hmm()
    posteriors = np.log(np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]] * 4 + [[0.1, 0.1, 0.1, 0.2, 0.2, 0.3]] * 3))
    first, second = phone_segments([DecodedPhone(0, 0, 3), DecodedPhone(1, 4, 6)], posteriors, hmm)
    assert (first.label, first.start, first.end) == ("a", 0, 0.0475)
    assert (second.label, second.start, second.end) == ("b", 0.0475, 0.0775)
    assert (first.posterior, second.posterior) == pytest.approx((0.7, 0.7))
    assert phone_posteriors(posteriors, 3).sum(1) == pytest.approx(np.ones(7))


def test_a_repeated_phone_is_two_segments(random_hmm, random_posteriors) -> None:
    states = np.array([0, 0, 1, 2, 0, 1, 1, 2])
    segments = state_segments(states, random_posteriors(8, 6), random_hmm())
    assert [(s.label, s.start, s.end) for s in segments] == [("a", 0, 0.0475), ("a", 0.0475, 0.0875)]


def test_tuning_takes_the_pair_with_the_lowest_rate(random_hmm, random_posteriors) -> None:
    hmm, posteriors = random_hmm(), [random_posteriors(30, 6) for _ in range(4)]
    wanted = [[LABELS[one.phone] for one in decode(p, hmm, 2.0, 1.0)] for p in posteriors]

    def error_rate(found: list[list[str]]) -> float:
        return float(found != wanted)

    tuned = tune(posteriors, hmm, error_rate, (0.0, 2.0), (-8.0, 1.0))
    assert (tuned.lm_scale, tuned.insertion_penalty, tuned.rate) == (2.0, 1.0, 0.0)
    assert len(tuned.tried) == 4


@pytest.mark.parametrize(("order", "name"), [(1, "unigram"), (2, "bigram"), (3, "trigram")])
def test_arrays_name_the_language_model_by_its_order(random_hmm, random_posteriors, order: int, name: str) -> None:
    hmm, posteriors = random_hmm(order=order), random_posteriors(20, 6)
    assert name in hmm.arrays()
    assert decode(posteriors, PhoneHmm.from_arrays(LABELS, hmm.arrays())) == decode(posteriors, hmm)


@pytest.mark.parametrize(("change", "count"), [({}, 0), ({"bigram": np.zeros((3, 3)), "unigram": np.zeros(3)}, 2)])
def test_arrays_without_just_one_language_model_are_refused(random_hmm, change: dict, count: int) -> None:
    arrays = {name: array for name, array in random_hmm().arrays().items() if name != "bigram"}
    with pytest.raises(ValueError, match=f"one language model, unigram, bigram, trigram; got {count}"):
        PhoneHmm.from_arrays(LABELS, arrays | change)


def test_confidences_by_name(random_hmm, random_posteriors) -> None:
    hmm, posteriors = random_hmm(), random_posteriors(20, 6)
    decoded = decode(posteriors, hmm, 3.0, 1.0)
    assert np.array_equal(confidences("network", posteriors, hmm), phone_posteriors(posteriors, 3))
    paths = confidences("paths", posteriors, hmm, 3.0, 1.0, 0.5)
    assert np.array_equal(paths, path_posteriors(posteriors, hmm, 3.0, 1.0, 0.5, temperature=3.0))
    for one, segment in zip(decoded, phone_segments(decoded, posteriors, hmm, posteriors=paths), strict=True):
        assert segment.posterior == pytest.approx(paths[one.first_frame : one.last_frame + 1, one.phone].mean())
    with pytest.raises(ValueError, match="confidence must be one of network, paths; got 'lattice'"):
        confidences("lattice", posteriors, hmm)
