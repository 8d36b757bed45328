from __future__ import annotations

import numpy as np
import pytest

from speechcnn.metrics import HourlyRate, Outcomes, Share, detection_curve
from speechcnn.metrics.detection import OperatingPoint
from speechcnn.report import Sound, detection_figure, score_figure, write_report


def test_the_curve_shows_misses_over_alarms_per_hour() -> None:
    found = Outcomes((0.9, 0.7), (0.8, 0.6), 4, 2.0)
    chosen = OperatingPoint(0.7, Share(2, 4), HourlyRate(1, 2.0))
    axis = detection_figure({"synthetic": detection_curve(found)}, chosen).axes[0]
    line, point = axis.lines
    assert line.get_xdata().tolist() == [0.25, 0.25, 0.5, 0.5, 1.0]
    assert line.get_ydata().tolist() == [100.0, 75.0, 75.0, 50.0, 50.0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (0.5, 50.0)
    with pytest.raises(ValueError, match="at least one detection curve"):
        detection_figure({})


def test_the_score_is_drawn_in_seconds() -> None:
    figure = score_figure(np.array([[0.0, 0.5, 1.0]]), ["hello"], 0.02, 0.4, [(0.0, 0.03)])
    line, threshold = figure.axes[0].lines
    assert line.get_xdata().tolist() == [0.0, 0.02, 0.04]
    assert set(threshold.get_ydata()) == {0.4}


def test_sounds_are_played_from_the_page(tmp_path) -> None:
    sound = Sound("missed <here>", np.array([0.0, 1.0, -2.0], np.float32), 16000)
    page = write_report(tmp_path / "page.html", "Title", [], sounds=[sound]).read_text()
    assert "media-src data:" in page
    assert "missed &lt;here&gt;" in page
    assert 'src="data:audio/wav;base64,UklGR' in page
