"""Overlap of events in time and in frequency, and average precision over all thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from speechcnn.events import Event


def iou(true: Event, found: Event) -> float:
    """Return intersection over union: of boxes where both events have bands, of times else."""
    return box_iou(true, found) if true.band and found.band else time_iou(true, found)


def time_iou(true: Event, found: Event) -> float:
    """Return the time that two events have in common over the time that either has.

    >>> time_iou(Event("a", 0.0, 2.0), Event("a", 1.0, 3.0))
    0.3333333333333333
    """
    both = _common((true.onset, true.offset), (found.onset, found.offset))
    return both / (true.duration + found.duration - both)


def box_iou(true: Event, found: Event) -> float:
    """Return the area that two boxes have in common over the area of either, in seconds times hertz.

    Raises:
        ValueError: an event without a band.
    """
    if true.band is None or found.band is None:
        raise ValueError(f"boxes need low_hz and high_hz, got {true if true.band is None else found}")
    both = _common((true.onset, true.offset), (found.onset, found.offset)) * _common(true.band, found.band)
    return both / (_area(true.duration, true.band) + _area(found.duration, found.band) - both)


def average_precision(
    references: Mapping[str, Sequence[Event]], found: Mapping[str, Sequence[Event]], label: str, least: float = 0.5
) -> float:
    """Return one class's average precision: the area under the curve of precision over recall.

    Found events of all recordings come in order of their scores; each takes, of the true events of its recording that
    are free and overlap it by `least` or more (`iou`), the one it overlaps most. Precision at a recall is the best at
    that recall or beyond (Everingham et al., 2010, all points). NaN where the reference has no such event.

    Raises:
        ValueError: a found event without a score.
    """
    true = {name: [one for one in own if one.label == label] for name, own in references.items()}
    heard = [(one, name) for name, own in found.items() for one in own if one.label == label]
    n_true = sum(map(len, true.values()))
    if not n_true:
        return math.nan
    right = np.array(_right(true, sorted(heard, key=lambda pair: -_score(pair[0])), least), dtype=float)
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    best_beyond = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best_beyond * right).sum() / n_true)


def _right(true: Mapping[str, Sequence[Event]], heard: Sequence[tuple[Event, str]], least: float) -> list[bool]:
    """Say of each found event, best score first, whether it found a true one that none before it had."""
    taken: set[tuple[str, int]] = set()
    right = []
    for one, name in heard:
        free = [(iou(other, one), -i) for i, other in enumerate(true.get(name, ())) if (name, i) not in taken]
        overlap, place = max(free, default=(0.0, 0))
        right.append(overlap >= least)
        if right[-1]:
            taken.add((name, -place))
    return right


def _score(event: Event) -> float:
    if event.score is None:
        raise ValueError(f"average precision needs scores, got {event}")
    return event.score


def _common(a: tuple[float, float], b: tuple[float, float]) -> float:
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _area(seconds: float, band: tuple[float, float]) -> float:
    return seconds * (band[1] - band[0])
