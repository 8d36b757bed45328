from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from speechcnn.metrics.rates import HourlyRate, Share, poisson_cdf


@pytest.mark.parametrize(("count", "total"), [(2, 51), (20, 400), (0, 10), (10, 10), (1, 2), (399, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_that_of_scipy(count: int, total: int, level: float) -> None:
    theirs = stats.binomtest(count, total).proportion_ci(level, method="wilson")
    assert Share(count, total).interval(level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 24, 300])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_garwood_is_the_chi_squared_interval(count: int, level: float) -> None:
    low = stats.chi2.ppf((1 - level) / 2, 2 * count) / 2
    high = stats.chi2.ppf((1 + level) / 2, 2 * count + 2) / 2
    assert HourlyRate(count, 4.0).interval(level) == pytest.approx((low / 4, high / 4), rel=1e-9)


def test_no_event_bounds_at_three_over_the_hours() -> None:
    low, high = HourlyRate(0, 5.5).interval()
    assert (low, high) == (0.0, pytest.approx(-math.log(0.05) / 5.5))
    assert HourlyRate(0, 6.0).supports(0.5)
    assert not HourlyRate(0, 5.5).supports(0.5)


def test_a_claim_that_the_hours_cannot_support_is_refused() -> None:
    refused = HourlyRate(0, 2.0).claim(0.5)
    assert refused == (
        "at most 0.5 per hour cannot be claimed: 0 in 2.00 h bound the rate at 1.50 (95%); with no further event it "
        "takes 6.0 h."
    )
    assert HourlyRate(0, 2.0).claim(1.5) == "at most 1.5 per hour at 95%: 0 in 2.00 h."
    needed = HourlyRate(3, 1.0).hours_needed(0.5)
    assert HourlyRate(3, needed * 1.0001).supports(0.5)
    assert not HourlyRate(3, needed * 0.9999).supports(0.5)


@pytest.mark.parametrize(("count", "mean"), [(0, 0.0), (3, 2.5), (50, 61.0), (-1, 2.0)])
def test_the_poisson_distribution(count: int, mean: float) -> None:
    assert poisson_cdf(count, mean) == pytest.approx(stats.poisson.cdf(count, mean), abs=1e-12)


def test_counts_add_up_before_they_are_divided() -> None:
    assert (Share(1, 10) + Share(0, 30)).rate == 1 / 40
    assert (HourlyRate(1, 0.5) + HourlyRate(2, 1.0)).rate == 2.0
    assert np.isnan(Share().rate)
    assert np.isnan(HourlyRate().rate)
    assert (Share().interval(), HourlyRate().interval()) == ((0.0, 1.0), (0.0, math.inf))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="events and hours must be at least 0"):
        HourlyRate(-1, 2.0)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        Share(1, 2).interval(95)
    with pytest.raises(ValueError, match="must be above 0 per hour"):
        HourlyRate(1, 2.0).hours_needed(0.0)
