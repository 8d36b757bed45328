"""Counts of what a recogniser got right and wrong, and how sure the rates made of them are.

Counts come first and add up over a set; the rate comes last. So a mean of per-utterance rates cannot be
written by accident.
"""

from __future__ import annotations

from speechcnn.metrics.boundaries import BoundaryErrors, boundary_errors
from speechcnn.metrics.confusions import Confusion, ConfusionTable, confusions
from speechcnn.metrics.conventions import AS_WRITTEN, CONVENTIONS, Convention, convention, expected_tokens
from speechcnn.metrics.errors import ErrorCounts, align, count
from speechcnn.metrics.frames import FrameCounts, count_frames
from speechcnn.metrics.intervals import Comparison, Interval, bootstrap_interval, paired_bootstrap
from speechcnn.metrics.scoring import Score, ScoreError, compare, score

__all__ = [
    "AS_WRITTEN",
    "CONVENTIONS",
    "BoundaryErrors",
    "Comparison",
    "Confusion",
    "ConfusionTable",
    "Convention",
    "ErrorCounts",
    "FrameCounts",
    "Interval",
    "Score",
    "ScoreError",
    "align",
    "bootstrap_interval",
    "boundary_errors",
    "compare",
    "confusions",
    "convention",
    "count",
    "count_frames",
    "expected_tokens",
    "paired_bootstrap",
    "score",
]
