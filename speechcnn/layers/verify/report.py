"""What a verification found: one row a check, and the table of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADINGS = ("check", "result", "largest error", "draws", "seed", "shapes", "note")


@dataclass(frozen=True)
class Check:
    """What one check found over all of its draws; the seed, shapes and note are those of its worst draw."""

    name: str
    holds: bool | None  # None: the layer does not offer what the check looks at
    error: float | None  # largest difference from the truth; None where nothing was compared
    seed: int  # verify_layer(..., seed=this, draws=1) shows the worst draw again
    shape: tuple[tuple[int, ...], ...]  # of the inputs
    note: str = ""  # in a sentence, what went wrong or what the layer does
    draws: int = 1
    seconds: float = 0.0

    @property
    def result(self) -> str:
        """The outcome in words."""
        return {True: "holds", False: "FAILS", None: "not offered"}[self.holds]

    @property
    def badness(self) -> tuple[int, float]:
        """Order of checks from the best to the worst: not offered, holding, failing; then by error."""
        error = -1.0 if self.error is None else self.error
        return {None: 0, True: 1, False: 2}[self.holds], math.inf if math.isnan(error) else error


@dataclass(frozen=True)
class Report:
    """All checks of a layer. A report is true when it holds, so that `assert verify_layer(...)` is a test."""

    rows: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether no check fails; what a layer does not offer is no failure."""
        return all(row.holds is not False for row in self.rows)

    def __bool__(self) -> bool:
        return self.holds

    def __getitem__(self, name: str) -> Check:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no check is named {name!r}; the checks are {', '.join(row.name for row in self.rows)}")

    def __str__(self) -> str:
        return aligned([HEADINGS, *map(cells, self.rows)])


def worst(name: str, found: Sequence[Check]) -> Check:
    """Return the worst of one check's draws, with the number and the seconds of all that looked at something."""
    chosen = max(found, key=lambda check: check.badness)
    return Check(
        name,
        chosen.holds,
        chosen.error,
        chosen.seed,
        chosen.shape,
        chosen.note,
        sum(check.holds is not None for check in found),
        sum(check.seconds for check in found),
    )


def cells(row: Check) -> tuple[str, ...]:
    """Return a row of the table as text."""
    shapes = " ".join(str(list(shape)) for shape in row.shape)
    return row.name, row.result, number(row.error), str(row.draws), str(row.seed), shapes, row.note


def number(error: float | None) -> str:
    """Return an error as text; a dash where nothing was compared."""
    return "-" if error is None else f"{error:.1e}"


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of text as one table whose columns are as wide as their widest cell.

    >>> print(aligned([("check", "error"), ("values", "1e-16")]))
    check   error
    values  1e-16
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
