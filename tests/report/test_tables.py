from __future__ import annotations

import math

from speechcnn.metrics import AS_WRITTEN, CONVENTIONS, Comparison, Interval, MatchedPairs, PairedTests, evaluate
from speechcnn.report.scores import (
    comparison_table,
    confusions_table,
    conventions_table,
    groups_table,
    labels_table,
    utterances_table,
)
from speechcnn.report.tables import Table, as_markdown, as_text

REFERENCES = {"u1": ["sil", "s", "iy", "s", "sil"], "u2": ["sil", "z", "n"], "u3": []}
HYPOTHESES = {"u1": ["sil", "z", "iy", "z", "sil"], "u2": ["sil", "z", "sil"], "u3": ["aa"]}
GROUPS = {"sex": {"u1": "f", "u2": "f", "u3": "m"}}
FOUND = evaluate(REFERENCES, HYPOTHESES, [CONVENTIONS["kaldi"], AS_WRITTEN], groups=GROUPS)


def test_columns_stand_under_one_another_and_numbers_flush_right():
    table = Table("T", ("name", "%", "n"), [("a", "9.50", "1"), ("long name", "10.00", "-")], note="as counted")
    assert as_text(table).splitlines() == [
        "T",
        "name           %  n",
        "a           9.50  1",
        "long name  10.00  -",
        "as counted",
    ]


def test_markdown_has_one_line_a_row_and_its_note():
    table = Table("T", ("name", "n"), [("a|b", "1")], note="as counted")
    assert as_markdown(table).splitlines() == [
        "## T",
        "",
        "| name | n |",
        "|---|--:|",
        "| a\\|b | 1 |",
        "",
        "as counted",
    ]


def test_rates_by_convention():
    kaldi, written = conventions_table(FOUND.scores, "a note").rows
    assert kaldi[0:2] == ("kaldi", "50.00")
    assert kaldi[3:7] == ("8", "3", "0", "1")
    assert kaldi[7] == CONVENTIONS["kaldi"].description
    assert written[0] == "as written"


def test_groups_show_an_interval_only_of_several_utterances():
    women, men = groups_table("sex", FOUND.groups["sex"]).rows
    assert women[:3] == ("f", "2", "37.50")
    assert " to " in women[3]
    assert men == ("m", "1", "inf", "-", "0", "0", "0", "1")
    assert [row[-1] for row in groups_table("sex", FOUND.groups["sex"], FOUND.groups["sex"]).rows] == ["37.50", "inf"]


def test_labels_say_what_became_of_them():
    rows = {row[0]: row[1:] for row in labels_table(FOUND.confusions).rows}
    assert rows["s"] == ("0.00", "2", "2", "0", "0", "z (2)")
    assert rows["aa"] == ("-", "0", "0", "0", "1", "-")
    assert rows["sil"] == ("100.00", "3", "0", "0", "0", "-")


def test_frequent_errors_and_utterances():
    assert confusions_table(FOUND.confusions, 2).rows == [("s", "z", "2"), ("n", "sil", "1")]
    assert ("(inserted)", "aa", "1") in confusions_table(FOUND.confusions).rows
    assert utterances_table(FOUND.headline).rows[1] == ("u2", "33.33", "3", "1", "0", "0")


def test_comparison_shows_signs_and_both_tests():
    tests = PairedTests(Comparison(-0.0125, Interval(-0.02, 0.001), 0.04), MatchedPairs(90, -0.3, -math.inf, 0.0))
    (row,) = comparison_table(FOUND.scores, FOUND.scores, {"kaldi": tests}).rows
    assert row == ("kaldi", "50.00", "50.00", "-1.25", "-2.00 to +0.10", "0.0400", "90", "-inf", "<0.0001")
