"""The picture of a scene: what is drawn, and where."""

from __future__ import annotations

import math

import numpy as np
import pytest

from speechcnn.events import Event
from speechcnn.report.events import events_figure


def test_boxes_and_rows_stand_where_the_events_are() -> None:
    true, found = Event("bell", 0.5, 1.0, 500.0, 2000.0), Event("bell", 0.6, 1.1, 400.0, 1000.0, 0.9)
    figure = events_figure(
        np.random.default_rng(0).random((16, 100)), [true], [found, Event("siren", 1, 2)], 0.02, 0.0125, (20, 8000)
    )
    above, below = figure.axes
    (solid, dashed) = above.patches
    for patch, one in ((solid, true), (dashed, found)):
        assert (patch.get_x(), patch.get_width()) == pytest.approx((one.onset, one.duration))
        ends = [1127 * math.log1p(hertz / 700) for hertz in one.band]
        assert (patch.get_y(), patch.get_y() + patch.get_height()) == pytest.approx(ends)
    assert [label.get_text() for label in below.get_yticklabels()] == ["bell", "siren"]
    assert above.images[0].get_extent()[:2] == pytest.approx([0.0025, 2.0025])


def test_a_scene_without_events_or_frames() -> None:
    assert len(events_figure(np.zeros((4, 10)), [], [], 0.02, 0.0, (20, 8000)).axes) == 2
    with pytest.raises(ValueError, match=r"log_mel must be \[F, T\]"):
        events_figure(np.zeros((4, 0)), [], [], 0.02, 0.0, (20, 8000))
