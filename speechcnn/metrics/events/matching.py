"""Which found event stands for which event of the reference: one to one, as many pairs as there can be.

Whether two events may be a pair is a rule; among all ways to pair them one with the most pairs is taken (Kuhn, 1955,
by augmenting paths). A greedy choice in order of time or of scores can miss some: where A fits 1 and 2 and B fits 1
alone, it may give 1 to A.

Source: Mesaros, Heittola and Virtanen (2016), "Metrics for polyphonic sound event detection".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speechcnn.events import Event
from speechcnn.metrics.events.boxes import iou
from speechcnn.metrics.events.counts import ClassCounts, EventCounts

COLLAR_SECONDS, OFFSET_SHARE = 0.2, 0.2
_ROUNDING = 1e-9  # of seconds: 1.2 - 1.0 is a hair more than 0.2

Rule = Callable[[Event, Event], bool]  # (event of the reference, found event of the same label)


def collar_rule(
    onset_seconds: float = COLLAR_SECONDS,
    offset_seconds: float | None = COLLAR_SECONDS,
    offset_share: float = OFFSET_SHARE,
) -> Rule:
    """Return the rule that both times lie near the true ones; both limits belong to what is near.

    Args:
        onset_seconds: how far the onset may lie off.
        offset_seconds: how far the offset may lie off; None: anywhere.
        offset_share: of the true event's length, if that is more than `offset_seconds`.

    Raises:
        ValueError: a negative number.
    """
    for name, value in (("onset_seconds", onset_seconds), ("offset_seconds", offset_seconds or 0)):
        if not value >= 0:
            raise ValueError(f"{name} must be 0 or more, got {value}")
    if not offset_share >= 0:
        raise ValueError(f"offset_share must be 0 or more, got {offset_share}")

    def near(true: Event, found: Event) -> bool:
        if abs(true.onset - found.onset) > onset_seconds + _ROUNDING:
            return False
        if offset_seconds is None:
            return True
        return abs(true.offset - found.offset) <= max(offset_seconds, offset_share * true.duration) + _ROUNDING

    return near


def iou_rule(least: float = 0.5) -> Rule:
    """Return the rule that intersection over union is at least so much: of boxes where both have bands, else of times.

    Raises:
        ValueError: a share that is not above 0 and at most 1.
    """
    if not 0 < least <= 1:
        raise ValueError(f"least must be above 0 and at most 1, got {least}")
    return lambda true, found: iou(true, found) >= least - _ROUNDING


def match(reference: Sequence[Event], found: Sequence[Event], rule: Rule) -> list[tuple[int, int]]:
    """Return pairs (place in the reference, place in what was found), as many as there can be, in order of the first.

    Events of different labels are never a pair.
    """
    fitting = [
        [j for j, other in enumerate(found) if other.label == true.label and rule(true, other)] for true in reference
    ]
    partner: dict[int, int] = {}  # of a found event in the reference
    for i in range(len(reference)):
        _give(i, fitting, partner, set())
    return sorted((i, j) for j, i in partner.items())


def _give(i: int, fitting: Sequence[Sequence[int]], partner: dict[int, int], tried: set[int]) -> bool:
    """Give event i of the reference a partner, if need be by giving others another one."""
    for j in fitting[i]:
        if j not in tried:
            tried.add(j)
            if j not in partner or _give(partner[j], fitting, partner, tried):
                partner[j] = i
                return True
    return False


def count_events(reference: Sequence[Event], found: Sequence[Event], rule: Rule) -> ClassCounts:
    """Count one recording by a rule."""
    counts = {}
    for label in sorted({one.label for one in (*reference, *found)}):
        true = [one for one in reference if one.label == label]
        heard = [one for one in found if one.label == label]
        hits = len(match(true, heard, rule))
        counts[label] = EventCounts(hits, len(true) - hits, len(heard) - hits)
    return ClassCounts(counts)
