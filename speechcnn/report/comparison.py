"""What changed between systems: confusions gained and lost, phones, learning curves, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from speechcnn.metrics import ConfusionTable
from speechcnn.report.tables import Table


def changes_table(title: str, first: ConfusionTable, second: ConfusionTable, n: int = 10) -> Table:
    """The `n` errors that the second system makes most fewer, and the `n` that it makes most more, side by side.

    Raises:
        ValueError: the tables have other labels.
    """
    change = _change(first, second)
    names = (*first.labels, None)
    order = np.argsort(change, axis=None, kind="stable")
    lost = [_cells(change, names, place, first, second) for place in order[:n] if change.flat[place] < 0]
    gained = [_cells(change, names, place, first, second) for place in order[::-1][:n] if change.flat[place] > 0]
    empty = ("", "", "")
    height = max(len(lost), len(gained))
    rows = [
        (*left, *right)
        for left, right in zip(_filled(lost, height, empty), _filled(gained, height, empty), strict=True)
    ]
    return Table(title, ("lost", "times", "less", "gained", "times", "more"), rows)


def phones_table(title: str, first: ConfusionTable, second: ConfusionTable, n: int = 12) -> Table:
    """The labels of which the second system finds most more or fewer, the largest change first.

    Raises:
        ValueError: the tables have other labels.
    """
    _change(first, second)
    before, after = first.per_label(), second.per_label()
    order = sorted(first.labels, key=lambda label: -abs(after[label].hits - before[label].hits))
    rows = [
        (
            label,
            str(before[label].reference),
            _share(before[label].hits, before[label].reference),
            _share(after[label].hits, after[label].reference),
            f"{after[label].hits - before[label].hits:+d}",
        )
        for label in order[:n]
        if after[label].hits != before[label].hits
    ]
    return Table(title, ("phone", "tokens", "correct before %", "after %", "more"), rows)


def differences_table(title: str, settings: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a system, one column a setting that is not the same in all; settings are nested plain data."""
    flat = {name: dict(_flattened(one)) for name, one in settings.items()}
    keys = dict.fromkeys(key for one in flat.values() for key in one)
    differing = [key for key in keys if len({repr(one.get(key)) for one in flat.values()}) > 1]
    rows = [(name, *(str(one[key]) if key in one else "-" for key in differing)) for name, one in flat.items()]
    return Table(title, ("row", *differing), rows, "-: left to the default, or unknown to that network.")


def compared_curves(
    histories: Mapping[str, Sequence[Mapping[str, float]]], panels: Mapping[str, str], title: str = ""
) -> Figure:
    """Draw several trainings over each other; `panels` holds what stands at the axis, by the record's key.

    Raises:
        ValueError: nothing to draw.
    """
    if not histories or not panels:
        raise ValueError("curves to compare need at least one history and one panel")
    figure = Figure(figsize=(4.8 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (key, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for name, history in histories.items():
            axis.plot(range(1, len(history) + 1), [one[key] for one in history], marker="o", markersize=3, label=name)
        axis.set_xlabel("epoch", fontsize=9)
        axis.set_ylabel(label, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=8, frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, parse_math=False)
    return figure


def _change(first: ConfusionTable, second: ConfusionTable) -> np.ndarray:
    """How many more times each error was made by the second system."""
    if first.labels != second.labels:
        raise ValueError("confusion tables must be over the same labels to be compared; give both `labels`")
    change = second.matrix - first.matrix
    np.fill_diagonal(change, 0)
    return change


def _cells(
    change: np.ndarray, names: Sequence[str | None], place: int, first: ConfusionTable, second: ConfusionTable
) -> tuple[str, str, str]:
    row, column = divmod(int(place), change.shape[1])
    error = f"{names[row] or '(inserted)'} → {names[column] or '(deleted)'}"
    return error, f"{first.matrix[row, column]} → {second.matrix[row, column]}", str(abs(int(change[row, column])))


def _filled(rows: Sequence[tuple[str, ...]], height: int, empty: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [*rows, *[empty] * (height - len(rows))]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _flattened(settings: Mapping[str, Any], above: str = "") -> Sequence[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        place = f"{above}{key}"
        found += _flattened(value, f"{place}.") if isinstance(value, Mapping) else [(place, value)]
    return found
