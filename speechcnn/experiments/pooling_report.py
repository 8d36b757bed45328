"""The page of a pooling table: the table, the plot, curves, what pooling gained and lost, the worst utterances."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from speechcnn import transcripts
from speechcnn.corpora import Corpus, Utterance
from speechcnn.decoding.hmm import phone_posteriors
from speechcnn.experiments.phone_results import HEADLINE, MODEL_FILE
from speechcnn.experiments.pooling_figures import RowFigures, best_of
from speechcnn.labels import Segment, timit_phones
from speechcnn.metrics import CONVENTIONS, ConfusionTable, ErrorCounts, confusions
from speechcnn.recognizer import PhoneRecognizer
from speechcnn.report import Picture, Table, utterance_figure, write_report
from speechcnn.report.comparison import changes_table, compared_curves, differences_table, phones_table
from speechcnn.training import machine

WORST = 3  # utterances shown
NOT_COMPARED = ("seed", "folder", "threads", "alignment", "init", "corpus")


def write_page(path: Path, rows: Sequence[RowFigures], corpus: Corpus, tables: Sequence[Table], figure: Figure) -> Path:
    """Write the report page."""
    first, best = rows[0], best_of(rows)
    labels = tuple(sorted(set(CONVENTIONS[HEADLINE](timit_phones().names))))
    found = {row.row: row_confusions(row, labels) for row in rows}
    pairs = list(pairwise(rows)) + ([(first, best)] if best not in rows[:2] else [])
    pictures = [
        Picture("Mean and 95 % interval; dashes are seeds.", figure),
        Picture("Dev curves of the first seed.", curves(rows)),
        *worst_pictures(best, corpus),
    ]
    changed = [table for left, right in pairs for table in changes(left, right, found)]
    settings = {row.title: {k: v for k, v in row.runs[0].settings.items() if k not in NOT_COMPARED} for row in rows}
    return write_report(
        path,
        "The pooling table",
        cards(rows, best),
        [*tables, differences_table("Settings that differ between rows", settings), *changed, environment()],
        pictures,
        json.dumps(best.runs[0].settings, indent=1),
    )


def cards(rows: Sequence[RowFigures], best: RowFigures) -> list[tuple[str, str, str]]:
    """Return what stands in large type."""
    first, low, high = rows[0], 100 * best.interval.low, 100 * best.interval.high
    fewer = 100 * (1 - best.mean / first.mean) if first.mean else 0.0
    return [
        ("Best row", f"{100 * best.mean:.1f} %", f"{best.title}, [{low:.1f}, {high:.1f}]"),
        ("First row", f"{100 * first.mean:.1f} %", first.title),
        ("Fewer errors", f"{fewer:.1f} %", "relative, best against first"),
        ("Seeds", str(len(first.runs)), f"{len(rows)} rows"),
    ]


def row_confusions(row: RowFigures, labels: Sequence[str]) -> ConfusionTable:
    """Return the confusions of all seeds together."""
    return confusions(row.pooled_references(), row.pooled_hypotheses(), HEADLINE, labels)


def changes(left: RowFigures, right: RowFigures, found: dict[str, ConfusionTable]) -> list[Table]:
    """Return what the right row does better and worse than the left one."""
    title = f"{left.title} → {right.title}"
    both = found[left.row], found[right.row]
    return [changes_table(f"{title}: confusions", *both), phones_table(f"{title}: phones", *both)]


def curves(rows: Sequence[RowFigures]) -> Figure:
    """Draw the dev curves of each row's first seed."""
    panels = {"dev_loss": "dev loss, nats a frame", "dev_accuracy": "dev frames right"}
    return compared_curves({row.title: row.measured[0]["history"] for row in rows}, panels)


def worst_pictures(row: RowFigures, corpus: Corpus) -> list[Picture]:
    """Draw the utterances with the most errors a token over all seeds, as the first seed heard them."""
    by_id = {one.id: one for one in corpus.test}
    order = sorted(row.pooled, key=lambda name: -row.pooled[name].rate)[:WORST]
    recognizer = PhoneRecognizer.load(row.runs[0].folder / MODEL_FILE)
    heard = transcripts.read_segments(row.runs[0].folder / "hypotheses.ctm")
    return [worst_picture(recognizer, by_id[name], heard.get(name, []), row.pooled[name]) for name in order]


def worst_picture(
    recognizer: PhoneRecognizer, utterance: Utterance, heard: Sequence[Segment], counts: ErrorCounts
) -> Picture:
    """Draw one utterance, with its sound."""
    features = recognizer.extract(utterance.path)
    figure = utterance_figure(
        features[0, : recognizer.features.n_bands].numpy(),
        phone_posteriors(recognizer.log_posteriors(features), recognizer.n_states).T,
        utterance.segments,
        heard,
        recognizer.labels,
        recognizer.features.shift_seconds,
        f"{utterance.id}: {utterance.text}",
        fold_to=39,
    )
    caption = f"Among the worst utterances of the best row: {utterance.id}, {100 * counts.rate:.0f} % over all seeds"
    return Picture(caption, figure, wide=True, sound=utterance.path)


def environment() -> Table:
    """Return what the figures were made with."""
    try:
        own = version("speechcnn")
    except PackageNotFoundError:
        own = "a checkout"
    facts = {"speechcnn": own, "Python": platform.python_version(), "system": platform.platform(), **machine.facts()}
    return Table("Environment", ("what", "value"), [(name, str(value)) for name, value in facts.items()])
