from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from speechcnn.metrics.confidences import calibration


@pytest.mark.parametrize("decimals", [1, 8])  # with ties, and without
def test_the_area_is_the_share_of_pairs_in_order(rng, decimals: int) -> None:
    sure, right = rng.uniform(size=60).round(decimals), rng.uniform(size=60) < 0.6
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(sure[right], sure[~right])]
    assert calibration(sure, right).auc == pytest.approx(np.mean(pairs))


def test_bins_by_hand() -> None:
    found = calibration([0.1, 0.2, 0.3, 0.9, 1.0], [False, True, False, True, True], n_bins=2)
    low, high = found.bins
    assert (low.count, high.count) == (3, 2)
    assert low.confidence == pytest.approx(0.2)
    assert low.correct == pytest.approx(1 / 3)
    assert (high.confidence, high.correct) == (pytest.approx(0.95), 1.0)
    assert found.error == pytest.approx((3 * (1 / 3 - 0.2) + 2 * 0.05) / 5)


def test_empty_bins_are_left_out() -> None:
    assert [one.count for one in calibration([0.05, 0.95, 0.96], [False, True, True]).bins] == [1, 2]


@pytest.mark.parametrize(
    ("sure", "right", "sentence"),
    [
        ([0.5], [True, False], r"must both be \[N\], got \[1\] and \[2\]"),
        ([0.5, 1.1], [True, False], "between 0 and 1"),
        ([0.5, float("nan")], [True, False], "between 0 and 1"),
        ([0.5, 0.6], [True, True], "some must be right and some wrong, got 2 right of 2"),
    ],
)
def test_what_cannot_be_judged(sure, right, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        calibration(sure, right)
