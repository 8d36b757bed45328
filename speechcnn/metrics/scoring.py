"""Scores a set of hypotheses against its references under a named convention."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechcnn.metrics.conventions import Convention, convention
from speechcnn.metrics.errors import ErrorCounts, count
from speechcnn.metrics.intervals import Comparison, Interval, bootstrap_interval, paired_bootstrap

Transcripts = Mapping[str, Sequence[str]]  # utterance id -> labels


class ScoreError(ValueError):
    """References and hypotheses do not hold the same utterances; `missing` and `extra` hold all their ids."""

    def __init__(self, missing: Sequence[str] = (), extra: Sequence[str] = ()) -> None:
        self.missing, self.extra = tuple(missing), tuple(extra)
        faults = [("have no hypothesis", self.missing), ("have no reference", self.extra)]
        told = [f"{len(ids)} {what}: {_listed(ids)}" for what, ids in faults if ids]
        super().__init__(f"references and hypotheses must hold the same utterances; {'; '.join(told)}")


class LabelError(ValueError):
    """Labels that a convention does not take; the sentence lists them all, each with its first utterance."""


@dataclass(frozen=True)
class Score:
    """Error counts of a set under one convention."""

    convention: str
    per_utterance: dict[str, ErrorCounts]  # by utterance id, in the order of the references
    interval: Interval  # of the rate

    @property
    def counts(self) -> ErrorCounts:
        """Counts of the whole set."""
        return sum(self.per_utterance.values(), ErrorCounts())

    @property
    def rate(self) -> float:
        """Errors per reference token over the whole set."""
        return self.counts.rate

    def figures(self) -> dict[str, Any]:
        """Rate, interval and counts as plain data for JSON; what is infinite becomes None."""
        return {
            "rate": _finite(self.rate),
            "interval": [_finite(self.interval.low), _finite(self.interval.high)],
            "reference_tokens": self.counts.reference,
            **asdict(self.counts),
        }


def score(
    references: Transcripts,
    hypotheses: Transcripts,
    convention: str | Convention = "kaldi",
    speakers: Mapping[str, str] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Score:
    """Count the errors of every utterance under a convention, with a 95 % interval of the set's rate.

    `speakers` (utterance id -> speaker) makes the interval one over speakers and utterances. `AS_WRITTEN` as
    convention scores words or any other labels.

    Raises:
        ScoreError: an utterance without a hypothesis or without a reference; all are listed.
        ValueError: no utterance, an unknown convention, a label that does not fit it.
    """
    pairs = matched(references, hypotheses, convention)
    per_utterance = {name: count(*pair) for name, pair in pairs.items()}
    interval = bootstrap_interval(per_utterance, speakers, resamples=resamples, seed=seed)
    return Score(_convention(convention).name, per_utterance, interval)


def compare(
    first: Score,
    second: Score,
    speakers: Mapping[str, str] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap of two scores of the same utterances: the second's rate less the first's.

    Raises:
        ValueError: the scores were made under different conventions or hold different utterances.
    """
    if first.convention != second.convention:
        raise ValueError(f"scores must share a convention, got {first.convention} and {second.convention}")
    return paired_bootstrap(first.per_utterance, second.per_utterance, speakers, resamples=resamples, seed=seed)


def breakdown(
    whole: Score,
    groups: Mapping[str, str],
    speakers: Mapping[str, str] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Score]:
    """Score of each group of utterances, by name of the group in order; `groups` is by utterance id.

    Raises:
        ValueError: an utterance without a group or without a speaker.
    """
    lost = [name for name in whole.per_utterance if name not in groups]
    if lost:
        raise ValueError(f"every utterance needs a group, {len(lost)} have none: {_listed(lost)}")
    members: dict[str, dict[str, ErrorCounts]] = {group: {} for group in sorted(set(groups.values()))}
    for name, counts in whole.per_utterance.items():
        members[groups[name]][name] = counts
    return {
        group: Score(whole.convention, own, bootstrap_interval(own, speakers, resamples=resamples, seed=seed))
        for group, own in members.items()
        if own
    }


def matched(
    references: Transcripts, hypotheses: Transcripts, convention: str | Convention
) -> dict[str, tuple[list[str], list[str]]]:
    """Reference and hypothesis of every utterance under a convention, in the order of the references.

    Raises:
        ScoreError: the two do not hold the same utterances.
        LabelError: labels unknown to the convention.
    """
    missing = [name for name in references if name not in hypotheses]
    extra = [name for name in hypotheses if name not in references]
    if missing or extra:
        raise ScoreError(missing, extra)
    rule = _convention(convention)
    faults = [*_unfit(rule, references, "reference"), *_unfit(rule, hypotheses, "hypothesis")]
    if faults:
        told = "\n".join(faults)
        raise LabelError(f"labels must fit convention {rule.name}, these do not:\n{told}")
    return {name: (rule(labels), rule(hypotheses[name])) for name, labels in references.items()}


def _unfit(rule: Convention, transcripts: Transcripts, side: str) -> list[str]:
    """A sentence for each label that the convention does not take."""
    first: dict[str, str] = {}
    for name, labels in transcripts.items():
        for label in labels:
            first.setdefault(label, name)
    faults = []
    for label, name in first.items():
        try:
            rule([label])
        except ValueError as error:
            faults.append(f"{side} of {name}: {error}")
    return faults


def _convention(given: str | Convention) -> Convention:
    return given if isinstance(given, Convention) else convention(given)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _listed(ids: Iterable[str], most: int = 20) -> str:
    names = list(ids)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
