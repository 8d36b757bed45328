"""Which label is taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speechcnn.metrics.conventions import Convention
from speechcnn.metrics.errors import ErrorCounts, align
from speechcnn.metrics.scoring import Transcripts, matched


@dataclass(frozen=True)
class Confusion:
    """How often one label was taken for another; None is nothing (a deletion or an insertion)."""

    reference: str | None
    hypothesis: str | None
    count: int


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """Counts by reference (row) and hypothesis (column) of aligned labels.

    The matrix is [L + 1, L + 1]: its last column holds deletions, its last row insertions, their corner is 0.
    """

    labels: tuple[str, ...]
    matrix: np.ndarray

    @property
    def counts(self) -> ErrorCounts:
        """The table summed up."""
        named = self.matrix[:-1, :-1]
        hits = int(named.trace())
        return ErrorCounts(hits, int(named.sum()) - hits, int(self.matrix[:, -1].sum()), int(self.matrix[-1].sum()))

    def per_label(self) -> dict[str, ErrorCounts]:
        """Counts of each label; insertions are those of that label, the rest is what became of it."""
        hits = self.matrix.diagonal()[:-1]
        deleted, inserted = self.matrix[:-1, -1], self.matrix[-1, :-1]
        substituted = self.matrix[:-1].sum(axis=1) - hits - deleted
        columns = (column.tolist() for column in (hits, substituted, deleted, inserted))
        return {name: ErrorCounts(*row) for name, *row in zip(self.labels, *columns, strict=True)}

    def taken_for(self, label: str) -> Confusion | None:
        """The most frequent substitution of a label, None where there is none."""
        row = self.labels.index(label)
        others = self.matrix[row, :-1].copy()
        others[row] = 0
        column = int(others.argmax())
        return Confusion(label, self.labels[column], int(others[column])) if others[column] else None

    def shares(self) -> np.ndarray:
        """The matrix with each row divided by its sum, [L + 1, L + 1]; a row without counts stays 0."""
        totals = self.matrix.sum(axis=1, keepdims=True)
        return self.matrix / np.maximum(totals, 1)

    def top(self, n: int = 10) -> list[Confusion]:
        """The `n` most frequent errors, most frequent first, ties in order of the table."""
        errors = self.matrix.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[: max(n, 0)]
        names = (*self.labels, None)
        rows, columns = np.unravel_index(order, errors.shape)
        found = zip(rows, columns, strict=True)
        return [Confusion(names[r], names[c], int(errors[r, c])) for r, c in found if errors[r, c]]


def confusions(
    references: Transcripts,
    hypotheses: Transcripts,
    convention: str | Convention = "kaldi",
    labels: Sequence[str] | None = None,
) -> ConfusionTable:
    """Table of the alignments that `score` counts, over `labels` or else all labels met, sorted.

    Raises:
        ScoreError: the two do not hold the same utterances.
        ValueError: a label outside `labels`, or as in `score`.
    """
    met: Counter[tuple[str | None, str | None]] = Counter()
    for reference, hypothesis in matched(references, hypotheses, convention).values():
        met.update(align(reference, hypothesis))
    seen = {name for pair in met for name in pair if name is not None}
    names = tuple(sorted(seen) if labels is None else labels)
    unlisted = sorted(seen - set(names))
    if unlisted:
        raise ValueError(f"labels must hold every label met, these are not among them: {', '.join(unlisted)}")
    return ConfusionTable(names, _matrix(met, names))


def _matrix(met: Counter[tuple[str | None, str | None]], names: tuple[str, ...]) -> np.ndarray:
    place: dict[str | None, int] = {name: number for number, name in enumerate((*names, None))}
    matrix = np.zeros((len(place), len(place)), dtype=np.int64)
    for (reference, hypothesis), times in met.items():
        matrix[place[reference], place[hypothesis]] = times
    return matrix
