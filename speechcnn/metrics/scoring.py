"""Scores a set of hypotheses against its references under a named convention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


def matched(
    references: Transcripts, hypotheses: Transcripts, convention: str | Convention
) -> dict[str, tuple[list[str], list[str]]]:
    """Reference and hypothesis of every utterance under a convention, in the order of the references.

    Raises:
        ScoreError: the two do not hold the same utterances.
        ValueError: a label unknown to the convention; the sentence names the utterance.
    """
    missing = [name for name in references if name not in hypotheses]
    extra = [name for name in hypotheses if name not in references]
    if missing or extra:
        raise ScoreError(missing, extra)
    rule = _convention(convention)
    left = _prepared(rule, references, "reference")
    right = _prepared(rule, hypotheses, "hypothesis")
    return {name: (labels, right[name]) for name, labels in left.items()}


def _prepared(rule: Convention, transcripts: Transcripts, side: str) -> dict[str, list[str]]:
    prepared = {}
    for name, labels in transcripts.items():
        try:
            prepared[name] = rule(labels)
        except ValueError as error:
            raise ValueError(f"{side} of {name} does not fit convention {rule.name}: {error}") from error
    return prepared


def _convention(given: str | Convention) -> Convention:
    return given if isinstance(given, Convention) else convention(given)


def _listed(ids: Iterable[str], most: int = 20) -> str:
    names = list(ids)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
