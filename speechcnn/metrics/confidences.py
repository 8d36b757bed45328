"""How well confidences tell what is right: the area under the ROC curve, and a table of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Bin:
    """Things whose confidence lies within some limits: how sure one was of them on average, and how many were right."""

    count: int
    confidence: float
    correct: float


@dataclass(frozen=True)
class Calibration:
    """What confidences are worth."""

    auc: float  # probability that one that is right has the higher confidence than one that is wrong
    error: float  # mean distance of confidence and share of the right over the bins, weighted by their counts
    bins: tuple[Bin, ...]


def calibration(confidences: ArrayLike, correct: ArrayLike, n_bins: int = 10) -> Calibration:
    """Measure confidences from 0 to 1 by what was right; the bins are equally wide, empty ones are left out.

    The error is the expected calibration error (Naeini, Cooper and Hauskrecht, 2015).

    Shape: [N] each.

    Raises:
        ValueError: other shapes, confidences outside 0 to 1, or nothing that is right or nothing that is wrong.
    """
    sure, right = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=bool)
    if sure.ndim != 1 or sure.shape != right.shape:
        raise ValueError(f"confidences and correct must both be [N], got {list(sure.shape)} and {list(right.shape)}")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("confidences must lie between 0 and 1")
    if right.all() or not right.any():
        raise ValueError(f"some must be right and some wrong, got {right.sum()} right of {len(right)}")
    bins = _bins(sure, right, n_bins)
    error = sum(one.count * abs(one.confidence - one.correct) for one in bins) / len(sure)
    return Calibration(_auc(sure, right), error, bins)


def _bins(sure: np.ndarray, right: np.ndarray, n_bins: int) -> tuple[Bin, ...]:
    numbers = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    members: Sequence[np.ndarray] = [numbers == number for number in range(n_bins)]
    return tuple(Bin(int(own.sum()), float(sure[own].mean()), float(right[own].mean())) for own in members if own.any())


def _auc(sure: np.ndarray, right: np.ndarray) -> float:
    """The rank sum of what is right (Mann and Whitney, 1947), ties counting half."""
    _, numbers, counts = np.unique(sure, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[numbers]
    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    return float((ranks[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))
