"""How far probabilities can be believed, and the one number that mends most of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

COLDEST, HOTTEST = 0.05, 20.0  # temperatures
HALVINGS = 60  # of the interval of inverse temperatures


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, n_bins: int = 15) -> float:
    """Mean distance between how sure a model is and how often it is right, over bins of equal width.

    Shape: confidences [N] from 0 to 1, correct [N] (bool). Source: Guo et al. (2017), equation 3.

    Raises:
        ValueError: no prediction, other lengths, values that are no probabilities.
    """
    sure, right = np.asarray(confidences, float), np.asarray(correct, float)
    if sure.ndim != 1 or sure.shape != right.shape or not len(sure):
        raise ValueError(f"confidences and correct must be [N], N > 0, got {list(sure.shape)} and {list(right.shape)}")
    if not ((sure >= 0) & (sure <= 1 + 1e-9)).all():
        raise ValueError("confidences must be probabilities from 0 to 1")
    # A bin holds its upper edge, as in the source.
    bins = np.clip(np.ceil(sure * n_bins) - 1, 0, n_bins - 1).astype(int)
    gaps = np.bincount(bins, right - sure, n_bins)
    return float(np.abs(gaps).sum() / len(sure))


def fit_temperature(scores: ArrayLike, targets: ArrayLike, multi: bool = False) -> float:
    """Temperature by which to divide scores so that their probabilities fit the targets best (least cross-entropy).

    The cross-entropy is convex in the inverse temperature, so that its slope is followed to zero by halving.

    Shape: scores [N, K], targets [N, K], the share of each class. Source: Guo et al. (2017), section 4.2.

    Args:
        scores: what the network gives before softmax, or before sigmoid where `multi`.
        targets: shares that sum to 1 in each row, or any from 0 to 1 where `multi`.
        multi: whether each class is decided for itself.

    Raises:
        ValueError: shapes that differ, or nothing to fit to.
    """
    z, t = np.asarray(scores, float), np.asarray(targets, float)
    if z.ndim != 2 or z.shape != t.shape or not z.size:
        raise ValueError(f"scores and targets must be [N, K], N > 0, got {list(z.shape)} and {list(t.shape)}")
    slope = _sigmoid_slope if multi else _softmax_slope
    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(z, t, math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def softmax(scores: ArrayLike) -> NDArray[np.float64]:
    """Probabilities that sum to 1 over the last axis."""
    z = np.asarray(scores, float)
    shares = np.exp(z - z.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def sigmoid(scores: ArrayLike) -> NDArray[np.float64]:
    """Probability of each class for itself."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(scores, float)))


def _softmax_slope(z: NDArray[np.float64], t: NDArray[np.float64], inverse: float) -> float:
    return float(((softmax(inverse * z) - t) * z).sum())


def _sigmoid_slope(z: NDArray[np.float64], t: NDArray[np.float64], inverse: float) -> float:
    return float(((sigmoid(inverse * z) - t) * z).sum())
