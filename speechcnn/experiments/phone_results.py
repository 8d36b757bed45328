"""What a phone experiment leaves in its folder: figures, transcripts, pictures, a page and the model file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from speechcnn import transcripts
from speechcnn.corpora import Corpus, Fault
from speechcnn.decoding.hmm import Tuned, frame_labels
from speechcnn.experiments.phone_data import Item
from speechcnn.labels import Segment
from speechcnn.metrics import CONVENTIONS, Evaluation, FrameCounts, Score, count_frames, evaluate
from speechcnn.models import count_parameters
from speechcnn.recognizer import PhoneRecognizer
from speechcnn.recognizer.phone_search import phone_posteriors
from speechcnn.report import Picture, Table, confusion_figure, curves_figure, figure_png, utterance_figure, write_report
from speechcnn.report.scores import confusions_table, conventions_table
from speechcnn.training.position import EpochRecord, SkippedStep

HEADLINE = next(iter(CONVENTIONS))  # the one that `evaluate` takes
MODEL_FILE = "phones.speechcnn"


@dataclass(frozen=True)
class Outcome:
    """All that an experiment found."""

    corpus: Corpus
    test: Sequence[Item]
    scores: Sequence[np.ndarray]  # log posteriors of each test utterance, [T, K]
    hypotheses: Sequence[Sequence[Segment]]
    history: Sequence[EpochRecord]
    tuned: Tuned
    seconds: float  # the whole run, or what was left of it when it went on
    bad_files: Sequence[Fault] = ()  # left out of all sets
    skipped: Sequence[SkippedStep] = ()  # of training


def write_results(folder: Path, recognizer: PhoneRecognizer, settings: dict[str, Any], outcome: Outcome) -> str:
    """Write everything and return the summary."""
    references = {item.utterance.id: list(item.utterance.labels) for item in outcome.test}
    found = dict(zip(references, outcome.hypotheses, strict=True))
    hypotheses = {name: [segment.label for segment in segments] for name, segments in found.items()}
    speakers = {item.utterance.id: item.utterance.speaker for item in outcome.test}
    evaluation = evaluate(references, hypotheses, speakers=speakers)
    frames = frame_accuracy(recognizer, outcome)
    measured = figures(recognizer, outcome, evaluation.scores, frames)

    (folder / "references.trn").write_text(transcripts.write_trn(references))
    (folder / "hypotheses.trn").write_text(transcripts.write_trn(hypotheses))
    (folder / "hypotheses.ctm").write_text(transcripts.write_ctm(found))
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n")
    recognizer.card["measured"] = measured
    recognizer.save(folder / MODEL_FILE)
    pictures = draw(recognizer, outcome, evaluation)
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(figure_png(picture.figure))
    page = write_page(folder, settings, measured, evaluation, list(pictures.values()), outcome)
    return summary(evaluation.headline, measured, folder, page)


def frame_accuracy(recognizer: PhoneRecognizer, outcome: Outcome) -> FrameCounts:
    """Count the test frames whose most probable phone is the labelled one."""
    total = FrameCounts()
    for item, scores in zip(outcome.test, outcome.scores, strict=True):
        wanted = frame_labels(item.utterance.segments, len(scores), recognizer.labels, *recognizer.frame_times)
        total += count_frames(phone_posteriors(scores, recognizer.n_states).argmax(-1), wanted)
    return total


def figures(
    recognizer: PhoneRecognizer, outcome: Outcome, scores: dict[str, Score], frames: FrameCounts
) -> dict[str, Any]:
    """Return every measured figure as plain data."""
    return {
        "per": {name: one.figures() for name, one in scores.items()},
        "headline": HEADLINE,
        "frame_accuracy": frames.accuracy,
        "dev": asdict(outcome.tuned),
        "parameters": count_parameters(recognizer.model),
        "utterances": {name: len(getattr(outcome.corpus, name)) for name in ("train", "dev", "test")},
        "speakers": {
            name: len({one.speaker for one in getattr(outcome.corpus, name)}) for name in ("train", "dev", "test")
        },
        "split_rule": outcome.corpus.split_rule,
        "notes": list(outcome.corpus.notes),
        "bad_files": [
            {"path": str(fault.path), "line": fault.line, "cause": fault.what} for fault in outcome.bad_files
        ],
        "skipped_steps": [asdict(step) for step in outcome.skipped],
        "seconds": round(outcome.seconds, 1),
        "history": [asdict(record) for record in outcome.history],
    }


def draw(recognizer: PhoneRecognizer, outcome: Outcome, evaluation: Evaluation) -> dict[str, Picture]:
    """Draw the median test utterance by length, the confusions and the learning curves."""
    middle = int(np.argsort([len(scores) for scores in outcome.scores])[len(outcome.scores) // 2])
    item, scores = outcome.test[middle], outcome.scores[middle]
    shown: Figure = utterance_figure(
        item.features[0, : recognizer.features.n_bands].numpy(),
        phone_posteriors(scores, recognizer.n_states).T,
        item.utterance.segments,
        outcome.hypotheses[middle],
        recognizer.labels,
        recognizer.features.shift_seconds,
        f"{item.utterance.id}: {item.utterance.text}",
        fold_to=39,
    )
    rounds = [{"epoch": i, **values} for i, values in enumerate(map(curve_point, outcome.history), 1)]
    return {
        "utterance": Picture(f"The test utterance of median length, {item.utterance.id}", shown, wide=True),
        "confusions": Picture(f"Confusions under {HEADLINE}", confusion_figure(evaluation.confusions)),
        "curves": Picture("Learning curves", curves_figure(rounds)),
    }


def curve_point(record: EpochRecord) -> dict[str, float]:
    """Return what is drawn of an epoch."""
    return {
        "train_loss": record.train_loss,
        "dev_loss": record.dev_loss,
        "dev_accuracy": record.dev_accuracy,
    }


def write_page(
    folder: Path,
    settings: dict[str, Any],
    measured: dict[str, Any],
    evaluation: Evaluation,
    pictures: list[Picture],
    outcome: Outcome,
) -> Path:
    """Write the report page."""
    headline = measured["per"][HEADLINE]
    cards = [
        ("Phone error rate", percent(headline["rate"]), interval_words(headline)),
        ("Frame accuracy", percent(measured["frame_accuracy"]), "61 phones, test"),
        ("Dev error rate", percent(measured["dev"]["rate"]), "at the weights tuned there"),
        ("Parameters", f"{measured['parameters']:,}", settings["model"]["name"]),
    ]
    conventions = conventions_table(evaluation.scores, " ".join([outcome.corpus.split_rule, *outcome.corpus.notes]))
    errors = confusions_table(evaluation.confusions)
    return write_report(
        folder / "report.html",
        "Phone recognition",
        cards,
        [conventions, errors, *left_out(outcome)],
        pictures,
        json.dumps(settings, indent=1),
    )


def left_out(outcome: Outcome) -> list[Table]:
    """Return tables of the files that could not be used and of the steps that were skipped, where there are any."""
    files = [(str(fault.path), str(fault.line or ""), fault.what) for fault in outcome.bad_files]
    steps = [
        (str(step.epoch + 1), str(step.batch + 1), step.what, ", ".join(step.ids)) for step in outcome.skipped
    ]  # counted from 1, as the progress bar does
    found = [
        Table("Files left out", ("file", "line", "cause"), files),
        Table("Training steps skipped: not finite", ("epoch", "batch", "in its", "utterances"), steps),
    ]
    return [table for table in found if table.rows]


def summary(headline: Score, measured: dict[str, Any], folder: Path, page: Path) -> str:
    """Return the lines that a run ends with."""
    counts, one = headline.counts, measured["per"][HEADLINE]
    dev = measured["dev"]
    lines = [
        f"PER ({HEADLINE})     {percent(one['rate'])}  {interval_words(one)}",
        f"errors          {counts.substitutions} substitutions, {counts.deletions} deletions, "
        f"{counts.insertions} insertions of {counts.reference} reference tokens",
        "other counts    "
        + ", ".join(f"{name} {percent(other['rate'])}" for name, other in measured["per"].items() if name != HEADLINE),
        f"frame accuracy  {percent(measured['frame_accuracy'])} (61 phones)",
        f"dev             {percent(dev['rate'])} at lm_scale {dev['lm_scale']:g}, penalty {dev['insertion_penalty']:g}",
        *(f"note            {note}" for note in measured["notes"]),
        *left_out_line(len(measured["bad_files"]), "bad files"),
        *left_out_line(len(measured["skipped_steps"]), "training steps that were not finite"),
        f"wall time       {int(measured['seconds']) // 60} min {int(measured['seconds']) % 60} s",
        f"model           {folder / MODEL_FILE}",
        f"report          {page}",
    ]
    return "\n".join(lines)


def left_out_line(number: int, things: str) -> list[str]:
    """Return a line of the summary for things that should not have been, none when there are none."""
    return [f"left out        {number} {things}; report.html lists them"] if number else []


def percent(share: float) -> str:
    """Return a share as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def interval_words(one: dict[str, Any]) -> str:
    """Return the interval of a rate in words."""
    low, high = one["interval"]
    return f"[{100 * low:.1f}, {100 * high:.1f}] 95 % over speakers and utterances"
