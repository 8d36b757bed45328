"""How far found onsets and offsets lie from the true ones, and how long after the word the detector was sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speechcnn.metrics.detection import Event, Reference


@dataclass(frozen=True)
class Spread:
    """Mean, median and 90th percentile of some values; NaN of none."""

    mean: float
    median: float
    p90: float


@dataclass(frozen=True)
class Localisation:
    """Errors in seconds of matched events, and the share of time that they have in common with the truth."""

    events: int
    onset: Spread  # absolute errors
    offset: Spread
    iou: Spread  # intersection over union of the two stretches of time
    delay: Spread  # from the true offset to the decision; of the events that know when they were decided


def localise(pairs: Sequence[tuple[Event, Reference]]) -> Localisation:
    """Compare matched events with what they matched."""
    return Localisation(
        len(pairs),
        spread([abs(event.start - true.start) for event, true in pairs]),
        spread([abs(event.end - true.end) for event, true in pairs]),
        spread([iou(event, true) for event, true in pairs]),
        spread([event.decided - true.end for event, true in pairs if event.decided is not None]),
    )


def iou(event: Event, true: Reference) -> float:
    """Return intersection over union; 0 where both are empty."""
    both = max(0.0, min(event.end, true.end) - max(event.start, true.start))
    either = (event.end - event.start) + (true.end - true.start) - both
    return both / either if either > 0 else 0.0


def spread(values: Sequence[float]) -> Spread:
    """Return mean, median and 90th percentile."""
    if not values:
        return Spread(np.nan, np.nan, np.nan)
    return Spread(float(np.mean(values)), float(np.median(values)), float(np.quantile(values, 0.9)))
