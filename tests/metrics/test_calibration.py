from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from speechcnn.metrics.calibration import expected_calibration_error, fit_temperature, sigmoid, softmax


def test_a_case_by_hand() -> None:
    """Two bins of 0.5: (0.2, 0.4; none right) and (0.9, 0.7; one right): |0 - 0.3| / 2 + |0.5 - 0.8| / 2."""
    assert expected_calibration_error([0.2, 0.4, 0.9, 0.7], [0, 0, 1, 0], n_bins=2) == pytest.approx(0.3)


def test_it_is_the_mean_over_bins(rng: np.random.Generator) -> None:
    sure, right = rng.uniform(size=500), rng.random(500) < 0.4
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (sure > low) & (sure <= low + 1 / 15)
        if inside.any():
            total += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert expected_calibration_error(sure, right) == pytest.approx(total)


@pytest.mark.parametrize("multi", [False, True])
def test_the_temperature_is_where_scipy_finds_the_least_cross_entropy(rng: np.random.Generator, multi: bool) -> None:
    scores = 6 * rng.normal(size=(200, 4))
    drawn = scores / 3 + rng.gumbel(size=scores.shape)
    targets = np.eye(4)[drawn.argmax(1)] if not multi else (rng.random(scores.shape) < special.expit(scores / 3)) * 1.0

    def cross_entropy(temperature: float) -> float:
        z = scores / temperature
        if multi:
            return -(targets * special.log_expit(z) + (1 - targets) * special.log_expit(-z)).sum()
        return -(targets * special.log_softmax(z, 1)).sum()

    best = optimize.minimize_scalar(cross_entropy, bounds=(0.1, 15), method="bounded", options={"xatol": 1e-7}).x
    assert fit_temperature(scores, targets, multi) == pytest.approx(best, rel=1e-4)
    assert best == pytest.approx(3, rel=0.25)


def test_probabilities(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(5, 3)) * 200
    assert softmax(scores) == pytest.approx(special.softmax(scores, 1))
    assert sigmoid(scores) == pytest.approx(special.expit(scores))


@pytest.mark.parametrize(("sure", "right", "sentence"), [
    ([], [], "N > 0"), ([0.1], [1, 0], r"\[1\] and \[2\]"), ([1.2], [1], "from 0 to 1"),
])  # fmt: skip
def test_what_is_no_prediction(sure: list, right: list, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        expected_calibration_error(sure, right)
