"""What a Speech Commands experiment leaves in its folder: figures, predictions, pictures, a page and the model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechcnn.classifier import AudioClassifier
from speechcnn.experiments.classify_results import (
    FoldResult,
    errors_table,
    history_figure,
    percent,
    write_predictions,
)
from speechcnn.metrics import ConfusionTable
from speechcnn.metrics.classification import class_confusions
from speechcnn.metrics.rates import Share
from speechcnn.report import Picture, Table, confusion_figure, figure_png, write_report

MODEL_FILE = "commands.speechcnn"


@dataclass(frozen=True)
class Outcome:
    """All that an experiment found."""

    labels: Sequence[str]  # in the order of the protocol
    notes: Sequence[str]
    train_clips: int
    parts: Sequence[FoldResult]  # tested, with the part's name as the fold
    model: AudioClassifier
    seconds: float


def share(result: FoldResult) -> Share:
    """Return the clips of a part that were named rightly, out of all."""
    return Share(result.counts.correct, result.counts.total)


def write_results(folder: Path, settings: Mapping[str, Any], outcome: Outcome) -> str:
    """Write everything and return the summary."""
    tables = {one.fold: class_confusions(one.truth, one.predicted, outcome.labels) for one in outcome.parts}
    measured = figures(outcome, tables)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n")
    write_predictions(folder / "predictions.csv", outcome.parts)
    pictures = drawn(outcome, tables)
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(figure_png(picture.figure))
    outcome.model.card_["measured"] = {f"{one.fold}_accuracy": share(one).rate for one in outcome.parts}
    outcome.model.card_["protocol"] = {"labels": list(outcome.labels), "notes": list(outcome.notes)}
    outcome.model.save(folder / MODEL_FILE)
    page = write_report(
        folder / "report.html",
        f"Speech Commands, {len(outcome.labels)} classes",
        cards(outcome),
        page_tables(outcome, tables),
        list(pictures.values()),
        json.dumps(settings, indent=1),
    )
    return summary(outcome, folder, page)


def figures(outcome: Outcome, tables: Mapping[str, ConfusionTable]) -> dict[str, Any]:
    """Return every measured figure as plain data."""
    return {
        "labels": list(outcome.labels),
        "notes": list(outcome.notes),
        "train_clips": outcome.train_clips,
        "parts": {one.fold: part_figures(one, tables[one.fold]) for one in outcome.parts},
        "temperature": outcome.model.network_.temperature,
        "history": [asdict(record) for record in outcome.model.history_],
        "train_seconds": round(outcome.parts[0].train_seconds, 1),
        "seconds": round(outcome.seconds, 1),
    }


def part_figures(result: FoldResult, table: ConfusionTable) -> dict[str, Any]:
    """Return the figures of one tested part; the interval is Wilson's of 95 %, as if all clips were independent."""
    found = share(result)
    return {
        "accuracy": found.rate,
        "interval": list(found.interval()),
        "correct": found.count,
        "clips": found.total,
        "by_class": {name: asdict(one) for name, one in by_class(table).items()},
        "test_seconds": round(result.test_seconds, 1),
    }


def by_class(table: ConfusionTable) -> dict[str, Share]:
    """Return the rightly named clips of each class, in the table's order."""
    counts = table.per_label()
    return {name: Share(one.hits, one.hits + one.substitutions) for name, one in counts.items()}


def drawn(outcome: Outcome, tables: Mapping[str, ConfusionTable]) -> dict[str, Picture]:
    """Draw the confusions of each part and the learning curves, by the names of their files."""
    pictures = {
        f"confusions-{part}": Picture(f"Classes (rows) of {part} and what they were taken for", confusion_figure(table))
        for part, table in tables.items()
    }
    if outcome.model.history_:
        pictures["curves"] = Picture("Learning curves", history_figure(outcome.model.history_))
    return pictures


def cards(outcome: Outcome) -> list[tuple[str, str, str]]:
    """Return the page's headline: the accuracy of each part, and of what it was learnt."""
    return [
        *((f"Accuracy, {one.fold}", percent(share(one).rate), evidence(share(one))) for one in reversed(outcome.parts)),
        ("Trained on", str(outcome.train_clips), f"clips, {len(outcome.labels)} classes"),
    ]


def evidence(found: Share) -> str:
    """Return the interval and the counts behind a share."""
    low, high = found.interval()
    return f"[{100 * low:.1f}, {100 * high:.1f}] 95 %, {found.count} of {found.total} clips"


def page_tables(outcome: Outcome, tables: Mapping[str, ConfusionTable]) -> list[Table]:
    """Return the page's tables: classes and errors of each part, and the protocol's notes."""
    found = []
    for part in reversed([one.fold for one in outcome.parts]):
        found += [classes_table(part, tables[part]), errors_table(tables[part], f"Most frequent errors of {part}")]
    return [*found, Table("Protocol", ("note",), [(note,) for note in outcome.notes])]


def classes_table(part: str, table: ConfusionTable) -> Table:
    """One row a class, in the protocol's order."""
    rows = []
    for name, found in by_class(table).items():
        other = table.taken_for(name)
        taken = f"{other.hypothesis} ({other.count})" if other else ""
        rows.append((name, percent(found.rate) if found.total else "-", str(found.count), str(found.total), taken))
    return Table(f"Classes of {part}", ("class", "accuracy", "correct", "clips", "most often taken for"), rows)


def summary(outcome: Outcome, folder: Path, page: Path) -> str:
    """Return the lines that a run ends with."""
    seconds = int(outcome.seconds)
    lines = [
        *(f"{one.fold:<15} {percent(share(one).rate)}  {evidence(share(one))}" for one in reversed(outcome.parts)),
        f"classes         {', '.join(outcome.labels)}",
        *(f"note            {note}" for note in outcome.notes),
        f"trained on      {outcome.train_clips} clips",
        f"wall time       {seconds // 60} min {seconds % 60} s",
        f"model           {folder / MODEL_FILE}",
        f"report          {page}",
    ]
    return "\n".join(lines)
