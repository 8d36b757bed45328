"""Events of frames: hand-drawn curves, and a plain walk through the frames as second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter

from speechcnn.decoding.events import EventSettings, decode_events, median, runs, spans
from speechcnn.events import Event

PLAIN = EventSettings(0.5, 0.3, median_seconds=0, shortest_seconds=0, bridged_seconds=0)


def walked(curve: list[float], high: float, low: float) -> list[tuple[int, int]]:
    """Switch on and off frame by frame; an event begins where it was last below `low` before it reached `high`."""
    found, start, sure = [], None, False
    for t, value in enumerate([*curve, 0.0]):
        if value >= low and start is None:
            start = t
        sure = sure or (start is not None and value >= high)
        if value < low:
            if sure:
                found.append((start, t))
            start, sure = None, False
    return found


@pytest.mark.parametrize("seed", range(10))
def test_hysteresis_is_that_of_a_walk(seed):
    curve = np.random.default_rng(seed).random(60)
    assert spans(curve, PLAIN, 0.1) == walked(curve.tolist(), 0.5, 0.3)


def test_times_are_those_of_the_edges_of_frames():
    curve = np.zeros((20, 2))
    curve[5:9, 1] = 0.9
    (event,) = decode_events(curve, ["a", "b"], 0.01, first_centre_seconds=0.0125, settings=PLAIN)
    assert event == Event("b", 0.0575, 0.0975, score=0.9)


def test_what_starts_with_the_recording_starts_at_zero():
    (event,) = decode_events(np.ones((3, 1)), ["a"], 0.02, settings=PLAIN)
    assert (event.onset, event.offset) == (0.0, 0.05)


def test_short_gaps_are_bridged_and_short_events_dropped():
    curve = np.array([0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    settings = EventSettings(0.5, 0.3, 0, shortest_seconds=0.25, bridged_seconds=0.15)
    assert spans(curve, settings, 0.1) == [(1, 6), (13, 16)]


def test_a_stretch_that_is_never_sure_is_no_event_and_bridges_none():
    curve = [0.9, 0.0, 0.4, 0.0, 0.9]
    assert spans(curve, EventSettings(0.5, 0.3, 0, 0, 0.15), 0.1) == [(0, 1), (4, 5)]


@pytest.mark.parametrize("width", [1, 2, 3, 5, 9])
def test_the_running_median_is_that_of_scipy(rng, width):
    values = rng.random((30, 3))
    odd = 2 * (width // 2) + 1
    assert np.array_equal(median(values, width), median_filter(values, size=(odd, 1), mode="nearest"))


def test_classes_overlap_and_have_bands():
    curve = np.zeros((30, 2))
    curve[2:20, 0], curve[10:25, 1] = 0.8, 0.6
    bands = np.zeros((30, 2, 2))
    bands[:, 0], bands[:, 1] = (100.0, 900.0), (50.0, 20.0)
    first, second = decode_events(curve, ["a", "b"], 0.1, 0.05, PLAIN, bands)
    assert first == Event("a", 0.2, 2.0, 100.0, 900.0, 0.8)
    assert second == Event("b", 1.0, 2.5, score=0.6)  # a band that is no band is left out


def test_nothing_in_nothing_out():
    assert decode_events(np.zeros((0, 1)), ["a"], 0.01) == []
    assert decode_events(np.zeros((50, 1)), ["a"], 0.01) == []
    assert runs([]) == []


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one column for each of 2 labels"):
        decode_events(np.zeros((5, 3)), ["a", "b"], 0.01)
    with pytest.raises(ValueError, match=r"bands_hz must be \(5, 1, 2\)"):
        decode_events(np.zeros((5, 1)), ["a"], 0.01, bands_hz=np.zeros((5, 2)))
    with pytest.raises(ValueError, match="thresholds must"):
        EventSettings(0.3, 0.5)
    with pytest.raises(ValueError, match="bridged_seconds must be from 0 to 60"):
        EventSettings(bridged_seconds=-1)
