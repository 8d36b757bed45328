"""Events against a plain reading of their definition, and streams against whole recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speechcnn.spotting import Detection, Detector, EventRule, FrameTimes, detect, weighted_median

TIMES = FrameTimes(0.02, 0.0125)
RULE = EventRule(threshold=0.3, smoothing_seconds=0.08, patience_seconds=0.06, refractory_seconds=0.2)


def curves(n_frames: int, seed: int, n_keywords: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n_keywords, n_frames)).cumsum(1)
    posteriors = 1 / (1 + np.exp(-(steps - steps.mean(1, keepdims=True))))
    return np.round(posteriors, 1), rng.uniform(0, 0.6, (2, n_frames))  # rounded: equal scores occur


def as_defined(posteriors: np.ndarray, rule: EventRule, times: FrameTimes) -> list[tuple[int, int, float]]:
    """(peak, keyword, score) by loops over the definition."""
    w, p, r = 4, 3, 10
    found = []
    for row, values in enumerate(posteriors):
        n = len(values)
        means = [sum(values[max(0, t - w + 1) : t + 1]) / w for t in range(n)]
        scores = [min(means[t - k] if t >= k else 0.0 for k in range(p)) for t in range(n)]
        for t, score in enumerate(scores):
            around = [(scores[u], u) for u in range(max(0, t - r), min(n, t + r + 1)) if u != t]
            beaten = any(other > score + 1e-12 or (abs(other - score) < 1e-12 and u < t) for other, u in around)
            if score >= rule.threshold and not beaten:
                found.append((t, row, score))
    return sorted(found)


@pytest.mark.parametrize("seed", range(5))
def test_events_are_those_of_the_definition(seed: int) -> None:
    # Quarters are exact in floating point, so equal scores are equal however they are summed.
    posteriors = np.round(curves(300, seed)[0] * 4) / 4
    rule = replace(RULE, threshold=0.31)
    found = detect(posteriors, None, rule, ["a", "b"], TIMES)
    expected = as_defined(posteriors, rule, TIMES)
    assert expected
    assert [(e.keyword, e.score) for e in found] == [("ab"[row], pytest.approx(score)) for _, row, score in expected]
    assert [e.end for e in found] == pytest.approx([0.0125 + 0.02 * t for t, _, _ in expected])
    assert [e.decided for e in found] == pytest.approx([0.0125 + 0.02 * (t + 10) for t, _, _ in expected])


@pytest.mark.parametrize("chunk", [*range(1, 65), 500])
def test_a_stream_gives_the_events_of_the_whole(chunk: int) -> None:
    posteriors, distances = curves(403, 7)
    whole = detect(posteriors, distances, RULE, ["a", "b"], TIMES)
    detector = Detector(RULE, ["a", "b"], TIMES)
    state, found = detector.start(), []
    for start in range(0, 403, chunk):
        piece = slice(start, start + chunk)
        events, state = detector.step(posteriors[:, piece], distances[:, piece], state)
        found += events
    assert len(whole) > 3
    assert found + detector.finish(state) == whole


def test_a_higher_threshold_takes_a_part_of_the_events() -> None:
    posteriors, distances = curves(500, 3)
    every = detect(posteriors, distances, RULE, ["a", "b"], TIMES)
    for threshold in (0.4, 0.6, 0.85):
        some = detect(posteriors, distances, replace(RULE, threshold=threshold), ["a", "b"], TIMES)
        assert some == [event for event in every if event.score >= threshold]


def test_the_word_spoken_twice_is_two_events() -> None:
    posteriors = np.zeros((1, 100))
    posteriors[0, 20:32] = posteriors[0, 50:62] = 0.9
    found = detect(posteriors, None, RULE, ["hello"], TIMES)
    assert len(found) == 2
    assert all(event.score == pytest.approx(0.9) for event in found)


def test_times_are_the_medians_of_what_the_frames_say() -> None:
    posteriors, distances = np.zeros((1, 60)), np.full((2, 60), 9.0)
    posteriors[0, 30:40] = 1.0
    centres = 0.0125 + 0.02 * np.arange(60)
    distances[:, 30:40] = np.stack([centres - 0.3, centres - 0.7])[:, 30:40]
    distances[:, 33] = 5.0  # one frame errs, without effect
    (event,) = detect(posteriors, distances, RULE, ["hello"], TIMES)
    assert event == Detection("hello", pytest.approx(0.3), pytest.approx(0.7), 1.0, pytest.approx(0.9125))


def test_an_event_waits_for_the_end_of_the_recording() -> None:
    posteriors = np.zeros((1, 40))
    posteriors[0, 30:] = 1.0
    detector = Detector(RULE, ["hello"], TIMES)
    events, state = detector.step(posteriors, None, detector.start())
    assert not events
    assert len(detector.finish(state)) == 1


def test_the_weighted_median_is_the_value_in_the_middle_of_the_weight() -> None:
    assert weighted_median([3.0, 1.0, 2.0], [1, 1, 1]) == 2.0
    assert weighted_median([3.0, 1.0, 2.0], [5, 1, 1]) == 3.0
    assert weighted_median([3.0, 1.0], [0, 0]) == 1.0


@pytest.mark.parametrize(("change", "sentence"), [
    ({"threshold": 0.0}, "threshold must lie above 0"),
    ({"smoothing_seconds": -1.0}, "smoothing_seconds must be from 0 to 10"),
])  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(change: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(RULE, **change)


def test_frames_of_other_keywords_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, T\], a row for each of a, b; got \[3, 9\]"):
        detect(np.zeros((3, 9)), None, RULE, ["a", "b"], TIMES)
    with pytest.raises(ValueError, match=r"distances must have the shape \[2, 9\]"):
        detect(np.zeros((2, 9)), np.zeros((2, 8)), RULE, ["a", "b"], TIMES)
