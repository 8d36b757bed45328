from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest

from speechcnn.metrics import ErrorCounts, bootstrap_interval, paired_bootstrap
from speechcnn.metrics.intervals import _groups, _rates, _resample

COUNTS = {
    "a1": ErrorCounts(hits=9, substitutions=1),
    "a2": ErrorCounts(hits=2, deletions=3),
    "b1": ErrorCounts(hits=20, insertions=4),
}
SPEAKERS = {"a1": "a", "a2": "a", "b1": "b"}


def _set(rng, n_speakers=24, n_utterances=8, rate=0.2):
    errors = rng.binomial(38, rate, size=(n_speakers, n_utterances))
    ids = [(f"s{s}_{u}", f"s{s}", int(errors[s, u])) for s in range(n_speakers) for u in range(n_utterances)]
    counts = {name: ErrorCounts(hits=38 - wrong, substitutions=wrong) for name, _, wrong in ids}
    return counts, {name: speaker for name, speaker, _ in ids}


def _every_outcome(counts, speakers):
    """The rate of every equally likely draw, by going through all of them."""
    by_speaker = {}
    for name, speaker in speakers.items():
        by_speaker.setdefault(speaker, []).append(counts[name])
    outcomes = []  # (rate, probability)
    for drawn in itertools.product(by_speaker.values(), repeat=len(by_speaker)):
        draws = list(itertools.product(*(itertools.product(own, repeat=len(own)) for own in drawn)))
        for draw in draws:
            total = sum((one for own in draw for one in own), ErrorCounts())
            outcomes.append((total.rate, 1 / len(by_speaker) ** len(by_speaker) / len(draws)))
    return outcomes


def test_two_levels_have_the_exact_distribution():
    outcomes = _every_outcome(COUNTS, SPEAKERS)
    values = np.array([(one.errors, one.reference) for one in COUNTS.values()])
    rates = _rates(*_resample(values, _groups(COUNTS, SPEAKERS), 40_000, 0).T)
    exact = {}
    for rate, share in outcomes:
        exact[round(rate, 9)] = exact.get(round(rate, 9), 0) + share
    found = dict(zip(*np.unique(rates.round(9), return_counts=True), strict=True))
    assert found.keys() == exact.keys()
    for rate, share in exact.items():
        assert found[rate] / 40_000 == pytest.approx(share, abs=4 * math.sqrt(share / 40_000))


def test_interval_without_speakers_agrees_with_a_loop(rng):
    counts, _ = _set(rng, 5, 8)
    utterances = list(counts.values())
    rates = []
    for _ in range(4000):
        drawn = [utterances[i] for i in rng.integers(len(utterances), size=len(utterances))]
        rates.append(sum(drawn, ErrorCounts()).rate)
    found = bootstrap_interval(counts, resamples=4000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(rates, [0.025, 0.975])), abs=0.004)


def test_interval_covers_the_true_rate(rng):
    inside = 0
    for _ in range(100):
        counts, speakers = _set(rng)
        interval = bootstrap_interval(counts, speakers, resamples=200)
        inside += interval.low <= 0.2 <= interval.high
    assert inside >= 90


def test_speakers_that_differ_widen_the_interval(rng):
    counts, speakers = {}, {}
    for speaker, utterance in itertools.product(range(12), range(8)):
        name = f"{speaker}_{utterance}"
        counts[name] = ErrorCounts(hits=30 if speaker % 2 else 20, substitutions=5 if speaker % 2 else 15)
        speakers[name] = str(speaker)
    plain, grouped = bootstrap_interval(counts), bootstrap_interval(counts, speakers)
    assert grouped.high - grouped.low > 1.5 * (plain.high - plain.low)


def test_interval_cuts_off_equal_tails(rng):
    counts, speakers = _set(rng)
    values = np.array([(one.errors, one.reference) for one in counts.values()])
    rates = np.sort(_rates(*_resample(values, _groups(counts, speakers), 1000, 0).T))
    found = bootstrap_interval(counts, speakers, level=0.9)
    assert (found.low, found.high) == pytest.approx((rates[49], rates[949]))


