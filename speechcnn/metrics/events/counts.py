"""Events found, missed and invented, of one class or of several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EventCounts:
    """What a comparison of events found; counts add up, so that a set's rates are those of its sum.

    >>> (EventCounts(hits=3, missed=1) + EventCounts(hits=1, invented=2)).f1
    0.7272727272727273
    """

    hits: int = 0  # events of the reference that were found
    missed: int = 0  # events of the reference that were not
    invented: int = 0  # found events that the reference does not have

    @property
    def reference(self) -> int:
        """Number of events in the reference."""
        return self.hits + self.missed

    @property
    def found(self) -> int:
        """Number of events found."""
        return self.hits + self.invented

    @property
    def precision(self) -> float:
        """Share of found events that are right; NaN where none was found."""
        return self.hits / self.found if self.found else math.nan

    @property
    def recall(self) -> float:
        """Share of the reference that was found; NaN where it has no event."""
        return self.hits / self.reference if self.reference else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 hits / (found + reference); NaN where both are empty."""
        both = self.found + self.reference
        return 2 * self.hits / both if both else math.nan

    def __add__(self, other: EventCounts) -> EventCounts:
        return EventCounts(self.hits + other.hits, self.missed + other.missed, self.invented + other.invented)


@dataclass(frozen=True)
class ClassCounts:
    """Counts of several classes; a class that is missing has none."""

    by_class: Mapping[str, EventCounts] = field(default_factory=dict)

    @property
    def micro(self) -> EventCounts:
        """The counts of all classes together: each event weighs the same."""
        return sum(self.by_class.values(), EventCounts())

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur in the reference or were found: each class weighs the same; NaN of none."""
        known = [one.f1 for one in self.by_class.values() if not math.isnan(one.f1)]
        return sum(known) / len(known) if known else math.nan

    def __add__(self, other: ClassCounts) -> ClassCounts:
        names = sorted(self.by_class.keys() | other.by_class.keys())
        return ClassCounts({name: self[name] + other[name] for name in names})

    def __getitem__(self, name: str) -> EventCounts:
        return self.by_class.get(name, EventCounts())


def total(counts: Iterable[ClassCounts]) -> ClassCounts:
    """Return the sum over recordings."""
    return sum(counts, ClassCounts())
