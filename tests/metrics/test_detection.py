from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import det_curve

from speechcnn.metrics.detection import Outcomes, Reference, choose_threshold, detection_curve, match, outcomes
from speechcnn.metrics.localisation import iou, localise
from speechcnn.spotting import Detection


def scene(seed: int) -> tuple[list[Detection], list[Reference]]:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 60, 14).round(2)
    references = [Reference("ab"[i % 2], start, start + 0.5) for i, start in enumerate(starts)]
    near = [one.start + rng.uniform(-0.6, 0.6) for one in references[:9]] + list(rng.uniform(0, 60, 8))
    found = [Detection("ab"[int(rng.integers(2))], s, s + 0.4, float(rng.integers(1, 20)) / 20, s + 1) for s in near]
    return found, references


def test_a_detection_is_matched_once() -> None:
    said = [Reference("hello", 1.0, 1.5), Reference("hello", 3.0, 3.5)]
    found = [
        Detection("hello", 1.1, 1.5, 0.9), Detection("hello", 1.0, 1.4, 0.8), Detection("yellow", 3.0, 3.5, 0.95),
    ]  # fmt: skip
    result = match(found, said)
    assert result.pairs == ((found[0], said[0]),)
    assert set(result.false_alarms) == {found[1], found[2]}
    assert result.missed == (said[1],)


def test_the_collar_reaches_so_far_and_no_further() -> None:
    said = [Reference("hello", 1.0, 1.5)]
    assert match([Detection("hello", 1.6, 2.0, 0.9)], said, collar=0.11).pairs
    assert not match([Detection("hello", 1.6, 2.0, 0.9)], said, collar=0.09).pairs


@pytest.mark.parametrize("seed", range(6))
def test_a_threshold_changes_no_pair_above_it(seed: int) -> None:
    found, said = scene(seed)
    whole = outcomes(match(found, said), 60.0)
    curve = detection_curve(whole)
    for place, threshold in enumerate(curve.thresholds):
        some = match([one for one in found if one.score >= threshold], said)
        assert curve.missed[place] == len(some.missed)
        assert curve.alarms[place] == len(some.false_alarms)
        assert whole.misses(threshold).count == len(some.missed)
        assert whole.alarms(threshold).count == len(some.false_alarms)


def test_the_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(1, 1, 60).round(1), rng.normal(0, 1, 80).round(1)
    curve = detection_curve(Outcomes(tuple(positive), tuple(negative), 60, 80.0))
    alarms, misses, thresholds = det_curve([1] * 60 + [0] * 80, np.concatenate([positive, negative]))
    ours = {t: (a / 80, m / 60) for t, a, m in zip(curve.thresholds, curve.alarms, curve.missed, strict=True)}
    assert all(
        ours[t] == pytest.approx((a, m)) for t, a, m in zip(thresholds, alarms, misses, strict=True) if t in ours
    )
    assert sum(t in ours for t in thresholds) >= len(thresholds) - 1


def test_the_operating_point_is_the_lowest_threshold_allowed() -> None:
    curve = detection_curve(Outcomes((0.9, 0.7, 0.5, 0.3), (0.6, 0.4, 0.2), 5, 2.0))
    point = curve.at(0.5)
    assert (point.threshold, point.misses.count, point.alarms.count) == (0.5, 2, 1)
    assert (curve.at(0.1).threshold, curve.at(0.1).alarms.count) == (0.7, 0)
    assert curve.at(0.0).misses.rate == 3 / 5


def test_the_chosen_threshold_lies_above_the_forbidden_alarm() -> None:
    found = Outcomes((0.9, 0.7, 0.5, 0.3), (0.6, 0.4, 0.2), 5, 2.0)
    assert choose_threshold(found, 0.5, 0.1) == pytest.approx((0.4 + 0.5) / 2)
    assert choose_threshold(found, 0.1, 0.1) == pytest.approx((0.6 + 0.7) / 2)
    assert choose_threshold(found, 9.0, 0.25) == 0.25


def test_where_and_when() -> None:
    pairs = [
        (Detection("a", 1.0, 2.0, 0.9, 2.3), Reference("a", 1.1, 1.8)),
        (Detection("a", 5.0, 6.0, 0.9, None), Reference("a", 5.0, 6.4)),
    ]
    found = localise(pairs)
    assert found.events == 2
    assert found.onset.mean == pytest.approx(0.05)
    assert found.offset.mean == pytest.approx(0.3)
    assert found.iou.mean == pytest.approx((0.7 + 1 / 1.4) / 2)
    assert found.delay.median == pytest.approx(0.5)
    assert iou(Detection("a", 1.0, 1.0, 0.9), Reference("a", 2.0, 2.0)) == 0.0
    assert np.isnan(localise([]).onset.mean)
