"""The matched-pairs sentence-segment word error test (MAPSSWE) of two systems on the same utterances.

Errors of neighbouring tokens hang together, those of segments with correct tokens between them hardly do. So each
utterance is cut where at least two tokens in a row are correct in both systems; a segment is what lies between such
stretches and holds an error of either system. Over segments i, Z_i is the difference of the two systems' errors and
W = mean(Z) / (sd(Z) / sqrt(n)) is close to a standard normal variable if the systems are equally good. Sources:
Gillick and Cox (1989), Some statistical issues in the comparison of speech recognition algorithms, ICASSP; the two
tokens and the normal distribution are those of NIST's sc_stats.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from speechcnn.metrics.conventions import Convention
from speechcnn.metrics.errors import align
from speechcnn.metrics.scoring import Transcripts, matched

BOUNDARY = 2  # correct tokens in a row, in both systems, that end a segment


@dataclass(frozen=True)
class MatchedPairs:
    """Result of the test; `mean` is errors of the second system less the first's in a segment."""

    segments: int
    mean: float
    statistic: float  # W; below zero, the second system is better
    p_value: float  # two-sided, of equal systems


def matched_pairs(
    references: Transcripts, first: Transcripts, second: Transcripts, convention: str | Convention = "kaldi"
) -> MatchedPairs:
    """Compare two systems' hypotheses; the normal distribution asks for some dozens of segments.

    With fewer than two segments nothing can be tested: the statistic is 0 and the p-value 1. Where all differences
    are alike and not 0, the statistic is infinite.

    Raises:
        ScoreError: the three do not hold the same utterances.
        ValueError: a label that does not fit the convention.
    """
    left, right = matched(references, first, convention), matched(references, second, convention)
    found = [one for name, pair in left.items() for one in segments(*pair, right[name][1])]
    return _tested([b - a for a, b in found])


def segments(reference: Sequence[str], first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Errors of the first and of the second system in each segment of an utterance.

    >>> segments("a b c d e f".split(), "a x c d e f".split(), "a b c d e".split())
    [(1, 0), (0, 1)]
    """
    found: list[tuple[int, int]] = []
    errors, correct = (0, 0), 0
    for place, (left, right) in enumerate(zip(_errors(reference, first), _errors(reference, second), strict=True)):
        if left or right:
            errors, correct = (errors[0] + left, errors[1] + right), 0
        elif place % 2:
            correct += 1
        if correct == BOUNDARY and any(errors):
            found.append(errors)
            errors = (0, 0)
    return [*found, errors] if any(errors) else found


def _tested(differences: Sequence[int]) -> MatchedPairs:
    """W and its two-sided p-value for the segments' differences."""
    n, total = len(differences), sum(differences)
    if n < 2 or not any(differences):
        return MatchedPairs(n, float(total), 0.0, 1.0)
    deviation = statistics.stdev(differences)
    statistic = total / (deviation * math.sqrt(n)) if deviation else math.copysign(math.inf, total)
    return MatchedPairs(n, total / n, statistic, math.erfc(abs(statistic) / math.sqrt(2)))


def _errors(reference: Sequence[str], hypothesis: Sequence[str]) -> list[int]:
    """Errors by place: insertions before each token at even places, whether the token is wrong at odd places."""
    places = [0] * (2 * len(reference) + 1)
    token = 0
    for pair in align(reference, hypothesis):
        if pair[0] is None:
            places[2 * token] += 1
        else:
            places[2 * token + 1] = int(pair[0] != pair[1])
            token += 1
    return places
