"""Segment-based counts: time is cut into equal pieces, and a class is there or not in each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from speechcnn.events import Event
from speechcnn.metrics.events.counts import ClassCounts, EventCounts

SEGMENT_SECONDS = 1.0
_ROUNDING = 1e-9  # of segments: an event that ends at 3.0 has no part in the segment from there on


def count_segments(reference: Sequence[Event], found: Sequence[Event], seconds: float = SEGMENT_SECONDS) -> ClassCounts:
    """Count one recording: a hit is a segment in which the class is active in both, if only for a moment.

    Raises:
        ValueError: segments of no length.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds}")
    counts = {}
    for label in sorted({one.label for one in (*reference, *found)}):
        true = _active((one for one in reference if one.label == label), seconds)
        heard = _active((one for one in found if one.label == label), seconds)
        counts[label] = EventCounts(len(true & heard), len(true - heard), len(heard - true))
    return ClassCounts(counts)


def _active(events: Iterable[Event], seconds: float) -> set[int]:
    return {segment for one in events for segment in _segments(one, seconds)}


def _segments(event: Event, seconds: float) -> range:
    first = math.floor(event.onset / seconds + _ROUNDING)
    return range(first, max(first + 1, math.ceil(event.offset / seconds - _ROUNDING)))