def test_one_speaker_is_resampled_by_utterance(rng):
    counts, _ = _set(rng, 5, 8)
    one, none = bootstrap_interval(counts, dict.fromkeys(counts, "only")), bootstrap_interval(counts)
    assert (one.low, one.high) == pytest.approx((none.low, none.high), abs=0.006)


def test_seed_fixes_the_interval(rng):
    counts, speakers = _set(rng)
    first = bootstrap_interval(counts, speakers, seed=3)
    assert first == bootstrap_interval(counts, speakers, seed=3)
    assert first != bootstrap_interval(counts, speakers, seed=4)


def test_paired_difference_is_exact_and_tells_a_better_system(rng):
    worse, speakers = _set(rng, rate=0.25)
    better = {
        name: ErrorCounts(one.hits + one.substitutions // 3, one.substitutions - one.substitutions // 3)
        for name, one in worse.items()
    }
    found = paired_bootstrap(worse, better, speakers)
    total = sum(worse.values(), ErrorCounts())
    gained = sum(one.substitutions // 3 for one in worse.values())
    assert found.difference == pytest.approx(-gained / total.reference)
    assert found.interval.low < found.difference < found.interval.high < 0
    assert found.p_value == pytest.approx(2 / 1001)


def test_pairing_takes_no_notice_of_the_order_of_utterances(rng):
    first, speakers = _set(rng)
    second, _ = _set(rng)
    turned = dict(reversed(second.items()))
    assert paired_bootstrap(first, second, speakers) == paired_bootstrap(first, turned, speakers)


def test_same_system_twice_differs_by_nothing(rng):
    counts, speakers = _set(rng)
    found = paired_bootstrap(counts, counts, speakers)
    assert (found.difference, found.interval.low, found.interval.high, found.p_value) == (0, 0, 0, 1)


def test_systems_of_equal_strength_seldom_differ(rng):
    p_values = []
    for _ in range(60):
        (first, speakers), (second, _) = _set(rng, 10, 4), _set(rng, 10, 4)
        p_values.append(paired_bootstrap(first, second, speakers, resamples=200).p_value)
    assert sum(p < 0.05 for p in p_values) <= 8


def test_resamples_without_tokens_follow_the_rule_of_the_rate():
    counts = {"empty": ErrorCounts(insertions=1), "full": ErrorCounts(hits=4)}
    assert bootstrap_interval(counts).high == math.inf
    assert bootstrap_interval({"silent": ErrorCounts()}).high == 0.0


def test_large_sets_are_drawn_in_blocks_of_equal_meaning(monkeypatch, rng):
    counts, speakers = _set(rng)
    whole = bootstrap_interval(counts, speakers, resamples=2000)
    monkeypatch.setattr("speechcnn.metrics.intervals._BLOCK", 192 * 300)
    blocks = bootstrap_interval(counts, speakers, resamples=2000)
    assert blocks.resamples == 2000
    assert (blocks.low, blocks.high) == pytest.approx((whole.low, whole.high), abs=0.005)


def test_a_thousand_resamples_of_the_core_test_take_well_under_a_second(rng):
    counts, speakers = _set(rng)
    start = time.perf_counter()
    bootstrap_interval(counts, speakers)
    assert time.perf_counter() - start < 0.5


def test_faults_are_told():
    with pytest.raises(ValueError, match="at least one utterance"):
        bootstrap_interval({})
    with pytest.raises(ValueError, match="1 have none: b1"):
        bootstrap_interval(COUNTS, {"a1": "a", "a2": "a"})
    with pytest.raises(ValueError, match=r"level must lie between 0 and 1, got 95"):
        bootstrap_interval(COUNTS, level=95)
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        bootstrap_interval(COUNTS, resamples=0)
    with pytest.raises(ValueError, match="1 stand in one only: b1"):
        paired_bootstrap(COUNTS, {name: COUNTS[name] for name in ("a1", "a2")})
