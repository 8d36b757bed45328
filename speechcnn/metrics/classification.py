"""Accuracy by fold, and which class is taken for which."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speechcnn.metrics.confusions import ConfusionTable


@dataclass(frozen=True)
class FoldCounts:
    """Correct clips of a fold; counts add up over folds, the rate comes last."""

    correct: int = 0
    total: int = 0

    def __add__(self, other: FoldCounts) -> FoldCounts:
        return FoldCounts(self.correct + other.correct, self.total + other.total)

    @property
    def accuracy(self) -> float:
        """Share of correct clips; 0 for none."""
        return self.correct / self.total if self.total else 0.0


def count_correct(truth: Sequence[str], predicted: Sequence[str]) -> FoldCounts:
    """Count the clips whose class was found.

    Raises:
        ValueError: other numbers of clips.
    """
    return FoldCounts(sum(a == b for a, b in zip(truth, predicted, strict=True)), len(truth))


def mean_and_sd(folds: Mapping[str, FoldCounts]) -> tuple[float, float]:
    """Mean of the folds' accuracies and their standard deviation (n - 1); 0 for one fold.

    Raises:
        ValueError: no fold.
    """
    values = [one.accuracy for one in folds.values()]
    if not values:
        raise ValueError("a mean over folds needs at least one fold, got none")
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def class_confusions(truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> ConfusionTable:
    """Table of true classes (rows) and found classes (columns); nothing is inserted or deleted.

    Raises:
        ValueError: other numbers of clips, or a class outside `labels`.
    """
    place = {name: number for number, name in enumerate(labels)}
    unlisted = sorted({*truth, *predicted} - place.keys())
    if unlisted:
        raise ValueError(f"labels must hold every class met, these are not among them: {', '.join(unlisted)}")
    matrix = np.zeros((len(place) + 1, len(place) + 1), dtype=np.int64)
    for true, found in zip(truth, predicted, strict=True):
        matrix[place[true], place[found]] += 1
    return ConfusionTable(tuple(labels), matrix)
