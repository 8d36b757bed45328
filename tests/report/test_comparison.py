from __future__ import annotations

import numpy as np
import pytest

from speechcnn.metrics import confusions
from speechcnn.report.comparison import changes_table, compared_curves, differences_table, phones_table

REFERENCES = {"u": ["aa", "t", "aa", "s"], "v": ["s", "t"]}
FIRST = {"u": ["iy", "t", "iy", "s"], "v": ["s"]}  # aa for iy twice, one t deleted
SECOND = {"u": ["aa", "t", "iy", "z"], "v": ["s", "t"]}  # aa for iy once, s for z once


def tables(labels: list[str] | None = None):
    labels = labels or ["aa", "iy", "s", "t", "z"]
    return [confusions(REFERENCES, found, "61", labels) for found in (FIRST, SECOND)]


def test_errors_lost_and_gained_are_counted() -> None:
    table = changes_table("change", *tables())
    # One error gained, two lost by one each: rows are filled where one side is shorter.
    assert list(table.rows) == [
        ("aa → iy", "2 → 1", "1", "s → z", "0 → 1", "1"),
        ("t → (deleted)", "1 → 0", "1", "", "", ""),
    ]


def test_equal_systems_change_nothing() -> None:
    first, _ = tables()
    assert list(changes_table("change", first, first).rows) == []
    assert list(phones_table("change", first, first).rows) == []


def test_phones_with_the_largest_change_come_first() -> None:
    rows = phones_table("change", *tables()).rows
    assert {row[0]: row[1:] for row in rows} == {
        "aa": ("2", "0.0", "50.0", "+1"),
        "s": ("2", "100.0", "50.0", "-1"),
        "t": ("2", "50.0", "100.0", "+1"),
    }


def test_tables_over_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="same labels"):
        changes_table("change", tables()[0], tables(["aa", "iy", "s", "t", "z", "zh"])[1])


def test_only_differing_settings_are_shown() -> None:
    settings = {
        "DNN": {"model": {"name": "dnn"}, "training": {"epochs": 4}},
        "P = 6": {"model": {"name": "cnn_dnn", "pool": 6}, "training": {"epochs": 4}},
    }
    table = differences_table("settings", settings)
    assert table.header == ("row", "model.name", "model.pool")
    assert list(table.rows) == [("DNN", "dnn", "-"), ("P = 6", "cnn_dnn", "6")]


def test_curves_lie_over_each_other_by_epoch() -> None:
    histories = {"a": [{"loss": 2.0}, {"loss": 1.0}], "b": [{"loss": 3.0}]}
    (axis,) = compared_curves(histories, {"loss": "nats"}).axes
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    np.testing.assert_array_equal(axis.lines[0].get_xydata(), [[1, 2.0], [2, 1.0]])
    with pytest.raises(ValueError, match="at least one history"):
        compared_curves({}, {"loss": "nats"})
