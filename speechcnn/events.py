"""What happens in a recording: a labelled stretch of time, with its band of frequencies where that is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A labelled stretch of time in a recording; with a band it is a box in time and frequency.

    Raises:
        ValueError: times or frequencies that are negative or in the wrong order, one end of a band without the other.

    >>> Event("bell", 0.5, 2.0, 400.0, 3000.0).duration
    1.5
    """

    label: str
    onset: float  # seconds
    offset: float  # seconds, exclusive
    low_hz: float | None = None
    high_hz: float | None = None
    score: float | None = None  # how sure a model is, 0 to 1; None in a reference

    def __post_init__(self) -> None:
        if not 0 <= self.onset < self.offset:
            raise ValueError(
                f"{self.label}: onset must be 0 or later and before offset, got {self.onset}, {self.offset}"
            )
        if (self.low_hz is None) != (self.high_hz is None):
            raise ValueError(f"{self.label}: low_hz and high_hz come together, got {self.low_hz}, {self.high_hz}")
        if self.low_hz is not None and self.high_hz is not None and not 0 <= self.low_hz < self.high_hz:
            raise ValueError(
                f"{self.label}: low_hz must be 0 or more and below high_hz, got {self.low_hz}, {self.high_hz}"
            )

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.offset - self.onset

    @property
    def band(self) -> tuple[float, float] | None:
        """Lowest and highest frequency in hertz, where both are known."""
        return None if self.low_hz is None or self.high_hz is None else (self.low_hz, self.high_hz)
