"""What a classification experiment leaves in its folder: figures, predictions, pictures, a page and the model file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from speechcnn.classifier import AudioClassifier
from speechcnn.corpora.clips import Clip, ClipSet
from speechcnn.corpora.leaks import LeakReport
from speechcnn.metrics import ConfusionTable
from speechcnn.metrics.calibration import expected_calibration_error
from speechcnn.metrics.classification import FoldCounts, class_confusions, count_correct, mean_and_sd
from speechcnn.report import Picture, Table, confusion_figure, curves_figure, figure_png, write_report
from speechcnn.training.position import EpochRecord

MODEL_FILE = "classify.speechcnn"


@dataclass(frozen=True)
class FoldResult:
    """What was found on one fold by a classifier that had not heard it.

    Shape: probabilities [n, K].
    """

    fold: str
    clips: Sequence[Clip]
    classes: Sequence[str]
    probabilities: NDArray[np.float64]
    history: Sequence[EpochRecord]
    temperature: float
    train_seconds: float
    test_seconds: float

    @property
    def predicted(self) -> list[str]:
        """The most probable class of each clip."""
        return [self.classes[k] for k in self.probabilities.argmax(1)]

    @property
    def truth(self) -> list[str]:
        """The class of each clip."""
        return [clip.label for clip in self.clips]

    @property
    def counts(self) -> FoldCounts:
        """Correct clips."""
        return count_correct(self.truth, self.predicted)


@dataclass(frozen=True)
class Outcome:
    """All that an experiment found."""

    corpus: ClipSet
    folds: Sequence[FoldResult]
    leaks: LeakReport | None
    model: AudioClassifier | None  # of all clips
    seconds: float


def write_results(folder: Path, settings: Mapping[str, Any], outcome: Outcome) -> str:
    """Write everything and return the summary."""
    measured = figures(outcome)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n")
    write_predictions(folder / "predictions.csv", outcome.folds)
    table = confusions(outcome)
    pictures = {
        "confusions": Picture("Classes (rows) and what they were taken for", confusion_figure(table)),
        **curves(outcome),
    }
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(figure_png(picture.figure))
    if outcome.model is not None:
        outcome.model.card_["measured"] = {
            key: measured[key] for key in ("accuracy", "accuracy_sd", "calibration_error")
        }
        outcome.model.save(folder / MODEL_FILE)
    page = write_page(folder, settings, measured, outcome, table, list(pictures.values()))
    return summary(measured, outcome, folder, page)


def figures(outcome: Outcome) -> dict[str, Any]:
    """Return every measured figure as plain data."""
    counts = {one.fold: one.counts for one in outcome.folds}
    mean, sd = mean_and_sd(counts)
    sure = np.concatenate([one.probabilities.max(1) for one in outcome.folds])
    right = [a == b for one in outcome.folds for a, b in zip(one.truth, one.predicted, strict=True)]
    leaks = outcome.leaks
    return {
        "accuracy": mean,
        "accuracy_sd": sd,
        "calibration_error": expected_calibration_error(sure, right),
        "folds": [
            {
                "fold": one.fold,
                "accuracy": one.counts.accuracy,
                "correct": one.counts.correct,
                "clips": one.counts.total,
                "temperature": one.temperature,
                "train_seconds": round(one.train_seconds, 1),
                "test_seconds": round(one.test_seconds, 1),
                "history": [asdict(record) for record in one.history],
            }
            for one in outcome.folds
        ],
        "layout": outcome.corpus.layout,
        "clips": len(outcome.corpus.clips),
        "classes": list(outcome.corpus.classes),
        "notes": list(outcome.corpus.notes),
        "shortcut": asdict(leaks.shortcut) if leaks and leaks.shortcut else None,
        "sources_parted": len(leaks.parted) if leaks else None,
        "pairs_alike": len(leaks.pairs) if leaks else None,
        "seconds": round(outcome.seconds, 1),
    }


def confusions(outcome: Outcome) -> ConfusionTable:
    """Return which class was taken for which, over all folds."""
    truth = [label for one in outcome.folds for label in one.truth]
    predicted = [label for one in outcome.folds for label in one.predicted]
    return class_confusions(truth, predicted, outcome.corpus.classes)


def curves(outcome: Outcome) -> dict[str, Picture]:
    """Draw the learning curves of each fold."""
    return {
        f"curves-{one.fold}": Picture(
            f"Learning curves of the classifier tested on fold {one.fold}",
            history_figure(one.history),
        )
        for one in outcome.folds
        if one.history
    }


def history_figure(history: Sequence[EpochRecord]) -> Figure:
    """Draw one classifier's losses and accuracy over its epochs."""
    return curves_figure(
        [
            {
                "epoch": record.epoch + 1,
                "train_loss": record.train_loss,
                "validation_loss": record.dev_loss,
                "validation_accuracy": record.dev_accuracy,
            }
            for record in history
        ]
    )


