"""What the runs of a table found, row by row: counts over seeds, intervals, and tests of one row against another."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from speechcnn import transcripts
from speechcnn.corpora import Utterance
from speechcnn.experiments.phone_results import HEADLINE
from speechcnn.experiments.pooling_runs import Run
from speechcnn.metrics import (
    ErrorCounts,
    Interval,
    PairedTests,
    bootstrap_interval,
    count,
    matched_pairs,
    paired_bootstrap,
)
from speechcnn.metrics.scoring import Transcripts, matched

RESAMPLES = 2000
# Phone error rates on the TIMIT core test, %, by row: the lecture's table, after Deng, Abdel-Hamid and Yu (2013).
PUBLISHED = {
    "dnn": 22.3,
    "p1": 21.8,
    "p12": 20.8,
    "p6": 20.4,
    "p6_dropout": 19.9,
    "p1_12": 19.3,
    "p1_12_dropout": 18.7,
}


@dataclass(frozen=True)
class RowFigures:
    """All that the runs of one row found."""

    row: str
    runs: Sequence[Run]
    measured: Sequence[Mapping[str, Any]]  # what each run wrote
    references: Transcripts
    hypotheses: Sequence[Transcripts]  # of each seed
    speakers: Mapping[str, str]  # by utterance

    @property
    def model(self) -> Mapping[str, Any]:
        """Settings of the network."""
        return self.runs[0].settings["model"]

    @property
    def title(self) -> str:
        """The row in the lecture's words."""
        pool, dropout = self.model.get("pool"), self.model.get("dropout", 0)
        sizes = f"P = {pool if isinstance(pool, int) else span_of(pool or [])}"
        return (sizes if "pool" in self.model else self.model["name"].upper()) + (" + dropout" if dropout else "")

    @cached_property
    def by_seed(self) -> list[dict[str, ErrorCounts]]:
        """Counts of each utterance, for each seed."""
        return [
            {name: count(*pair) for name, pair in matched(self.references, found, HEADLINE).items()}
            for found in self.hypotheses
        ]

    @cached_property
    def pooled(self) -> dict[str, ErrorCounts]:
        """Counts of each utterance, summed over seeds."""
        return {name: sum((own[name] for own in self.by_seed), ErrorCounts()) for name in self.references}

    @property
    def rates(self) -> list[float]:
        """Error rate with each seed."""
        return [sum(own.values(), ErrorCounts()).rate for own in self.by_seed]

    @property
    def mean(self) -> float:
        """Mean error rate over seeds; each has the same reference tokens, so it is the rate of the summed counts."""
        return statistics.mean(self.rates)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds, None for one seed."""
        return statistics.stdev(self.rates) if len(self.rates) > 1 else None

    @cached_property
    def interval(self) -> Interval:
        """95 % interval of the mean rate: bootstrap over speakers, then their utterances."""
        return bootstrap_interval(self.pooled, self.speakers, resamples=RESAMPLES)

    @property
    def dev_rate(self) -> float:
        """Mean error rate on dev, at the weights tuned there."""
        return statistics.mean(one["dev"]["rate"] for one in self.measured)

    @property
    def parameters(self) -> int:
        """Trained values of the network."""
        return int(self.measured[0]["parameters"])

    @property
    def epochs(self) -> int:
        """Epochs that the first seed trained."""
        return len(self.measured[0]["history"])

    @property
    def training_seconds(self) -> float:
        """Mean time of training over seeds, with the evaluation of dev after each epoch."""
        return statistics.mean(sum(epoch["seconds"] for epoch in one["history"]) for one in self.measured)

    def pooled_hypotheses(self) -> dict[str, Sequence[str]]:
        """Hypotheses of all seeds under names that differ."""
        return {f"{seed} {name}": found[name] for seed, found in enumerate(self.hypotheses) for name in found}

    def pooled_references(self) -> dict[str, Sequence[str]]:
        """References under the names of `pooled_hypotheses`."""
        return {f"{seed} {name}": self.references[name] for seed, found in enumerate(self.hypotheses) for name in found}


def span_of(sizes: Sequence[int]) -> str:
    """Return pool sizes in short.

    >>> span_of([1, 2, 3]), span_of([1, 6])
    ('1:3', '1, 6')
    """
    sizes = list(sizes)
    gapless = len(sizes) > 1 and sizes == list(range(sizes[0], sizes[-1] + 1))
    return f"{sizes[0]}:{sizes[-1]}" if gapless else ", ".join(map(str, sizes))


def gather(runs: Sequence[Run], test: Sequence[Utterance]) -> list[RowFigures]:
    """Read what the finished runs wrote, in the order of the rows."""
    rows = {run.row: [one for one in runs if one.row == run.row] for run in runs}
    return [gather_row(row, own, test) for row, own in rows.items()]


def gather_row(row: str, runs: Sequence[Run], test: Sequence[Utterance]) -> RowFigures:
    """Read one row's runs."""
    references = transcripts.read_labels(runs[0].folder / "references.trn")
    return RowFigures(
        row,
        runs,
        [json.loads((one.folder / "metrics.json").read_text()) for one in runs],
        references,
        [transcripts.read_labels(one.folder / "hypotheses.trn") for one in runs],
        {one.id: one.speaker for one in test if one.id in references},
    )


def compared(first: RowFigures, second: RowFigures) -> PairedTests:
    """Test the second row against the first over all seeds.

    The bootstrap draws speakers, then utterances, whose counts are summed over seeds. MAPSSWE takes the segments of all
    seeds as independent, which they are not quite: the bootstrap is the one to trust.
    """
    return PairedTests(
        paired_bootstrap(first.pooled, second.pooled, first.speakers, resamples=RESAMPLES),
        matched_pairs(first.pooled_references(), first.pooled_hypotheses(), second.pooled_hypotheses(), HEADLINE),
    )


def against_above(rows: Sequence[RowFigures]) -> dict[str, PairedTests]:
    """Test each row against the one above it."""
    return {below.row: compared(above, below) for above, below in pairwise(rows)}


def best_of(rows: Sequence[RowFigures]) -> RowFigures:
    """Return the row with the lowest error rate."""
    return min(rows, key=lambda row: row.mean)
