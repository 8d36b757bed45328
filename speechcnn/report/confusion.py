"""A confusion table as a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from speechcnn.labels import broad_class
from speechcnn.metrics import ConfusionTable

CELL_INCHES = 0.2
# Phones that are taken for one another stand side by side.
CLASS_ORDER = ("vowel", "semivowel", "nasal", "fricative", "affricate", "stop", "closure", "silence")


def confusion_figure(table: ConfusionTable, title: str = "") -> Figure:
    """Shares of each reference label by hypothesis label: correct ones in green, errors in red.

    The red scale follows the root of the share and ends at the largest error of a reference label, so that rare
    errors stay readable and a lone insertion does not pale them.
    Phones are sorted by broad class, other labels keep the table's order. The last column holds deletions, the
    last row the shares of all insertions.
    """
    order, lines = _order(table.labels)
    places = [*order, len(order)]
    shares = table.shares()[np.ix_(places, places)]
    size = CELL_INCHES * max(len(places), 12)
    figure = Figure(figsize=(size + 2.2, size + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    _draw_shares(figure, axis, shares)
    _draw_names(axis, [table.labels[place] for place in order])
    for line in (*lines, len(order)):
        axis.axhline(line - 0.5, color="#7b8790", linewidth=0.7)
        axis.axvline(line - 0.5, color="#7b8790", linewidth=0.7)
    axis.set_title(title, loc="left", fontsize=10, parse_math=False)
    return figure


def _draw_shares(figure: Figure, axis: Axes, shares: np.ndarray) -> None:
    correct = np.eye(len(shares), dtype=bool)
    correct[-1, -1] = False
    errors = np.ma.masked_array(shares, correct)
    worst = float(errors[:-1].max()) or 1.0
    drawn = axis.imshow(errors, cmap="Reds", norm=PowerNorm(0.5, 0, worst))
    right = axis.imshow(np.ma.masked_array(shares, ~correct), cmap="Greens", vmin=0, vmax=1)
    for image, name in ((right, "correct"), (drawn, "errors")):
        bar = figure.colorbar(image, ax=axis, shrink=0.45, pad=0.02, aspect=25, label=f"share of the row, {name}")
        bar.ax.tick_params(labelsize=7)


def _draw_names(axis: Axes, names: list[str]) -> None:
    axis.set_xticks(range(len(names) + 1), [*names, "deleted"], rotation=90, parse_math=False)
    axis.set_yticks(range(len(names) + 1), [*names, "inserted"], parse_math=False)
    axis.tick_params(labelsize=7.5, length=0, top=False)
    axis.set_xlabel("hypothesis", fontsize=9)
    axis.set_ylabel("reference", fontsize=9)


def _order(labels: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Places of the labels in the order of drawing and where a line parts two broad classes."""
    try:
        classes = [CLASS_ORDER.index(broad_class(label)) for label in labels]
    except ValueError:
        return list(range(len(labels))), []
    order = sorted(range(len(labels)), key=lambda place: classes[place])
    ranked = [classes[place] for place in order]
    return order, [place for place in range(1, len(ranked)) if ranked[place] != ranked[place - 1]]
