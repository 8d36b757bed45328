"""Which inputs each position of a map sees, along one axis, and how layers change that.

Each position sees the inputs from `low` to `high`. Layers are lists of taps: tap k of the output i reads position
p(i, k) of the map below, or nothing there (padding, an inserted zero). So the arithmetic of Araujo, Norris and Sim
(2019) holds at every position and not only far from the edges, and also for layers that make maps larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

NOTHING = (np.iinfo(np.int64).max, -1)  # neutral where the smallest low and the largest high are sought
ZERO = np.iinfo(np.int64).min  # the place of an inserted zero, which is not the edge of the map


@dataclass(frozen=True)
class Spans:
    """What each position sees along one axis of the input.

    Shape: low, high and edge [n] each; where a position sees nothing, high is -1.
    """

    low: np.ndarray
    high: np.ndarray
    edge: np.ndarray  # whether it also reads padding, so that it sees less than others do
    stride: Fraction = Fraction(1)  # inputs between two positions
    whole: bool = False  # whether something on the way looked at the whole axis, however long
    skew: Fraction = Fraction(0)  # most inputs by which the centres of two joined branches lie apart

    def __len__(self) -> int:
        return len(self.low)

    @property
    def clear(self) -> np.ndarray:
        """Positions that see something, and no padding that narrows it."""
        return ~self.edge & (self.high >= 0)


def every(n_inputs: int) -> Spans:
    """Return the input itself: each position sees itself."""
    places = np.arange(n_inputs)
    return Spans(places, places, np.zeros(n_inputs, dtype=bool))


def gathered(spans: Spans, taps: Iterable[np.ndarray], stride: Fraction) -> Spans:
    """Return what positions see that read the positions `taps` of the map below; those outside it are padding.

    Shape: each tap [n'] -> spans of [n'].
    """
    low = high = edge = None
    for places in taps:
        inside = (places >= 0) & (places < len(spans))
        reached = np.where(inside, places, 0)
        lows = np.where(inside, spans.low[reached], NOTHING[0])
        highs = np.where(inside, spans.high[reached], NOTHING[1])
        low = lows if low is None else np.minimum(low, lows)
        high = highs if high is None else np.maximum(high, highs)
        edges = np.where(inside, spans.edge[reached], places != ZERO)
        edge = edges if edge is None else edge | edges
    if low is None or high is None or edge is None:
        raise ValueError("a layer without taps sees nothing.")
    return replace(spans, low=low, high=high, edge=edge, stride=stride)


def windowed(spans: Spans, n_outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Spans:
    """Return what the outputs of a convolution or a pool see."""
    first = np.arange(n_outputs) * stride - padding
    return gathered(spans, (first + tap * dilation for tap in range(kernel)), spans.stride * stride)


def expanded(spans: Spans, n_outputs: int, kernel: int, stride: int, crop: int, dilation: int) -> Spans:
    """Return what an expanding convolution's outputs see: position i pushes to i * stride - crop + k * dilation."""

    def taps() -> Iterator[np.ndarray]:
        for tap in range(kernel):
            places, rest = np.divmod(np.arange(n_outputs) + crop - tap * dilation, stride)
            yield np.where(rest == 0, places, ZERO)

    return gathered(spans, taps(), spans.stride / stride)


def interpolated(spans: Spans, n_outputs: int, factor: int, between: bool) -> Spans:
    """Return what the outputs of up-sampling see: the sample before each, and if `between` the one after."""
    places, rest = np.divmod(np.arange(n_outputs), factor)
    if not between:
        return gathered(spans, [np.where(rest == 0, places, ZERO)], spans.stride / factor)
    return gathered(spans, [places, places + (rest > 0)], spans.stride / factor)


def pooled_onto(spans: Spans, n_outputs: int) -> Spans:
    """Return what cells of an adaptive pool see: cell i the positions from i n / m on, to (i + 1) n / m."""
    cells = np.arange(n_outputs)
    first, last = cells * len(spans) // n_outputs, -(-(cells + 1) * len(spans) // n_outputs) - 1
    taps = [np.minimum(first + step, last) for step in range(int((last - first).max()) + 1)]
    return replace(gathered(spans, taps, spans.stride * len(spans) / n_outputs), whole=True)


def together(spans: Spans, n_positions: int = 1) -> Spans:
    """Return positions that each see all that any position saw."""
    low, high = np.full(n_positions, spans.low.min()), np.full(n_positions, spans.high.max())
    return replace(spans, low=low, high=high, edge=np.ones(n_positions, dtype=bool), whole=True)


def united(one: Spans, other: Spans) -> Spans:
    """Return what positions see that read the same position of two maps, and how far the two are out of line."""
    low, high = np.minimum(one.low, other.low), np.maximum(one.high, other.high)
    skew = max(one.skew, other.skew)
    if len(one) == len(other):
        clear = one.clear & other.clear
        centres = (one.low + one.high - other.low - other.high)[clear]
        apart = Fraction(int(np.abs(centres).max()), 2) if clear.any() else Fraction(0)
        skew = max(skew, Fraction(0) if one.whole or other.whole else apart)
    longer = max(one, other, key=len)
    return replace(longer, low=low, high=high, edge=one.edge | other.edge, whole=one.whole or other.whole, skew=skew)


def joined(parts: list[Spans]) -> Spans:
    """Return several maps one behind the other."""
    low, high, edge = (np.concatenate([getattr(part, name) for part in parts]) for name in ("low", "high", "edge"))
    return replace(parts[0], low=low, high=high, edge=edge, whole=any(part.whole for part in parts))


def padded(spans: Spans, before: int, after: int) -> Spans:
    """Return the map with positions around it that see nothing; below zero, positions are cut off."""
    places = np.arange(-before, len(spans) + after)
    return gathered(spans, [places], spans.stride)
