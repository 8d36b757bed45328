"""All event scores of a set of recordings at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from speechcnn.events import Event
from speechcnn.metrics.events.boxes import average_precision
from speechcnn.metrics.events.counts import ClassCounts, total
from speechcnn.metrics.events.matching import collar_rule, count_events, iou_rule
from speechcnn.metrics.events.segments import count_segments

CONVENTIONS: dict[str, Callable[[Sequence[Event], Sequence[Event]], ClassCounts]] = {
    "collar": partial(count_events, rule=collar_rule()),  # both ends within 200 ms, or 20 % of the length at the offset
    "onset": partial(count_events, rule=collar_rule(offset_seconds=None)),  # the onset alone within 200 ms
    "iou": partial(count_events, rule=iou_rule()),  # boxes, or times without bands, overlap by half or more
    "segment": count_segments,  # of one second
}
HEADLINE = next(iter(CONVENTIONS))


@dataclass(frozen=True)
class EventScores:
    """Counts by convention, and average precision by class where found events have scores."""

    counts: Mapping[str, ClassCounts]
    average_precision: Mapping[str, float]

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that the reference has; NaN of none."""
        known = [value for value in self.average_precision.values() if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    def figures(self) -> dict[str, Any]:
        """Return every figure as plain data."""
        return {
            "f1": {name: _f1(own) for name, own in self.counts.items()},
            "average_precision": dict(self.average_precision),
            "mean_average_precision": self.mean_average_precision,
        }


def _f1(counts: ClassCounts) -> dict[str, Any]:
    by_class = {label: own.f1 for label, own in counts.by_class.items()}
    return {"micro": counts.micro.f1, "macro": counts.macro_f1, "by_class": by_class}


def score_events(references: Mapping[str, Sequence[Event]], found: Mapping[str, Sequence[Event]]) -> EventScores:
    """Score the events found in a set of recordings by every convention.

    Raises:
        ValueError: recordings that stand on one side only; a recording in which nothing was found has an empty list.
    """
    alone = sorted(references.keys() ^ found.keys())
    if alone:
        raise ValueError(
            f"references and found events must be of the same recordings, {len(alone)} stand on one side only: "
            f"{', '.join(alone[:5])}"
        )
    counts = {
        name: total(count(own, found[recording]) for recording, own in references.items())
        for name, count in CONVENTIONS.items()
    }
    scored = all(one.score is not None for own in found.values() for one in own)
    labels = sorted({one.label for own in references.values() for one in own}) if scored else []
    return EventScores(counts, {label: average_precision(references, found, label) for label in labels})
