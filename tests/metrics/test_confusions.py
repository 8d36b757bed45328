from __future__ import annotations

import pytest

from speechcnn.labels import timit_phones
from speechcnn.metrics import AS_WRITTEN, Confusion, ErrorCounts, ScoreError, confusions, score


def _phones(text):
    return text.split()


REFERENCES = {"one": _phones("sil s iy s sil"), "two": _phones("sil z ih n aa iy")}
HYPOTHESES = {"one": _phones("sil z iy z sil"), "two": _phones("sil z ih aa iy sil")}


def test_hand_counted_table():
    table = confusions(REFERENCES, HYPOTHESES)
    assert table.labels == ("aa", "ih", "iy", "n", "s", "sil", "z")
    assert table.matrix.tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 2, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 2, 0],
        [0, 0, 0, 0, 0, 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 0, 0],
    ]


def test_most_frequent_errors_come_first():
    table = confusions(REFERENCES, HYPOTHESES)
    assert table.top(9) == [Confusion("s", "z", 2), Confusion("n", None, 1), Confusion(None, "sil", 1)]
    assert table.top(1) == [Confusion("s", "z", 2)]


def test_table_sums_to_the_counts_of_the_score(rng):
    names = timit_phones(61).names
    draws = [[rng.integers(61, size=rng.integers(1, 30)) for _ in range(30)] for _ in range(2)]
    sides = [{str(u): [names[i] for i in draw] for u, draw in enumerate(side)} for side in draws]
    assert confusions(*sides, "merged").counts == score(*sides, "merged").counts


def test_what_became_of_each_label():
    table = confusions(REFERENCES, HYPOTHESES)
    found = table.per_label()
    assert found["s"] == ErrorCounts(substitutions=2)
    assert found["n"] == ErrorCounts(deletions=1)
    assert found["sil"] == ErrorCounts(hits=3, insertions=1)
    assert sum(found.values(), ErrorCounts()) == table.counts
    assert table.taken_for("s") == Confusion("s", "z", 2)
    assert table.taken_for("n") is None
    mostly_right = confusions({"u": ["s", "s", "s"]}, {"u": ["s", "s", "z"]})
    assert mostly_right.taken_for("s") == Confusion("s", "z", 1)


def test_given_labels_fix_rows_and_columns():
    table = confusions(REFERENCES, HYPOTHESES, labels=timit_phones(39).names)
    assert table.matrix.shape == (40, 40)
    assert table.matrix[table.labels.index("s"), table.labels.index("z")] == 2


def test_shares_sum_to_one_in_rows_that_were_met():
    shares = confusions({"u": ["a", "a"]}, {"u": ["a", "b"]}, AS_WRITTEN).shares()
    assert shares.tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 0]]


def test_faults_are_told():
    with pytest.raises(ValueError, match=r"not among them: z"):
        confusions(REFERENCES, HYPOTHESES, labels=["aa", "sil", "s", "iy", "ih", "n"])
    with pytest.raises(ScoreError, match="1 have no hypothesis: two"):
        confusions(REFERENCES, {"one": []})
