"""From probabilities over time to events: two thresholds, least durations, gaps bridged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.events import Event


@dataclass(frozen=True)
class EventRule:
    """When a probability over time is an event.

    Args:
        onset: probability that an event must reach.
        offset: probability at which it ends; what lies between the two belongs to an event that has begun.
        least_seconds: shorter events are dropped.
        gap_seconds: events of one class that lie closer become one.

    Raises:
        ValueError: thresholds that are no probabilities or in the wrong order, negative times.
    """

    onset: float = 0.5
    offset: float = 0.3
    least_seconds: float = 0.0
    gap_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.offset <= self.onset <= 1:
            raise ValueError(f"thresholds must be 0 < offset <= onset <= 1, got {self.offset} and {self.onset}")
        if min(self.least_seconds, self.gap_seconds) < 0:
            raise ValueError("least_seconds and gap_seconds must be at least 0")


def events_of(
    curves: NDArray[np.float64],
    edges: NDArray[np.float64],
    classes: Sequence[str],
    rule: EventRule,
    background: str = "",
) -> list[Event]:
    """Return the events of all classes in order of time, each with its highest probability; `background` is none.

    Shape: curves [T, K]; edges [T + 1], the times in seconds between which each row holds.
    """
    found = [
        Event(label, float(edges[begin]), float(edges[end]), score=float(curves[begin:end, number].max()))
        for number, label in enumerate(classes)
        if label != background
        for begin, end in runs(curves[:, number], edges, rule)
    ]
    return sorted(found, key=lambda one: (one.onset, one.label))


def runs(curve: NDArray[np.float64], edges: NDArray[np.float64], rule: EventRule) -> list[tuple[int, int]]:
    """Return the stretches [begin, end) of one class.

    Shape: curve [T], edges [T + 1].
    """
    lasting = np.flatnonzero(np.diff(np.concatenate([[0], (curve >= rule.offset).astype(int), [0]])))
    stretches: list[tuple[int, int]] = []
    for begin, end in lasting.reshape(-1, 2).tolist():
        if curve[begin:end].max() < rule.onset:
            continue
        if stretches and edges[begin] - edges[stretches[-1][1]] <= rule.gap_seconds:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((begin, end))
    return [(begin, end) for begin, end in stretches if edges[end] - edges[begin] >= rule.least_seconds]


def spread(
    probabilities: NDArray[np.float64], starts: Sequence[int], n_frames: int, hop: int, last: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean probability of all windows over each stretch of `hop` frames, and the stretches' edges.

    Shape: probabilities [W, K], starts [W] in frames -> [T, K], [T + 1] in frames.
    """
    edges = np.unique(np.minimum(np.arange(0, last + hop, hop), last))
    total = np.zeros((len(edges) - 1, probabilities.shape[1]))
    counts = np.zeros((len(edges) - 1, 1))
    for start, row in zip(starts, probabilities, strict=True):
        covered = (edges[1:] > start) & (edges[:-1] < start + n_frames)
        total[covered] += row
        counts[covered] += 1
    return total / np.maximum(counts, 1), edges
