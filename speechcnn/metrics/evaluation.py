"""All figures of one set of hypotheses: every convention, groups of utterances, confusions; and of two sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from speechcnn.metrics.confusions import ConfusionTable, confusions
from speechcnn.metrics.conventions import CONVENTIONS, Convention
from speechcnn.metrics.intervals import Comparison
from speechcnn.metrics.matched_pairs import MatchedPairs
from speechcnn.metrics.scoring import Score, Transcripts, breakdown, score


@dataclass(frozen=True)
class Evaluation:
    """Scores by convention; the first convention is the headline, under which all the rest is counted."""

    scores: dict[str, Score]
    groups: dict[str, dict[str, Score]]  # by kind of group (dialect, sex ...), then by group
    confusions: ConfusionTable

    @property
    def headline(self) -> Score:
        """The score under the first convention."""
        return next(iter(self.scores.values()))


@dataclass(frozen=True)
class PairedTests:
    """Two tests of two systems under one convention; below zero, the second system is better."""

    bootstrap: Comparison
    segments: MatchedPairs


def evaluate(
    references: Transcripts,
    hypotheses: Transcripts,
    conventions: Iterable[Convention] = tuple(CONVENTIONS.values()),
    speakers: Mapping[str, str] | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score hypotheses under every convention; `groups` holds, by kind, the group of each utterance.

    Raises:
        ScoreError: the two do not hold the same utterances.
        ValueError: as in `score` and `breakdown`.
    """
    rules = tuple(conventions)
    if not rules:
        raise ValueError("an evaluation needs at least one convention, got none")
    draws = {"resamples": resamples, "seed": seed}
    scores = {rule.name: score(references, hypotheses, rule, speakers, **draws) for rule in rules}
    whole = scores[rules[0].name]
    parts = {kind: breakdown(whole, member, speakers, **draws) for kind, member in (groups or {}).items()}
    return Evaluation(scores, parts, confusions(references, hypotheses, rules[0]))
