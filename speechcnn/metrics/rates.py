"""Shares and rates with what the evidence allows to say about them: Wilson's and Garwood's intervals.

Sources: Wilson (1927), "Probable inference, the law of succession, and statistical inference"; Garwood (1936),
"Fiducial limits for the Poisson distribution". Brown, Cai and DasGupta (2001) compare the intervals for shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEVEL = 0.95
_STEPS = 200  # of a bisection, more than a double has bits


@dataclass(frozen=True)
class Share:
    """So many out of so many; shares add up, and the rate comes last."""

    count: int = 0
    total: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.count + other.count, self.total + other.total)

    @property
    def rate(self) -> float:
        """The share; NaN out of none."""
        return self.count / self.total if self.total else math.nan

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return Wilson's interval; (0, 1) out of none, where everything is possible."""
        check_level(level)
        if not self.total:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + level) / 2)
        n, share = self.total, self.rate
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        low = 0.0 if self.count == 0 else centre - half
        return max(0.0, low), 1.0 if self.count == n else min(1.0, centre + half)


@dataclass(frozen=True)
class HourlyRate:
    """So many events in so many hours; rates add up, and the division comes last."""

    count: int = 0
    hours: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0 or not self.hours >= 0:
            raise ValueError(f"events and hours must be at least 0; got {self.count} in {self.hours} h.")

    def __add__(self, other: HourlyRate) -> HourlyRate:
        return HourlyRate(self.count + other.count, self.hours + other.hours)

    @property
    def rate(self) -> float:
        """Events per hour; NaN in no time."""
        return self.count / self.hours if self.hours else math.nan

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return Garwood's exact interval; with no event at all, 0 and the one-sided bound (3.0 / hours at 95 %)."""
        check_level(level)
        if not self.hours:
            return 0.0, math.inf
        if not self.count:
            return 0.0, -math.log(1 - level) / self.hours
        tail = (1 - level) / 2
        low = _mean_where(lambda mean: 1 - poisson_cdf(self.count - 1, mean), tail, rising=True)
        high = _mean_where(lambda mean: poisson_cdf(self.count, mean), tail, rising=False)
        return low / self.hours, high / self.hours

    def supports(self, most: float, level: float = LEVEL) -> bool:
        """Say whether the hours prove that the rate is at most `most`."""
        return self.interval(level)[1] <= most

    def claim(self, most: float, level: float = LEVEL) -> str:
        """Return the sentence that may be printed about a rate of at most `most` events per hour."""
        heard = f"{self.count} in {self.hours:.2f} h"
        if self.supports(most, level):
            return f"at most {most:g} per hour at {level:.0%}: {heard}."
        needed = self.hours_needed(most, level)
        return (
            f"at most {most:g} per hour cannot be claimed: {heard} bound the rate at {self.interval(level)[1]:.2f} "
            f"({level:.0%}); with no further event it takes {needed:.1f} h."
        )

    def hours_needed(self, most: float, level: float = LEVEL) -> float:
        """Return the hours after which so few events would prove the rate to be at most `most`.

        Raises:
            ValueError: `most` is not above 0; no time proves that.
        """
        if not most > 0:
            raise ValueError(f"a rate that can be proven must be above 0 per hour; got {most}.")
        return HourlyRate(self.count, 1.0).interval(level)[1] / most


def poisson_cdf(count: int, mean: float) -> float:
    """Return the probability of at most `count` events where `mean` are expected."""
    if mean == 0 or count < 0:
        return float(count >= 0)
    each = np.arange(count + 1)
    logs = each * math.log(mean) - mean - np.array([math.lgamma(k + 1) for k in each])
    return min(1.0, float(np.exp(logs).sum()))


def check_level(level: float) -> None:
    """Raise a ValueError unless a level of confidence lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; got {level}.")


def _mean_where(probability: Callable[[float], float], wanted: float, rising: bool) -> float:
    """Return the mean at which a monotone probability is as wanted."""
    low, high = 0.0, 1.0
    while (probability(high) < wanted) == rising:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (probability(middle) < wanted) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
