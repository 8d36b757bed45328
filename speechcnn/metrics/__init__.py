"""Counts of what a recogniser got right and wrong, and how sure the rates made of them are.

Counts come first and add up over a set; the rate comes last. So a mean of per-utterance rates cannot be
written by accident.
"""

from __future__ import annotations

from speechcnn.metrics.boundaries import BoundaryErrors, boundary_errors
from speechcnn.metrics.confusions import Confusion, ConfusionTable, confusions
from speechcnn.metrics.conventions import AS_WRITTEN, CONVENTIONS, Convention, convention, expected_tokens
from speechcnn.metrics.detection import (
    DetectionCurve,
    OperatingPoint,
    Outcomes,
    Reference,
    choose_threshold,
    detection_curve,
    match,
    outcomes,
)
from speechcnn.metrics.errors import ErrorCounts, align, count
from speechcnn.metrics.evaluation import Evaluation, PairedTests, evaluate
from speechcnn.metrics.frames import FrameCounts, count_frames
from speechcnn.metrics.intervals import Comparison, Interval, bootstrap_interval, paired_bootstrap
from speechcnn.metrics.localisation import Localisation, localise
from speechcnn.metrics.matched_pairs import MatchedPairs, matched_pairs
from speechcnn.metrics.phone_sets import mapped, phone_set, read_phone_map
from speechcnn.metrics.rates import HourlyRate, Share
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
    "DetectionCurve",
    "ErrorCounts",
    "Evaluation",
    "FrameCounts",
    "HourlyRate",
    "Interval",
    "LabelError",
    "Localisation",
    "MatchedPairs",
    "OperatingPoint",
    "Outcomes",
    "PairedTests",
    "Reference",
    "Score",
    "ScoreError",
    "Share",
    "TokenCheck",
    "align",
    "bootstrap_interval",
    "boundary_errors",
    "breakdown",
    "check_tokens",
    "choose_threshold",
    "compare",
    "confusions",
    "convention",
    "count",
    "count_frames",
    "detection_curve",
    "evaluate",
    "expected_tokens",
    "localise",
    "mapped",
    "match",
    "matched_pairs",
    "outcomes",
    "paired_bootstrap",
    "phone_set",
    "read_phone_map",
    "score",
]
