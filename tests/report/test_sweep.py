from __future__ import annotations

import numpy as np
import pytest

from speechcnn.report import RatePoint, figure_png, sweep_figure

POINTS = [
    RatePoint("P = 1:3", [1, 2, 3], 0.2, (0.15, 0.25), [0.19, 0.21], 0.193),
    RatePoint("P = 6", 6, 0.3, (0.25, 0.35)),
    RatePoint("DNN", None, 0.4, (0.3, 0.5)),
    RatePoint("P = 6 + dropout", 6, 0.28, (0.2, 0.33), dropout=True),
]


def test_rows_stand_by_pool_size_and_dropout_beside_its_row() -> None:
    (axis,) = sweep_figure(POINTS).axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["DNN", "P = 6", "P = 1:3"]
    means = {round(100 * point.rate): None for point in POINTS}
    drawn = [container.lines[0].get_xydata()[0] for container in axis.containers]
    assert {round(y) for _, y in drawn} == set(means)
    places = {round(y): x for x, y in drawn}
    assert places[40] < places[30] < places[28] < places[20]
    assert round(places[30]) == round(places[28]) == 1


def test_whiskers_end_at_the_interval() -> None:
    (axis,) = sweep_figure(POINTS[:1]).axes
    (whisker,) = axis.containers[0].lines[2]
    np.testing.assert_allclose(whisker.get_segments()[0][:, 1], [15, 25])


def test_a_picture_comes_out_and_nothing_is_refused() -> None:
    assert figure_png(sweep_figure(POINTS, "a < b & $c")).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one point"):
        sweep_figure([])
