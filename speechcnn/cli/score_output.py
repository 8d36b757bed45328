"""How `speechcnn score` prints: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

from speechcnn.cli.scoring import Scored
from speechcnn.metrics import Confusion, ErrorCounts, Evaluation, PairedTests, Score
from speechcnn.report import scores as tables
from speechcnn.report.tables import Table, as_markdown, as_text

SIGNIFICANT = 0.05
COUNTS = ("tokens", "hits", "substitutions", "deletions", "insertions")
COLUMNS = ("system", "table", "name", "convention", "utterances", *COUNTS, "rate", "low", "high", "p_value")


def render(scored: Scored, form: str, top: int = 20, utterances: bool = False) -> str:
    """The result as ``text``, ``markdown``, ``json`` or ``csv``; `top` and `utterances` concern the first two."""
    if form == "json":
        return json.dumps(as_data(scored), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        return _csv(scored)
    shown = list(_tables(scored, top, utterances))
    if form == "markdown":
        head = ["# " + _title(scored), *(f"* {line}" for line in [*_verdict(scored), *scored.notes])]
        return "\n".join([head[0], "", *head[1:], "", *map(as_markdown, shown)])
    head = [_title(scored), *_verdict(scored), *(f"note: {note}" for note in scored.notes)]
    return "\n".join([*head, "", *map(as_text, shown)])


def as_data(scored: Scored) -> dict[str, Any]:
    """Everything as plain data for JSON."""
    return {
        "reference": str(scored.reference.path),
        "systems": [{"hypothesis": str(side.path), **_system_data(one)} for side, one in scored.systems],
        "tests": {name: _test_data(one) for name, one in scored.tests.items()},
        "notes": scored.notes,
    }


def _system_data(found: Evaluation) -> dict[str, Any]:
    errors = found.confusions.top(found.confusions.matrix.size)
    return {
        "headline": found.headline.convention,
        "per": {name: one.figures() for name, one in found.scores.items()},
        "groups": {
            kind: {group: one.figures() for group, one in parts.items()} for kind, parts in found.groups.items()
        },
        "phones": {label: vars(counts) for label, counts in found.confusions.per_label().items()},
        "confusions": [vars(one) for one in errors],
        "utterances": {name: vars(one) for name, one in found.headline.per_utterance.items()},
    }


def _test_data(one: PairedTests) -> dict[str, Any]:
    paired, segments = one.bootstrap, one.segments
    bounds = (paired.difference, paired.interval.low, paired.interval.high, segments.statistic)
    difference, low, high, statistic = (value if math.isfinite(value) else None for value in bounds)
    return {
        "difference": difference,
        "bootstrap": {"interval": [low, high], "p_value": paired.p_value},
        "mapsswe": {"segments": segments.segments, "statistic": statistic, "p_value": segments.p_value},
    }


def _title(scored: Scored) -> str:
    names = " and ".join(str(side.path) for side, _ in scored.systems)
    size = len(scored.reference.labels)
    return f"{names} against {scored.reference.path}: {size} utterance{'s' * (size != 1)}"


def _verdict(scored: Scored) -> list[str]:
    """The comparison of two systems in a sentence, under the headline convention."""
    if not scored.tests:
        return []
    name, one = next(iter(scored.tests.items()))
    first, second = (str(side.path) for side, _ in scored.systems)
    points = 100 * one.bootstrap.difference
    ps = (one.bootstrap.p_value, one.segments.p_value)
    shown = [tables.p_text(p) for p in ps]
    told = {2: "significant at 5 % by both tests", 1: "significant at 5 % by one of two tests", 0: "not significant"}
    what = f"{abs(points):.2f} points {'better' if points < 0 else 'worse'} than" if points else "as good as"
    sentence = f"{second} is {what} {first} under {name}"
    return [f"{sentence}: {told[sum(p < SIGNIFICANT for p in ps)]} (p {shown[0]} by bootstrap, {shown[1]} by MAPSSWE)"]


def _tables(scored: Scored, top: int, utterances: bool) -> Iterator[Table]:
    first, *others = (found for _, found in scored.systems)
    second = others[0] if others else None
    for side, found in scored.systems:
        title = f"Error rates of {side.path}" if second else "Error rates by convention"
        yield tables.conventions_table(found.scores, title=title)
    if second:
        yield tables.comparison_table(first.scores, second.scores, scored.tests)
    for kind, parts in first.groups.items():
        yield tables.groups_table(kind, parts, second.groups[kind] if second else None)
    yield tables.labels_table(first.confusions)
    yield tables.confusions_table(first.confusions, top)
    if utterances:
        yield tables.utterances_table(first.headline)


def _csv(scored: Scored) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for side, found in scored.systems:
        writer.writerows({"system": str(side.path), **row} for row in _system_rows(found))
    for name, one in scored.tests.items():
        writer.writerows({"system": "second less first", "convention": name, **row} for row in _test_rows(one))
    return stream.getvalue()


def _system_rows(found: Evaluation) -> Iterator[dict[str, Any]]:
    for one in found.scores.values():
        yield {"table": "all", "name": "", **_score_row(one)}
    for kind, parts in found.groups.items():
        for group, one in parts.items():
            yield {"table": kind, "name": group, **_score_row(one)}
    convention = found.headline.convention
    for label, counts in found.confusions.per_label().items():
        yield {"table": "phone", "name": label, "convention": convention, **_counts_row(counts)}
    for pair in found.confusions.top(found.confusions.matrix.size):
        yield {"table": "confusion", "name": f"{pair.reference or '-'} > {pair.hypothesis or '-'}", **_pair_row(pair)}
    for name, counts in found.headline.per_utterance.items():
        yield {"table": "utterance", "name": name, "convention": convention, **_counts_row(counts)}


def _score_row(one: Score) -> dict[str, Any]:
    bounds = {"low": one.interval.low, "high": one.interval.high}
    return {"convention": one.convention, "utterances": len(one.per_utterance), **_counts_row(one.counts), **bounds}


def _counts_row(counts: ErrorCounts) -> dict[str, Any]:
    return {"tokens": counts.reference, **vars(counts), "rate": counts.rate}


def _pair_row(pair: Confusion) -> dict[str, int]:
    if pair.reference and pair.hypothesis:
        return {"substitutions": pair.count}
    return {"deletions" if pair.reference else "insertions": pair.count}


def _test_rows(one: PairedTests) -> list[dict[str, Any]]:
    paired, segments = one.bootstrap, one.segments
    interval = {"low": paired.interval.low, "high": paired.interval.high}
    return [
        {"table": "test", "name": "bootstrap", "rate": paired.difference, **interval, "p_value": paired.p_value},
        {"table": "test", "name": "mapsswe", "rate": paired.difference, "p_value": segments.p_value},
    ]
