from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from speechcnn.metrics.classification import FoldCounts, class_confusions, count_correct, mean_and_sd


def test_counts_add_up_and_means_are_over_folds() -> None:
    folds = {"1": count_correct("abab", "abba"), "2": FoldCounts(3, 3)}
    assert folds["1"] == FoldCounts(2, 4)
    assert sum(folds.values(), FoldCounts()).accuracy == pytest.approx(5 / 7)
    assert mean_and_sd(folds) == pytest.approx((0.75, np.std([0.5, 1.0], ddof=1)))
    assert mean_and_sd({"1": FoldCounts(1, 2)}) == (0.5, 0.0)


def test_confusions_are_scikit_learns(rng: np.random.Generator) -> None:
    truth, found = (rng.choice(["a", "b", "c"], 50).tolist() for _ in range(2))
    table = class_confusions(truth, found, ["a", "b", "c"])
    assert (table.matrix[:-1, :-1] == confusion_matrix(truth, found)).all()
    assert table.matrix[-1].sum() == table.matrix[:, -1].sum() == 0


def test_a_class_outside_the_labels() -> None:
    with pytest.raises(ValueError, match="not among them: z"):
        class_confusions(["a"], ["z"], ["a"])
