"""Event scores against brute force over all matchings, hand-computed cases and loops over moments."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from speechcnn.events import Event
from speechcnn.metrics import events as metric
from speechcnn.metrics.events import ClassCounts, EventCounts


def drawn(rng: np.random.Generator, count: int, labels: str = "ab") -> list[Event]:
    onsets = rng.integers(0, 20, count) / 10
    return [Event(labels[rng.integers(len(labels))], on, on + rng.integers(1, 8) / 10) for on in onsets]


def most_pairs(reference: list[Event], found: list[Event], rule: metric.Rule) -> int:
    """Try every way to give found events to the first, second ... event of the reference."""
    places = [*range(len(found)), *[None] * len(reference)]
    ways = set(itertools.permutations(places, len(reference)))
    fits = [[t.label == f.label and rule(t, f) for f in found] for t in reference]
    return max(sum(j is not None and fits[i][j] for i, j in enumerate(way)) for way in ways)


@pytest.mark.parametrize("rule", [metric.collar_rule(), metric.iou_rule(0.3)])
@pytest.mark.parametrize("seed", range(8))
def test_no_matching_has_more_pairs(rule, seed):
    rng = np.random.default_rng(seed)
    reference, found = drawn(rng, 4), drawn(rng, 4)
    pairs = metric.match(reference, found, rule)
    assert len(pairs) == most_pairs(reference, found, rule)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(reference[i].label == found[j].label and rule(reference[i], found[j]) for i, j in pairs)


def test_a_greedy_choice_would_miss_a_pair():
    reference = [Event("a", 1.0, 2.0), Event("a", 1.3, 2.0)]
    found = [Event("a", 1.15, 2.0), Event("a", 0.85, 2.0)]
    # The first found event fits both, the second one the first alone.
    assert metric.match(reference, found, metric.collar_rule()) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("onset", "offset", "right"),
    [(1.2, 2.0, True), (0.8, 2.0, True), (1.201, 2.0, False), (1.0, 2.2, True), (1.0, 2.201, False), (1.0, 1.8, True)],
)
def test_collars_of_a_short_event(onset, offset, right):
    assert metric.collar_rule()(Event("a", 1.0, 2.0), Event("a", onset, offset)) == right


def test_the_offset_of_a_long_event_may_be_a_fifth_of_it_off():
    true = Event("a", 0.0, 10.0)
    assert metric.collar_rule()(true, Event("a", 0.0, 8.0))
    assert not metric.collar_rule()(true, Event("a", 0.0, 7.99))
    assert not metric.collar_rule(offset_share=0.0)(true, Event("a", 0.0, 8.0))
    assert metric.collar_rule(offset_seconds=None)(true, Event("a", 0.0, 1.0))


def test_counts_by_hand():
    reference = [Event("a", 0, 1), Event("a", 5, 6), Event("b", 2, 4)]
    found = [Event("a", 0.1, 1.1), Event("a", 0.05, 1), Event("b", 2.3, 4), Event("c", 1, 2)]
    counts = metric.count_events(reference, found, metric.collar_rule())
    assert counts.by_class == {
        "a": EventCounts(1, 1, 1), "b": EventCounts(0, 1, 1), "c": EventCounts(0, 0, 1),
    }  # fmt: skip
    assert counts.micro == EventCounts(1, 2, 3)
    assert (counts.micro.precision, counts.micro.recall, counts.micro.f1) == (1 / 4, 1 / 3, 2 / 7)
    assert counts.macro_f1 == pytest.approx((2 / 4 + 0 + 0) / 3)
    assert (counts + counts)["a"] == EventCounts(2, 2, 2)


def test_empty_sides_have_no_rate():
    assert math.isnan(EventCounts().f1)
    assert math.isnan(ClassCounts().macro_f1)
    assert (EventCounts(missed=2).f1, EventCounts(invented=2).f1) == (0.0, 0.0)
    assert math.isnan(EventCounts(missed=2).precision)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_segments_are_those_of_a_loop_over_moments(seed, seconds):
    rng = np.random.default_rng(seed)
    reference, found = drawn(rng, 5), drawn(rng, 5)
    moments = np.arange(0.0005, 4, 0.001)

    def active(events: list[Event], label: str) -> np.ndarray:
        inside = [(moments >= one.onset) & (moments < one.offset) for one in events if one.label == label]
        whole = np.any(inside, axis=0) if inside else np.zeros(len(moments), bool)
        return whole.reshape(-1, round(seconds * 1000)).any(axis=1)

    counts = metric.count_segments(reference, found, seconds)
    for label in "ab":
        true, heard = active(reference, label), active(found, label)
        assert counts[label] == EventCounts((true & heard).sum(), (true & ~heard).sum(), (~true & heard).sum())


@pytest.mark.parametrize("seed", range(4))
def test_box_overlap_is_that_of_counted_cells(seed):
    rng = np.random.default_rng(seed)

    def box() -> Event:
        on, low = rng.integers(0, 30, 2)
        return Event("a", on, on + rng.integers(1, 30), low, low + rng.integers(1, 30))

    a, b = box(), box()
    cells = [
        {(t, f) for t in range(int(x.onset), int(x.offset)) for f in range(int(x.band[0]), int(x.band[1]))}
        for x in (a, b)
    ]
    assert metric.box_iou(a, b) == pytest.approx(len(cells[0] & cells[1]) / len(cells[0] | cells[1]))
    times = [{t for t, _ in own} for own in cells]
    assert metric.time_iou(a, b) == pytest.approx(len(times[0] & times[1]) / len(times[0] | times[1]))
    assert metric.iou(a, b) == metric.box_iou(a, b)
    assert metric.iou(a, Event("a", b.onset, b.offset)) == metric.time_iou(a, b)


def test_average_precision_of_all_points_by_hand():
    truth = {"x": [Event("a", 0, 1), Event("a", 2, 3)], "y": [Event("a", 0, 1), Event("a", 4, 5)]}
    heard = {
        "x": [Event("a", 0, 1, score=0.9), Event("a", 0, 1, score=0.8), Event("a", 2, 3, score=0.3)],
        "y": [Event("a", 7, 8, score=0.7), Event("a", 0, 0.9, score=0.6)],
    }
    # In order of scores: right, a second one of the same, wrong, right, right: precision 1, 1/2, 1/3, 2/4, 3/5.
    assert metric.average_precision(truth, heard, "a") == pytest.approx((1 + 3 / 5 + 3 / 5) / 4)
    assert math.isnan(metric.average_precision(truth, heard, "b"))


def test_average_precision_with_falling_precision_is_that_of_scikit_learn():
    right = [1, 1, 0, 1, 0, 0, 1]
    scores = np.linspace(0.9, 0.1, len(right))
    truth = {"x": [Event("a", 10 * i, 10 * i + 1) for i, one in enumerate(right) if one]}
    heard = {"x": [Event("a", 10 * i, 10 * i + 1, score=float(s)) for i, s in enumerate(scores)]}
    plain = metric.average_precision(truth, heard, "a")
    assert plain == pytest.approx(average_precision_score(right, scores))


def test_scores_of_a_set_add_counts_up_before_they_are_divided():
    truth = {"x": [Event("a", 0, 1)], "y": [Event("a", 0, 1), Event("a", 2, 3)], "z": []}
    heard = {"x": [Event("a", 0, 1, score=0.5)], "y": [], "z": []}
    scores = metric.score_events(truth, heard)
    assert scores.counts["collar"].micro == EventCounts(1, 2, 0)
    assert scores.figures()["f1"]["collar"]["micro"] == 0.5
    assert scores.mean_average_precision == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="2 stand on one side only: w, z"):
        metric.score_events(truth, {"x": [], "y": [], "w": []})


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="onset_seconds must be 0 or more, got -1"):
        metric.collar_rule(-1)
    with pytest.raises(ValueError, match="least must be above 0"):
        metric.iou_rule(0)
    with pytest.raises(ValueError, match="seconds must be above 0"):
        metric.count_segments([], [], 0)
    with pytest.raises(ValueError, match="needs scores"):
        metric.average_precision({"x": [Event("a", 0, 1)]}, {"x": [Event("a", 0, 1)]}, "a")
    with pytest.raises(ValueError, match="boxes need low_hz and high_hz"):
        metric.box_iou(Event("a", 0, 1), Event("a", 0, 1, 5, 6))
