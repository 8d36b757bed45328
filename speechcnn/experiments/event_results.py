"""What a localisation experiment leaves in its folder: figures, tables of events, a picture, a page, the model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechcnn import transcripts
from speechcnn.event_finder import EventFinder
from speechcnn.events import Event
from speechcnn.experiments.event_data import Item, references
from speechcnn.metrics.events import EventScores
from speechcnn.metrics.events.scoring import HEADLINE
from speechcnn.models import count_parameters
from speechcnn.report import Picture, Table, curves_figure, figure_png, write_report
from speechcnn.report.events import events_figure
from speechcnn.training.position import EpochRecord

MODEL_FILE = "events.speechcnn"


@dataclass(frozen=True)
class Outcome:
    """All that an experiment found."""

    test: Sequence[Item]
    found: Mapping[str, Sequence[Event]]
    scores: EventScores
    tuned: Mapping[str, float]  # F1 on dev, and the settings that gave it
    history: Sequence[EpochRecord]
    seconds: float  # the whole run, or what was left of it when it went on
    search_seconds: float  # network and decoding of the test scenes, features not counted


def write_results(folder: Path, finder: EventFinder, settings: dict[str, Any], outcome: Outcome) -> str:
    """Write everything and return the summary."""
    measured = figures(finder, outcome)
    (folder / "references.tsv").write_text(transcripts.write_dcase(references(outcome.test)))
    (folder / "found.tsv").write_text(transcripts.write_dcase(outcome.found))
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n")
    finder.card["measured"] = measured
    finder.save(folder / MODEL_FILE)
    shown = max(outcome.test, key=lambda item: len(item.events))
    scene = events_figure(
        shown.features[0, : finder.features.n_bands].numpy(),
        shown.events,
        outcome.found[shown.name],
        finder.features.shift_seconds,
        finder.features.first_centre_seconds,
        (finder.features.low_hz, finder.features.high_hz),
        shown.name,
    )
    (folder / "scene.png").write_bytes(figure_png(scene))
    curves = curves_figure(
        [{"train_loss": r.train_loss, "dev_loss": r.dev_loss, "dev_accuracy": r.dev_accuracy} for r in outcome.history]
    )
    pictures = [Picture(f"The test scene of most events, {shown.name}", scene, wide=True), Picture("Learning", curves)]
    page = write_report(
        folder / "report.html",
        "Finding events",
        headline(measured),
        [class_table(outcome.scores)],
        pictures,
        json.dumps(settings, indent=1),
    )
    return summary(measured, folder, page)


def figures(finder: EventFinder, outcome: Outcome) -> dict[str, Any]:
    """Return every measured figure as plain data."""
    counts = outcome.scores.counts[HEADLINE].micro
    return {
        **outcome.scores.figures(),
        "headline": HEADLINE,
        "counts": asdict(counts),
        "precision": counts.precision,
        "recall": counts.recall,
        "dev": dict(outcome.tuned),
        "parameters": count_parameters(finder.model),
        "test_recordings": len(outcome.test),
        "seconds": round(outcome.seconds, 1),
        "search_seconds": round(outcome.search_seconds, 3),
        "history": [asdict(record) for record in outcome.history],
    }


def headline(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the large figures of the page."""
    f1 = {name: own["micro"] for name, own in measured["f1"].items()}
    return [
        ("F1, 200 ms collar", share(f1[HEADLINE]), f"dev {share(measured['dev']['f1'])}"),
        ("F1, boxes overlap by half", share(f1["iou"]), "time and frequency"),
        ("F1, segments of 1 s", share(f1["segment"]), "all classes"),
        ("Mean average precision", share(measured["mean_average_precision"]), "boxes, IoU 0.5"),
    ]


def class_table(scores: EventScores) -> Table:
    """Return the scores of each class, and of all."""
    collar = scores.counts[HEADLINE]
    rows = [
        (
            label,
            str(own.reference),
            str(own.hits),
            str(own.invented),
            share(own.f1),
            share(scores.counts["iou"][label].f1),
            share(scores.counts["segment"][label].f1),
            share(scores.average_precision.get(label, float("nan"))),
        )
        for label, own in collar.by_class.items()
    ]
    micro = collar.micro
    rest = (share(scores.counts["iou"].micro.f1), share(scores.counts["segment"].micro.f1))
    rows.append(
        ("all", str(micro.reference), str(micro.hits), str(micro.invented), share(micro.f1), *rest,
         share(scores.mean_average_precision))
    )  # fmt: skip
    header = ("class", "true", "hits", "invented", "F1", "F1 IoU", "F1 segments", "AP")
    note = "Hits and F1: onset within 200 ms, offset within 200 ms or 20 % of the length. All: counts summed, mean AP."
    return Table("Events by class", header, rows, note)


def summary(measured: Mapping[str, Any], folder: Path, page: Path) -> str:
    """Return the lines that a run ends with."""
    f1, counts, seconds = measured["f1"], measured["counts"], int(measured["seconds"])
    lines = [
        f"event F1        {share(f1[HEADLINE]['micro'])} (200 ms collar; macro {share(f1[HEADLINE]['macro'])})",
        f"events          {counts['hits']} hits, {counts['missed']} missed, {counts['invented']} invented",
        f"other counts    boxes {share(f1['iou']['micro'])}, onsets {share(f1['onset']['micro'])}, "
        f"segments {share(f1['segment']['micro'])}, mean AP {share(measured['mean_average_precision'])}",
        f"dev             {share(measured['dev']['f1'])} with {told(measured['dev'])}",
        f"parameters      {measured['parameters']:,}",
        f"wall time       {seconds // 60} min {seconds % 60} s",
        f"model           {folder / MODEL_FILE}",
        f"report          {page}",
    ]
    return "\n".join(lines)


def told(tuned: Mapping[str, float]) -> str:
    """Return the settings that were chosen on dev, as text."""
    return ", ".join(f"{name} {value:g}" for name, value in tuned.items() if name != "f1")


def share(value: float) -> str:
    """Return a share with three decimals; a dash where there is none."""
    return "–" if value != value else f"{value:.3f}"  # NaN alone differs from itself
