"""The table of a pooling experiment: for the terminal, as Markdown, as CSV, as a plot of PER over P, and as a page."""

from __future__ import annotations

import csv
import inspect
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechcnn.corpora import Corpus
from speechcnn.experiments.phone_results import HEADLINE
from speechcnn.experiments.pooling_figures import (
    PUBLISHED,
    RESAMPLES,
    RowFigures,
    against_above,
    best_of,
    compared,
    gather,
)
from speechcnn.experiments.pooling_report import write_page
from speechcnn.experiments.pooling_runs import Run
from speechcnn.experiments.token_note import token_note
from speechcnn.metrics import CONVENTIONS, PairedTests, bootstrap_interval
from speechcnn.models import MODELS
from speechcnn.models.cnn_dnn import DEFAULT_SHIFTS
from speechcnn.report import RatePoint, Table, figure_png, sweep_figure
from speechcnn.report.scores import interval_text, p_text, percent
from speechcnn.report.tables import as_markdown, as_text

TESTED = ("difference", "95 % interval", "p bootstrap", "p MAPSSWE")


def write_results(
    folder: Path, settings: Mapping[str, Any], runs: Sequence[Run], corpus: Corpus, seconds: float
) -> str:
    """Write the table in every form and return it as text."""
    rows = gather(runs, corpus.test)
    above = against_above(rows)
    tables = [main_table(rows, above, notes(rows, settings, corpus)), best_table(rows)]
    figure = sweep_figure([rate_point(row) for row in rows], "Phone error rate over the pool size P")
    (folder / "table.md").write_text("\n".join(map(as_markdown, tables)))
    (folder / "table.csv").write_text(as_csv(rows, above))
    (folder / "per_over_p.png").write_bytes(figure_png(figure))
    page = write_page(folder / "report.html", rows, corpus, tables, figure)
    text = "\n".join(map(as_text, tables))
    return f"{text}\nwall time  {seconds / 60:.1f} min for what was not done yet\nreport     {page}"


def main_table(rows: Sequence[RowFigures], above: Mapping[str, PairedTests], note: str) -> Table:
    """One line a row of the lecture's table."""
    header = ("row", "PER %", "sd", "95 % interval", *TESTED, "dev %", "parameters", "epochs", "seconds", "published %")
    return Table("Pooling table", header, [main_line(row, above.get(row.row)) for row in rows], note)


def main_line(row: RowFigures, tests: PairedTests | None) -> tuple[str, ...]:
    """Return the cells of a row."""
    published = PUBLISHED.get(row.row)
    return (
        row.title,
        percent(row.mean),
        "-" if row.deviation is None else percent(row.deviation),
        interval_text(row.interval),
        *tested(tests),
        percent(row.dev_rate),
        f"{row.parameters / 1e6:.2f} M",
        str(row.epochs),
        f"{row.training_seconds:.0f}",
        "-" if published is None else f"{published:.1f}",
    )


def tested(tests: PairedTests | None) -> tuple[str, ...]:
    """Return the cells of a comparison."""
    if tests is None:
        return ("-",) * len(TESTED)
    bootstrap = tests.bootstrap
    return (
        f"{100 * bootstrap.difference:+.2f}",
        interval_text(bootstrap.interval, "+.2f"),
        p_text(bootstrap.p_value),
        p_text(tests.segments.p_value),
    )


def best_table(rows: Sequence[RowFigures]) -> Table:
    """The row with the lowest error rate, tested against each of the others."""
    best = best_of(rows)
    lines = [(row.title, percent(row.mean), *tested(compared(row, best))) for row in rows if row is not best]
    title = f"The best row, {best.title}, against each of the others"
    return Table(title, ("row", "PER %", *TESTED), lines, "Below zero, the best row makes fewer errors.")


def notes(rows: Sequence[RowFigures], settings: Mapping[str, Any], corpus: Corpus) -> str:
    """Say how to read the figures and which of the possible readings ran."""
    seeds = ", ".join(str(run.seed) for run in rows[0].runs)
    tokens = {
        name: sum(len(rule(labels)) for labels in rows[0].references.values()) for name, rule in CONVENTIONS.items()
    }
    told = [
        f"PER under {HEADLINE} of {len(rows[0].references)} test utterances: mean and sd over seeds {seeds}; interval: "
        f"bootstrap ({RESAMPLES} draws) over speakers, then utterances, of the counts summed over seeds; tests against "
        "the row above, paired (MAPSSWE takes seeds as independent).",
        reading(rows),
        f"All rows learn the states aligned by one {settings['aligner']} run (seed {rows[0].runs[0].seed}), and are "
        "trained alike but for the epochs shown; decoder weights tuned on dev.",
        f"Split: {corpus.split_rule}.",
        token_note(rows[0].references, rows[0].speakers.values(), tokens) + ".",
        *corpus.notes,
        "Published: TIMIT core test, Deng, Abdel-Hamid and Yu (2013).",
    ]
    return " ".join(told)


def reading(rows: Sequence[RowFigures]) -> str:
    """Name the readings of the paper that ran."""
    pooling = [row.model for row in rows if "pool" in row.model]
    if not pooling:
        return "No row pools."
    several = next((model for model in pooling if not isinstance(model["pool"], int)), pooling[0])
    assignment, sharing = (several.get(key, default_of(several["name"], key)) for key in ("assignment", "sharing"))
    shift = several.get("pool_shift") or DEFAULT_SHIFTS[sharing]
    return (
        f"Reading that ran: pool sizes by {assignment}, pooling shift {shift} (1 where P = 1), {sharing} weight "
        "sharing along frequency."
    )


def default_of(network: str, key: str) -> Any:
    """Return the value that a network has where none is given."""
    return inspect.signature(MODELS[network]).parameters[key].default


def rate_point(row: RowFigures) -> RatePoint:
    """Return what the plot shows of a row."""
    pool, published = row.model.get("pool"), PUBLISHED.get(row.row)
    interval = row.interval
    return RatePoint(
        row.title,
        pool,
        row.mean,
        (interval.low, interval.high),
        row.rates,
        None if published is None else published / 100,
        bool(row.model.get("dropout")),
    )


def as_csv(rows: Sequence[RowFigures], above: Mapping[str, PairedTests]) -> str:
    """Return the figures with all their digits, one line a row and seed, then one a row."""
    stream = io.StringIO()
    header = ("row", "seed", "per", "sd", "low", "high", "difference", "p_bootstrap", "p_mapsswe", "dev", "parameters",
              "epochs", "training_seconds", "published")  # fmt: skip
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        for run, measured, rate, counts in zip(row.runs, row.measured, row.rates, row.by_seed, strict=True):
            one = bootstrap_interval(counts, row.speakers, resamples=RESAMPLES)
            spent = sum(epoch["seconds"] for epoch in measured["history"])
            epochs = len(measured["history"])
            writer.writerow([row.row, run.seed, rate, "", one.low, one.high, "", "", "", measured["dev"]["rate"],
                             row.parameters, epochs, spent, ""])  # fmt: skip
        tests = above.get(row.row)
        figures = (tests.bootstrap.difference, tests.bootstrap.p_value, tests.segments.p_value) if tests else ("",) * 3
        writer.writerow([row.row, "all", row.mean, row.deviation, row.interval.low, row.interval.high, *figures,
                         row.dev_rate, row.parameters, row.epochs, row.training_seconds,
                         PUBLISHED.get(row.row, "")])  # fmt: skip
    return stream.getvalue()