def write_predictions(path: Path, folds: Sequence[FoldResult]) -> None:
    """Write a line for each tested clip: its fold, class, most probable class and that one's probability."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "fold", "label", "predicted", "probability"])
        for one in folds:
            for clip, found, row in zip(one.clips, one.predicted, one.probabilities, strict=True):
                table.writerow([clip.path, one.fold, clip.label, found, f"{row.max():.4f}"])


def write_page(
    folder: Path,
    settings: Mapping[str, Any],
    measured: Mapping[str, Any],
    outcome: Outcome,
    table: ConfusionTable,
    pictures: Sequence[Picture],
) -> Path:
    """Write the report page."""
    n_folds = len(outcome.folds)
    cards = [
        ("Accuracy", percent(measured["accuracy"]), f"mean of {n_folds} folds, sd {percent(measured['accuracy_sd'])}"),
        (
            "Calibration error",
            percent(measured["calibration_error"]),
            "how far probabilities are from the shares right",
        ),
        ("Clips", str(measured["clips"]), f"{len(measured['classes'])} classes, {measured['layout']}"),
    ]
    if measured["shortcut"]:
        cards.append(("Shortcut score", percent(measured["shortcut"]["accuracy"]), "of a forest that does not listen"))
    tables = [folds_table(outcome), errors_table(table), *leaks_table(outcome)]
    return write_report(
        folder / "report.html", "Audio classification", cards, tables, pictures, json.dumps(settings, indent=1)
    )


def folds_table(outcome: Outcome) -> Table:
    """One row a fold."""
    rows = [
        (
            one.fold,
            percent(one.counts.accuracy),
            f"{one.counts.correct}",
            f"{one.counts.total}",
            f"{one.temperature:.2f}",
            f"{one.train_seconds:.0f}",
            f"{1000 * one.test_seconds / max(1, one.counts.total):.0f}",
        )
        for one in outcome.folds
    ]
    header = ("fold", "accuracy", "correct", "clips", "temperature", "s to train", "ms a clip")
    return Table("By fold", header, rows)


def errors_table(table: ConfusionTable, title: str = "Most frequent errors") -> Table:
    """The most frequent errors."""
    rows = [(one.reference or "", one.hypothesis or "", str(one.count)) for one in table.top(20)]
    return Table(title, ("class", "taken for", "times"), rows)


def leaks_table(outcome: Outcome) -> list[Table]:
    """What the leak audit found, if it was made."""
    if outcome.leaks is None:
        return []
    return [Table("Leak audit", ("finding",), [(line,) for line in outcome.leaks.lines()])]


def summary(measured: Mapping[str, Any], outcome: Outcome, folder: Path, page: Path) -> str:
    """Return the lines that a run ends with."""
    rows = [f"{one.fold}: {percent(one.counts.accuracy)}" for one in outcome.folds]
    shortcut = measured["shortcut"]
    lines = [
        f"accuracy        {percent(measured['accuracy'])}, sd {percent(measured['accuracy_sd'])} over "
        f"{len(rows)} folds",
        f"by fold         {', '.join(rows)}",
        f"calibration     {percent(measured['calibration_error'])} expected error of the probabilities",
        *([f"shortcut score  {percent(shortcut['accuracy'])} without listening"] if shortcut else []),
        *(f"note            {note}" for note in measured["notes"]),
        f"wall time       {int(measured['seconds']) // 60} min {int(measured['seconds']) % 60} s",
        *([f"model           {folder / MODEL_FILE}"] if outcome.model is not None else []),
        f"report          {page}",
    ]
    return "\n".join(lines)


def percent(share: float) -> str:
    """Return a share as per cent with one decimal."""
    return f"{100 * share:.1f} %"
