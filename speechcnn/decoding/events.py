"""From probabilities of each frame to events with onset and offset, several classes at a time.

Each class is smoothed by a median, then switched on where its probability reaches the upper threshold and off where it
falls below the lower one (hysteresis): a stretch that stays above the lower threshold and somewhere reaches the upper
one is an event. Gaps too short to be silence are bridged first, then events too short to be any are dropped.

Source: the two thresholds and the two least durations are those of Bredin et al. (2020), "pyannote.audio".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechcnn.events import Event

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EventSettings:
    """When probabilities of frames make an event.

    Raises:
        ValueError: thresholds in the wrong order or outside 0..1, negative durations.
    """

    onset_threshold: float = 0.5  # probability that an event reaches somewhere
    offset_threshold: float = 0.3  # probability below which it ends
    median_seconds: float = 0.1  # over which probabilities are smoothed; 0: not at all
    shortest_seconds: float = 0.1  # of an event
    bridged_seconds: float = 0.15  # gaps below it are part of the event around them

    def __post_init__(self) -> None:
        if not 0 < self.offset_threshold <= self.onset_threshold <= 1:
            raise ValueError(
                "thresholds must be above 0 and at most 1, the offset's not above the onset's; "
                f"got {self.onset_threshold} (onset), {self.offset_threshold} (offset)."
            )
        for name in ("median_seconds", "shortest_seconds", "bridged_seconds"):
            if not 0 <= getattr(self, name) <= 60:
                raise ValueError(f"{name} must be from 0 to 60; got {getattr(self, name)}.")


def decode_events(
    probabilities: ArrayLike,
    labels: Sequence[str],
    shift_seconds: float,
    first_centre_seconds: float = 0.0,
    settings: EventSettings | None = None,
    bands_hz: ArrayLike | None = None,
) -> list[Event]:
    """Return the events of one recording in order of their onsets.

    Frame t has its centre at `first_centre_seconds` + t * `shift_seconds` and stands for one shift around it. An
    event's score is its highest smoothed probability, its band the mean over its frames of `bands_hz`, each frame
    weighted with its probability.

    Shape: probabilities [T, K], bands_hz [T, K, 2] lowest and highest frequency, if given.

    Raises:
        ValueError: shapes that do not agree.
    """
    settings = settings or EventSettings()
    heard, bands = _checked(probabilities, labels, bands_hz)
    smooth = median(heard, round(settings.median_seconds / shift_seconds))
    found = []
    for k, label in enumerate(labels):
        for start, end in spans(smooth[:, k], settings, shift_seconds):
            onset = max(0.0, first_centre_seconds + (start - 0.5) * shift_seconds)
            offset = first_centre_seconds + (end - 0.5) * shift_seconds
            low, high = (None, None) if bands is None else _band(bands[start:end, k], smooth[start:end, k])
            score = float(smooth[start:end, k].max())
            found.append(Event(label, round(onset, 6), round(offset, 6), low, high, score))
    return sorted(found, key=lambda one: (one.onset, one.offset, one.label))


def _checked(probabilities: ArrayLike, labels: Sequence[str], bands_hz: ArrayLike | None) -> tuple[Array, Array | None]:
    heard = np.asarray(probabilities, dtype=np.float64)
    if heard.ndim != 2 or heard.shape[1] != len(labels):
        rule = f"probabilities must be [T, K] with one column for each of {len(labels)} labels"
        raise ValueError(f"{rule}, got {heard.shape}")
    bands = None if bands_hz is None else np.asarray(bands_hz, dtype=np.float64)
    if bands is not None and bands.shape != (*heard.shape, 2):
        raise ValueError(f"bands_hz must be {(*heard.shape, 2)}, two for each probability, got {bands.shape}")
    return heard, bands


def spans(probabilities: ArrayLike, settings: EventSettings, shift_seconds: float) -> list[tuple[int, int]]:
    """Return the stretches of frames [start, end) of one class's events.

    Shape: probabilities [T].
    """
    heard = np.asarray(probabilities, dtype=np.float64)
    active = runs(heard >= settings.offset_threshold)
    sure = [(a, b) for a, b in active if heard[a:b].max() >= settings.onset_threshold]
    whole: list[tuple[int, int]] = []
    for start, end in sure:
        if whole and (start - whole[-1][1]) * shift_seconds < settings.bridged_seconds:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return [(a, b) for a, b in whole if (b - a) * shift_seconds >= settings.shortest_seconds]


def runs(active: ArrayLike) -> list[tuple[int, int]]:
    """Return the stretches [start, end) of true values.

    >>> runs([False, True, True, False, True])
    [(1, 3), (4, 5)]
    """
    edges = np.diff(np.concatenate([[0], np.asarray(active, dtype=np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def median(values: ArrayLike, width: int) -> Array:
    """Return each column's running median over an odd number of frames, the next one if `width` is even; ends repeat.

    Shape: [T, K] -> [T, K].
    """
    rows = np.asarray(values, dtype=np.float64)
    reach = width // 2
    if reach == 0 or not len(rows):
        return rows
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0), axis=-1)


def _band(bands: Array, weights: Array) -> tuple[float, float] | tuple[None, None]:
    """The weighted mean band of an event; none where it is empty."""
    low, high = (float(value) for value in np.average(bands, axis=0, weights=weights))
    low = max(0.0, low)
    return (round(low, 1), round(high, 1)) if round(high, 1) > round(low, 1) else (None, None)
