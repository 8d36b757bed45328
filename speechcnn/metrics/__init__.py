"""Counts of what a recogniser got right and wrong, and how sure the rates made of them are.

Counts come first and add up over a set; the rate comes last. So a mean of per-utterance rates cannot be
written by accident.
"""

from __future__ import annotations

from speechcnn.metrics.boundaries import BoundaryErrors, boundary_errors
from speechcnn.metrics.confusions import Confusion, ConfusionTable, confusions
from speechcnn.metrics.conventions import AS_WRITTEN, CONVENTIONS, Convention, convention, expected_tokens
from speechcnn.metrics.errors import ErrorCounts, align, count
from speechcnn.metrics.evaluation import Evaluation, PairedTests, evaluate
from speechcnn.metrics.frames import FrameCounts, count_frames
from speechcnn.metrics.intervals import Comparison, Interval, bootstrap_interval, paired_bootstrap
from speechcnn.metrics.matched_pairs import MatchedPairs, matched_pairs
from speechcnn.metrics.phone_sets import mapped, phone_set, read_phone_map
from speechcnn.metrics.scoring import LabelError, Score, ScoreError, breakdown, compare, score
from speechcnn.metrics.token_check import TokenCheck, check_tokens

__all__ = [
    "AS_WRITTEN",
    "CONVENTIONS",
    "BoundaryErrors",
    "Comparison",
    "Confusion",
    "ConfusionTable",
    "Convention",
    "ErrorCounts",
    "Evaluation",
    "FrameCounts",
    "Interval",
    "LabelError",
    "MatchedPairs",
    "PairedTests",
    "Score",
    "ScoreError",
    "TokenCheck",
    "align",
    "bootstrap_interval",
    "boundary_errors",
    "breakdown",
    "check_tokens",
    "compare",
    "confusions",
    "convention",
    "count",
    "count_frames",
    "evaluate",
    "expected_tokens",
    "mapped",
    "matched_pairs",
    "paired_bootstrap",
    "phone_set",
    "read_phone_map",
    "score",
]
