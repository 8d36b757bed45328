"""How far a rate would move with other speakers and other utterances: the bootstrap.

One resample draws as many speakers as there are, with replacement, and for each drawn speaker as many of his
utterances as he has, with replacement. Without speakers it draws utterances. Sources: Bisani and Ney (2004),
bootstrap estimates for confidence intervals in ASR (utterances, pairs); Davison and Hinkley (1997), Bootstrap
Methods and their Application, section 3.8 (two levels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speechcnn.metrics.errors import ErrorCounts

_BLOCK = 2_000_000  # draws held in memory at a time


@dataclass(frozen=True)
class Interval:
    """The values between which a rate falls in a share `level` of the resamples."""

    low: float
    high: float
    level: float = 0.95
    resamples: int = 1000


@dataclass(frozen=True)
class Comparison:
    """Rate of the second system less the first's on the same utterances: below zero, the second is better."""

    difference: float
    interval: Interval
    p_value: float  # two-sided, of no difference


def bootstrap_interval(
    counts: Mapping[str, ErrorCounts],
    speakers: Mapping[str, str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the rate of the summed counts; `counts` and `speakers` are by utterance id.

    Raises:
        ValueError: no utterance, one without a speaker, a level outside (0, 1), fewer than one resample.
    """
    totals = _resample(_errors_and_tokens(counts), _groups(counts, speakers), resamples, seed)
    return _interval(_rates(totals[:, 0], totals[:, 1]), level)


def paired_bootstrap(
    first: Mapping[str, ErrorCounts],
    second: Mapping[str, ErrorCounts],
    speakers: Mapping[str, str] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Difference of two systems' rates, both resampled with the same draws.

    The p-value is twice the smaller share of resamples on either side of zero, with one added to both counts,
    so that it is never 0.

    Raises:
        ValueError: the two do not hold the same utterances, or as in `bootstrap_interval`.
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        shown = ", ".join(odd[:10])
        raise ValueError(f"systems must hold the same utterances, {len(odd)} stand in one only: {shown}")
    in_order = {name: second[name] for name in first}
    values = np.hstack([_errors_and_tokens(first), _errors_and_tokens(in_order)])
    totals = _resample(values, _groups(first, speakers), resamples, seed)
    differences = _rates(totals[:, 2], totals[:, 3]) - _rates(totals[:, 0], totals[:, 1])
    difference = sum(second.values(), ErrorCounts()).rate - sum(first.values(), ErrorCounts()).rate
    return Comparison(difference, _interval(differences, level), _p_value(differences))


def _p_value(differences: np.ndarray) -> float:
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(differences) + 1))


def _errors_and_tokens(counts: Mapping[str, ErrorCounts]) -> np.ndarray:
    if not counts:
        raise ValueError("a bootstrap needs at least one utterance, got none")
    return np.array([(one.errors, one.reference) for one in counts.values()], dtype=np.int64)


def _groups(counts: Mapping[str, ErrorCounts], speakers: Mapping[str, str] | None) -> list[list[int]]:
    if speakers is None:
        return [[row] for row in range(len(counts))]
    lost = sorted(counts.keys() - speakers.keys())
    if lost:
        raise ValueError(f"every utterance needs a speaker, {len(lost)} have none: {', '.join(lost[:10])}")
    groups: dict[str, list[int]] = {}
    for row, utterance in enumerate(counts):
        groups.setdefault(speakers[utterance], []).append(row)
    return list(groups.values())


def _resample(values: np.ndarray, groups: list[list[int]], resamples: int, seed: int) -> np.ndarray:
    """Column sums of `values` [utterances, columns] in each resample: [resamples, columns]."""
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(values))
    sizes = [min(block, resamples - done) for done in range(0, resamples, block)]
    return np.concatenate([_resample_block(values, groups, size, rng) for size in sizes])


def _resample_block(
    values: np.ndarray, groups: list[list[int]], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    # A speaker drawn c times gives c * n draws among his n utterances: how often each comes: a multinomial.
    times = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=resamples)
    totals = np.zeros((resamples, values.shape[1]), dtype=np.int64)
    for size in sorted({len(group) for group in groups}):
        members = [number for number, group in enumerate(groups) if len(group) == size]
        rows = np.array([groups[number] for number in members])
        drawn = times[:, members]
        weights = drawn if size == 1 else rng.multinomial(drawn * size, np.full(size, 1 / size))
        totals += weights.reshape(resamples, -1) @ values[rows.reshape(-1)]
    return totals


def _rates(errors: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Errors per token with the rule of `ErrorCounts.rate` where a resample holds no token."""
    empty = np.where(errors > 0, np.inf, 0.0)
    return np.divide(errors, tokens, out=empty, where=tokens > 0)


def _interval(samples: np.ndarray, level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    # Order statistics, not interpolated: a resample without tokens may be infinite.
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(float(low), float(high), level, len(samples))
