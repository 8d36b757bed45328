"""From posteriors of each frame to events: the one definition by which checkpoints, thresholds and reports judge.

The score of a keyword at frame t is the least, over the last P frames (patience), of the mean posterior of the last W
frames (smoothing). A frame is an event when its score reaches the threshold and no score within R frames (refractory
time) on either side is higher; of equal scores the first counts. So two events of one keyword lie more than R apart,
the threshold decides about each event alone, and one pass gives the events of every threshold: those of a low one
whose score reaches a higher one. Before the first frame there is nothing: its posteriors count as zero.

Sources: smoothing as Chen, Parada and Heigold (2014), "Small-footprint keyword spotting using deep neural networks",
section 3.3; non-maximum suppression in place of a state machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LONGEST_SECONDS = 10.0  # of smoothing, patience and refractory time

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """A keyword heard in a recording; times in seconds from its start."""

    keyword: str
    start: float  # onset of the word
    end: float  # offset of the word
    score: float  # 0..1
    decided: float | None = None  # when the rule was sure: the peak's frame and the refractory time behind it


@dataclass(frozen=True)
class EventRule:
    """When posteriors make an event; see the module's text."""

    threshold: float = 0.5  # least score of an event
    smoothing_seconds: float = 0.1  # over which posteriors are averaged
    patience_seconds: float = 0.03  # for which the average must hold
    refractory_seconds: float = 0.35  # around an event in which there is no other one of its keyword

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and be at most 1; got {self.threshold}.")
        for name in ("smoothing_seconds", "patience_seconds", "refractory_seconds"):
            if not 0 <= getattr(self, name) <= LONGEST_SECONDS:
                raise ValueError(f"{name} must be from 0 to {LONGEST_SECONDS:g}; got {getattr(self, name)}.")


@dataclass(frozen=True)
class FrameTimes:
    """Where frames lie in time: frame t has its centre at `first_seconds` + t * `shift_seconds`."""

    shift_seconds: float
    first_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.shift_seconds > 0:
            raise ValueError(f"shift_seconds must be above 0; got {self.shift_seconds}.")

    def count(self, seconds: float) -> int:
        """Return how many shifts a stretch of time holds, rounded."""
        return round(seconds / self.shift_seconds)


@dataclass(frozen=True)
class DetectorState:
    """What a detector remembers of the frames it has seen: the last ones that may still matter.

    Shape: posteriors [K, H], means [K, P - 1], scores [K, H], distances [2, H]; H = 2 R + W + P - 1.
    """

    n_frames: int  # seen
    posteriors: Array
    means: Array
    scores: Array
    distances: Array


