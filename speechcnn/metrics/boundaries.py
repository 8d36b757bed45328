"""How far the boundaries of one segmentation lie from those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from speechcnn.labels import Segment

TOLERANCES = (0.010, 0.020, 0.050)  # seconds
ROUNDING = 1e-9  # seconds, so that a boundary at the tolerance counts as within it


@dataclass(frozen=True)
class BoundaryErrors:
    """Boundaries compared, and how far off they were in sum; errors add up over utterances, and the rates come last."""

    boundaries: int = 0
    absolute_seconds: float = 0.0
    within: tuple[int, ...] = (0,) * len(TOLERANCES)  # boundaries that are off by each of TOLERANCES at most

    @property
    def mean_absolute(self) -> float:
        """Mean absolute error in seconds; 0 without boundaries."""
        return self.absolute_seconds / self.boundaries if self.boundaries else 0.0

    @property
    def shares(self) -> dict[float, float]:
        """Share of boundaries within each tolerance, by the tolerance in seconds; 0 without boundaries."""
        total = max(self.boundaries, 1)
        return {limit: count / total for limit, count in zip(TOLERANCES, self.within, strict=True)}

    def __add__(self, other: BoundaryErrors) -> BoundaryErrors:
        return BoundaryErrors(
            self.boundaries + other.boundaries,
            self.absolute_seconds + other.absolute_seconds,
            tuple(a + b for a, b in zip(self.within, other.within, strict=True)),
        )


def boundary_errors(reference: Sequence[Segment], found: Sequence[Segment]) -> BoundaryErrors:
    """Compare the boundaries between segments of two segmentations of one label sequence.

    Boundary i lies between segments i and i + 1, where the hole between them has its middle. The start of the first
    segment and the end of the last are not compared: no recogniser has to find them.

    Raises:
        ValueError: the label sequences differ.
    """
    labels = zip_longest((one.label for one in reference), (one.label for one in found))
    for place, (expected, came) in enumerate(labels):
        if expected != came:
            raise ValueError(
                f"boundaries can be compared between equal label sequences; segment {place} is {expected!r} in the "
                f"reference and {came!r} in the other."
            )
    errors = [abs(a - b) for a, b in zip(_boundaries(reference), _boundaries(found), strict=True)]
    within = tuple(sum(error <= limit + ROUNDING for error in errors) for limit in TOLERANCES)
    return BoundaryErrors(len(errors), sum(errors), within)


def _boundaries(segments: Sequence[Segment]) -> list[float]:
    return [(left.end + right.start) / 2 for left, right in pairwise(segments)]
