"""How a training went, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# What a record's key must hold to be drawn in a panel, by the panel's name.
PANELS = {"loss": ("loss",), "share": ("accuracy", "rate", "error", "per")}
NO_SHARE = ("learning_rate", "lr")


def curves_figure(history: Sequence[Mapping[str, float | None]], title: str = "") -> Figure:
    """Losses on the left, accuracies and error rates on the right, by epoch.

    A record holds any of ``epoch`` (else its place from 1), keys with ``loss`` and keys with ``accuracy``, ``rate``,
    ``error`` or ``per`` in them; a value may be absent or None in some epochs.

    Raises:
        ValueError: no record, or no key of the kind.
    """
    if not history:
        raise ValueError("history must hold at least one epoch, got none")
    names = {panel: _names(history, words) for panel, words in PANELS.items()}
    panels = [panel for panel, found in names.items() if found]
    if not panels:
        met = ", ".join(sorted({key for record in history for key in record}))
        raise ValueError(f"history must hold losses, accuracies or error rates, got the keys {met}")
    figure = Figure(figsize=(4.6 * len(panels), 3.1), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_panel(axis, panel, names[panel], history)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, parse_math=False)
    return figure


def _names(history: Sequence[Mapping[str, float | None]], words: tuple[str, ...]) -> list[str]:
    known = [key for record in history for key, value in record.items() if value is not None]
    keys = dict.fromkeys(key for key in known if key not in NO_SHARE)
    return [key for key in keys if any(word in key.lower().replace(".", "_").split("_") for word in words)]


def _draw_panel(axis: Axes, panel: str, names: Sequence[str], history: Sequence[Mapping[str, float | None]]) -> None:
    for name in names:
        points = [(_epoch(record, place), record.get(name)) for place, record in enumerate(history, 1)]
        known = [(epoch, value) for epoch, value in points if value is not None]
        axis.plot(*zip(*known, strict=True), marker="o", markersize=2.5, linewidth=1.3, label=name.replace("_", " "))
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_ylabel(panel, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=8, frameon=False)


def _epoch(record: Mapping[str, float | None], place: int) -> float:
    epoch = record.get("epoch")
    return place if epoch is None else epoch