class Detector:
    """Finds events in posteriors that come in pieces of any size; their number and cut change nothing.

    Args:
        rule: what makes an event.
        keywords: names of the rows of the posteriors.
        times: where the frames lie.
    """

    def __init__(self, rule: EventRule, keywords: Sequence[str], times: FrameTimes) -> None:
        if not keywords:
            raise ValueError("a detector needs at least one keyword, got none.")
        self.rule, self.keywords, self.times = rule, tuple(keywords), times
        self.smoothing = max(1, times.count(rule.smoothing_seconds))
        self.patience = max(1, times.count(rule.patience_seconds))
        self.refractory = times.count(rule.refractory_seconds)
        self.support = self.smoothing + self.patience - 1  # frames that a score is made of
        self.memory = 2 * self.refractory + self.support

    def start(self) -> DetectorState:
        """Return the state before the first frame."""
        n_keywords = len(self.keywords)
        past = np.zeros((n_keywords, self.memory))
        return DetectorState(0, past, np.zeros((n_keywords, self.patience - 1)), past, np.zeros((2, self.memory)))

    def step(
        self, posteriors: ArrayLike, distances: ArrayLike | None, state: DetectorState
    ) -> tuple[list[Detection], DetectorState]:
        """Take the next frames and return the events that are certain now, in order of their peaks.

        Args:
            posteriors: of the keywords, 0..1.
            distances: seconds from each frame back to the word's onset and to its offset, negative for what is still
                to come; None where the network has no such head: an event then spans the frames of its score.
            state: of the frames before.

        Shape: posteriors [K, T], distances [2, T].
        """
        fresh = self._checked(posteriors)
        n_fresh = fresh.shape[1]
        spans = self._spans(distances, n_fresh)
        seen = np.concatenate([state.posteriors, fresh], 1)
        means = np.concatenate([state.means, self._means(seen, n_fresh)], 1)
        scores = np.concatenate([state.scores, self._least(means, n_fresh)], 1)
        both = np.concatenate([state.distances, spans], 1)
        n_frames = state.n_frames + n_fresh
        whole = DetectorState(n_frames, seen, means[:, n_fresh:], scores, both)
        found = self._found(whole, n_frames - n_fresh - self.refractory, n_frames - self.refractory)
        cut = [each[:, each.shape[1] - self.memory :] for each in (seen, scores, both)]
        return found, DetectorState(n_frames, cut[0], whole.means, cut[1], cut[2])

    def finish(self, state: DetectorState) -> list[Detection]:
        """Return the events that wait for frames which will not come."""
        return self._found(state, state.n_frames - self.refractory, state.n_frames)

    def _checked(self, posteriors: ArrayLike) -> Array:
        fresh = np.asarray(posteriors, dtype=np.float64)
        if fresh.ndim != 2 or len(fresh) != len(self.keywords):
            raise ValueError(
                f"posteriors must have the shape [{len(self.keywords)}, T], a row for each of "
                f"{', '.join(self.keywords)}; got {list(fresh.shape)}."
            )
        return fresh

    @staticmethod
    def _spans(distances: ArrayLike | None, n_frames: int) -> Array:
        if distances is None:
            return np.full((2, n_frames), np.nan)
        spans = np.asarray(distances, dtype=np.float64)
        if spans.shape != (2, n_frames):
            raise ValueError(f"distances must have the shape [2, {n_frames}], got {list(spans.shape)}.")
        return spans

    def _means(self, seen: Array, n_fresh: int) -> Array:
        # Summed in one order whatever the cut, so that no bit depends on it.
        stop = seen.shape[1]
        total = np.zeros((len(seen), n_fresh))
        for back in range(self.smoothing):
            total += seen[:, stop - n_fresh - back : stop - back]
        return total / self.smoothing

    def _least(self, means: Array, n_fresh: int) -> Array:
        least = means[:, self.patience - 1 :]
        for back in range(1, self.patience):
            least = np.minimum(least, means[:, self.patience - 1 - back : means.shape[1] - back])
        return least

    def _found(self, state: DetectorState, first: int, stop: int) -> list[Detection]:
        """Return the events whose peak is one of the frames `first` to `stop`, counted from the recording's start."""
        offset = state.n_frames - state.scores.shape[1]  # frame number of the first remembered column
        low, high = max(first, 0) - offset, stop - offset
        rows, columns = np.nonzero(state.scores[:, max(low, 0) : max(high, 0)] >= self.rule.threshold)
        peaks = sorted((column + low, row) for row, column in zip(rows.tolist(), columns.tolist(), strict=True))
        return [self._event(state, row, at, offset) for at, row in peaks if self._highest(state.scores[row], at)]

    def _highest(self, scores: Array, at: int) -> bool:
        before, behind = scores[max(0, at - self.refractory) : at], scores[at + 1 : at + 1 + self.refractory]
        return bool((before < scores[at]).all() and (behind <= scores[at]).all())

    def _event(self, state: DetectorState, row: int, at: int, offset: int) -> Detection:
        columns = np.arange(max(0, at + 1 - self.support, -offset), at + 1)
        centres = self.times.first_seconds + (columns + offset) * self.times.shift_seconds
        onset, offset_back = state.distances[:, columns]
        if np.isnan(onset).any():
            start, end = centres[0], centres[-1]
        else:
            weights = state.posteriors[row, columns]
            start, end = weighted_median(centres - onset, weights), weighted_median(centres - offset_back, weights)
        decided = centres[-1] + self.refractory * self.times.shift_seconds
        start = max(0.0, float(start))
        score = float(state.scores[row, at])
        return Detection(self.keywords[row], start, max(start, float(end)), score, float(decided))


def detect(
    posteriors: ArrayLike, distances: ArrayLike | None, rule: EventRule, keywords: Sequence[str], times: FrameTimes
) -> list[Detection]:
    """Return the events of a whole recording, in order of their peaks.

    Shape: posteriors [K, T], distances [2, T]: seconds from each frame back to the onset and to the offset.
    """
    detector = Detector(rule, keywords, times)
    found, state = detector.step(posteriors, distances, detector.start())
    return found + detector.finish(state)


def weighted_median(values: ArrayLike, weights: ArrayLike) -> float:
    """Return the least value up to which at least half of the weight lies.

    Shape: values [T], weights [T], not negative; without any weight all count alike.

    Raises:
        ValueError: no value.
    """
    numbers, shares = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not numbers.size:
        raise ValueError("a median needs at least one value, got none.")
    order = np.argsort(numbers, kind="stable")
    total = np.cumsum(shares[order] if shares.any() else np.ones(len(numbers)))
    return float(numbers[order][np.searchsorted(total, total[-1] / 2)])
