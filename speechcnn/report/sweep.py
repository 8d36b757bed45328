"""Error rates over a network's pool size, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = {False: "#1f5fa8", True: "#c2571a"}  # without and with dropout
BESIDE = 0.16  # how far points of one size stand apart, in sizes


@dataclass(frozen=True)
class RatePoint:
    """One row of a table; rates are shares, not per cent."""

    label: str
    pool: int | Sequence[int] | None  # one size, several, or no convolution at all
    rate: float
    interval: tuple[float, float]
    seeds: Sequence[float] = ()
    published: float | None = None
    dropout: bool = False


def sweep_figure(points: Sequence[RatePoint], title: str = "") -> Figure:
    """Draw mean, interval and seeds of each row by pool size; networks without a size stand left, with several right.

    Raises:
        ValueError: no point.
    """
    if not points:
        raise ValueError("a sweep needs at least one point, got none")
    places = {key: place for place, key in enumerate(sorted({_key(one) for one in points}))}
    figure = Figure(figsize=(max(4.6, 1.15 * len(places) + 1.6), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for point in points:
        _draw(axis, point, places[_key(point)] + BESIDE * (1 if point.dropout else -1))
    _name(axis, points, places)
    axis.set_title(title, loc="left", fontsize=10, parse_math=False)
    return figure


def _key(point: RatePoint) -> tuple[int, str]:
    """Where the point belongs: no size before one size before several."""
    if point.pool is None:
        return 0, point.label.removesuffix(" + dropout")
    if isinstance(point.pool, int):
        return point.pool, "P = "
    return 1000 + max(point.pool), "P = " + ", ".join(map(str, point.pool))


def _draw(axis: Axes, point: RatePoint, place: float) -> None:
    colour, (low, high) = COLOURS[point.dropout], point.interval
    whiskers = [[100 * (point.rate - low)], [100 * (high - point.rate)]]
    axis.errorbar([place], [100 * point.rate], whiskers, fmt="o", color=colour, markersize=6, capsize=3, linewidth=1.2)
    axis.plot(
        [place] * len(point.seeds), [100 * one for one in point.seeds], "_", color=colour, markersize=9, alpha=0.6
    )
    axis.annotate(f"{100 * point.rate:.1f}", (place, 100 * point.rate), xytext=(7, 0), textcoords="offset points",
                  fontsize=8, va="center")  # fmt: skip
    if point.published is not None:
        axis.plot([place], [100 * point.published], "D", color=colour, markerfacecolor="none", markersize=5)


def _name(axis: Axes, points: Sequence[RatePoint], places: dict[tuple[int, str], int]) -> None:
    names = {_key(one): one.label.removesuffix(" + dropout") for one in points}
    axis.set_xticks(list(places.values()), [names[key] for key in places], parse_math=False)
    axis.set_xlim(-0.6, len(places) - 0.3)
    axis.set_ylabel("phone error rate, %", fontsize=9)
    axis.tick_params(labelsize=8.5)
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    for dropout in sorted({one.dropout for one in points}):
        axis.plot([], [], "o", color=COLOURS[dropout], label="with dropout" if dropout else "without dropout")
    axis.plot([], [], "_", color="#555555", label="one seed")
    if any(one.published is not None for one in points):
        axis.plot([], [], "D", color="#555555", markerfacecolor="none", label="published, TIMIT")
    axis.legend(fontsize=8, frameon=False, ncols=2)
