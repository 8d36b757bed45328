"""How well events are found: matched one to one with what was said, misses against false alarms per hour.

Events choose in the order of their scores, the highest first, the reference they overlap most of those that are left.
So no event of a low score changes the fate of a higher one, and one matching serves every threshold: the curve of
misses and false alarms over all of them takes one pass. An event finds a reference of its keyword when the two, the
reference made longer by the collar on both sides, have any time in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from speechcnn.metrics.rates import HourlyRate, Share

COLLAR_SECONDS = 0.25
RATES = (0.1, 0.5, 1.0)  # false alarms per hour at which misses are stated


class Event(Protocol):
    """What a detector reports."""

    @property
    def keyword(self) -> str:
        """The keyword that was heard."""

    @property
    def start(self) -> float:
        """Its onset in seconds."""

    @property
    def end(self) -> float:
        """Its offset in seconds."""

    @property
    def score(self) -> float:
        """How sure the detector is."""

    @property
    def decided(self) -> float | None:
        """When the detector reported it, in seconds."""


@dataclass(frozen=True)
class Reference:
    """A keyword that was said, with its times in seconds."""

    keyword: str
    start: float
    end: float


@dataclass(frozen=True)
class Matching:
    """Events and references of one recording: which belong together and which are left."""

    pairs: tuple[tuple[Event, Reference], ...] = ()
    false_alarms: tuple[Event, ...] = ()
    missed: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Outcomes:
    """Scores of hits and false alarms over some recordings; two add up, and rates come last."""

    hits: tuple[float, ...] = ()
    false_alarms: tuple[float, ...] = ()
    references: int = 0
    hours: float = 0.0

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.references + other.references,
            self.hours + other.hours,
        )

    def misses(self, threshold: float) -> Share:
        """Return the references that no event of the threshold finds."""
        return Share(self.references - sum(score >= threshold for score in self.hits), self.references)

    def alarms(self, threshold: float) -> HourlyRate:
        """Return the false alarms of the threshold."""
        return HourlyRate(sum(score >= threshold for score in self.false_alarms), self.hours)


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold costs."""

    threshold: float
    misses: Share
    alarms: HourlyRate


@dataclass(frozen=True)
class DetectionCurve:
    """Misses and false alarms at every threshold at which one of them changes, from the highest threshold down.

    Shape: thresholds [N], missed [N] and alarms [N] (counts).
    """

    thresholds: NDArray[np.float64]
    missed: NDArray[np.int64]
    alarms: NDArray[np.int64]
    references: int
    hours: float

    def point(self, place: int) -> OperatingPoint:
        """Return one of its points."""
        return OperatingPoint(
            float(self.thresholds[place]),
            Share(int(self.missed[place]), self.references),
            HourlyRate(int(self.alarms[place]), self.hours),
        )

    def at(self, rate: float) -> OperatingPoint:
        """Return the point of the lowest threshold with at most `rate` false alarms per hour."""
        allowed = np.flatnonzero(self.alarms <= rate * self.hours + 1e-9)
        return self.point(int(allowed[-1]))


def match(found: Iterable[Event], references: Sequence[Reference], collar: float = COLLAR_SECONDS) -> Matching:
    """Match the events of one recording with what was said in it, one to one.

    Args:
        found: events in any order; of equal scores the earlier chooses first.
        references: what was said.
        collar: seconds by which a reference is made longer on both sides.
    """
    left, pairs, alarms = list(references), [], []
    for event in sorted(found, key=lambda one: (-one.score, one.start)):
        overlaps = [_overlap(event, one, collar) if one.keyword == event.keyword else 0.0 for one in left]
        best = int(np.argmax(overlaps)) if overlaps else 0
        if overlaps and overlaps[best] > 0:
            pairs.append((event, left.pop(best)))
        else:
            alarms.append(event)
    return Matching(tuple(pairs), tuple(alarms), tuple(left))


def outcomes(matching: Matching, seconds: float) -> Outcomes:
    """Return the scores of a recording's hits and false alarms; `seconds` is its length."""
    hits = tuple(event.score for event, _ in matching.pairs)
    return Outcomes(hits, tuple(one.score for one in matching.false_alarms), len(hits) + len(matching.missed),
                    seconds / 3600)  # fmt: skip


def detection_curve(found: Outcomes) -> DetectionCurve:
    """Return misses and false alarms at every threshold, the first above all scores."""
    hits, alarms = np.sort(found.hits), np.sort(found.false_alarms)
    thresholds = np.concatenate([[np.inf], np.unique(np.concatenate([hits, alarms]))[::-1]])
    n_hits = len(hits) - np.searchsorted(hits, thresholds)
    n_alarms = len(alarms) - np.searchsorted(alarms, thresholds)
    return DetectionCurve(thresholds, found.references - n_hits, n_alarms, found.references, found.hours)


def choose_threshold(found: Outcomes, rate: float, least: float) -> float:
    """Return the threshold between the false alarm that `rate` per hour forbids and the next score above it.

    Args:
        found: outcomes on dev data with all events down to `least`.
        rate: false alarms per hour that are allowed.
        least: the lowest threshold to choose.
    """
    allowed = int(rate * found.hours + 1e-9)
    alarms = sorted(found.false_alarms, reverse=True)
    if len(alarms) <= allowed or alarms[allowed] < least:
        return least
    forbidden = alarms[allowed]
    above = min([score for score in (*found.hits, *alarms) if score > forbidden], default=1.0)
    return max(least, (forbidden + above) / 2)


def _overlap(event: Event, reference: Reference, collar: float) -> float:
    return min(event.end, reference.end + collar) - max(event.start, reference.start - collar)
