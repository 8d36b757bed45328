"""Tables of error rates: by convention, by group, by label, and of two systems."""

from __future__ import annotations

from collections.abc import Mapping

from speechcnn.metrics import CONVENTIONS, ConfusionTable, ErrorCounts, Interval, PairedTests, Score
from speechcnn.report.tables import Table

COUNTS = ("tokens", "S", "D", "I")


def conventions_table(scores: Mapping[str, Score], note: str = "", title: str = "Error rates by convention") -> Table:
    """One row a convention, with what it means."""
    rows = [
        (
            name,
            percent(one.rate),
            interval_text(one.interval),
            *_counts(one.counts),
            CONVENTIONS[name].description if name in CONVENTIONS else "labels compared as they are written",
        )
        for name, one in scores.items()
    ]
    return Table(title, ("convention", "error %", "95 % interval", *COUNTS, "what it means"), rows, note)


def comparison_table(
    first: Mapping[str, Score], second: Mapping[str, Score], tests: Mapping[str, PairedTests]
) -> Table:
    """One row a convention: both rates, their difference and two tests of it."""
    rows = [
        (
            name,
            percent(first[name].rate),
            percent(second[name].rate),
            f"{100 * one.bootstrap.difference:+.2f}",
            interval_text(one.bootstrap.interval, "+.2f"),
            p_text(one.bootstrap.p_value),
            str(one.segments.segments),
            f"{one.segments.statistic:+.2f}",
            p_text(one.segments.p_value),
        )
        for name, one in tests.items()
    ]
    tested = ("difference", "95 % interval", "p bootstrap", "segments", "W", "p MAPSSWE")
    return Table("Second system against the first", ("convention", "first %", "second %", *tested), rows)


def groups_table(kind: str, scores: Mapping[str, Score], second: Mapping[str, Score] | None = None) -> Table:
    """One row a group of utterances, a single one without interval; with a second system also its rate."""
    other = ("second %",) if second else ()
    rows = [
        (
            group,
            str(len(one.per_utterance)),
            percent(one.rate),
            interval_text(one.interval) if len(one.per_utterance) > 1 else "-",
            *_counts(one.counts),
            *((percent(second[group].rate),) if second else ()),
        )
        for group, one in scores.items()
    ]
    return Table(f"By {kind}", (kind, "utterances", "error %", "95 % interval", *COUNTS, *other), rows)


def labels_table(table: ConfusionTable) -> Table:
    """One row a label: how many are correct, what became of the others."""
    rows = []
    for label, counts in table.per_label().items():
        correct = percent(counts.hits / counts.reference) if counts.reference else "-"
        most = table.taken_for(label)
        rows.append((label, correct, *_counts(counts), f"{most.hypothesis} ({most.count})" if most else "-"))
    return Table("By phone", ("phone", "correct %", *COUNTS, "most often taken for"), rows)


def confusions_table(table: ConfusionTable, n: int = 20) -> Table:
    """The `n` most frequent errors."""
    rows = [(one.reference or "(inserted)", one.hypothesis or "(deleted)", str(one.count)) for one in table.top(n)]
    return Table("Most frequent errors", ("reference", "hypothesis", "times"), rows)


def utterances_table(score: Score) -> Table:
    """One row an utterance, in the order of the references."""
    rows = [(name, percent(one.rate), *_counts(one)) for name, one in score.per_utterance.items()]
    return Table("By utterance", ("utterance", "error %", *COUNTS), rows)


def percent(share: float) -> str:
    """A rate in per cent with two decimals."""
    return f"{100 * share:.2f}"


def p_text(p_value: float) -> str:
    """A p-value with four decimals; one that would round to 0 as less than the smallest shown."""
    return f"{p_value:.4f}" if p_value >= 0.00005 else "<0.0001"


def interval_text(interval: Interval, form: str = ".2f") -> str:
    """The bounds of an interval in per cent."""
    return f"{100 * interval.low:{form}} to {100 * interval.high:{form}}"


def _counts(counts: ErrorCounts) -> tuple[str, ...]:
    return tuple(map(str, (counts.reference, counts.substitutions, counts.deletions, counts.insertions)))
