"""Explanations, filters and learnt inputs as pictures, without a display."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

MOST_FILTERS = 256


def explanation_figure(
    features: ArrayLike,
    explanation: ArrayLike,
    title: str = "",
    *,
    shift_seconds: float = 0.01,
    centres_hz: Sequence[float] | None = None,
) -> Figure:
    """Draw features and, over a pale copy of them, their explanation: red speaks for the class, blue against it.

    Shape: features [F, T], explanation [F, T].

    Raises:
        ValueError: shapes that differ, or not one frequency for each band.
    """
    spectrogram, heat = np.asarray(features, dtype=float), np.asarray(explanation, dtype=float)
    if spectrogram.ndim != 2 or spectrogram.shape != heat.shape or not heat.size:
        raise ValueError(
            f"features and explanation must both be [F, T]; got {list(spectrogram.shape)} and {list(heat.shape)}."
        )
    if centres_hz is not None and len(centres_hz) != len(heat):
        raise ValueError(f"centres_hz must hold one frequency for each of {len(heat)} bands; got {len(centres_hz)}.")
    figure = canvas((8.0, 4.6))
    above, below = figure.subplots(2, 1, sharex=True)
    extent = (0, heat.shape[1] * shift_seconds, -0.5, len(heat) - 0.5)
    shared = {"origin": "lower", "aspect": "auto", "extent": extent}
    above.imshow(spectrogram, cmap="magma", **shared)
    below.imshow(spectrogram, cmap="Greys", alpha=0.5, **shared)
    largest = float(np.abs(heat).max()) or 1.0
    strength = np.abs(heat) / largest
    below.imshow(heat, cmap="RdBu_r", vmin=-largest, vmax=largest, alpha=strength, **shared)
    for axis, name in ((above, "features"), (below, "explanation")):
        axis.set_ylabel(name, fontsize=9)
        axis.tick_params(labelsize=8)
        if centres_hz is not None:
            places = np.linspace(0, len(heat) - 1, min(6, len(heat))).round().astype(int)
            axis.set_yticks(places, [f"{centres_hz[place]:.0f} Hz" for place in places])
    below.set_xlabel("seconds", fontsize=9)
    above.set_title(title, loc="left", fontsize=10, parse_math=False)
    return figure


def filters_figure(weight: ArrayLike, title: str = "") -> Figure:
    """Draw the filters of a convolution over bands and frames, each with a range of its own; channels are averaged.

    Shape: weight [J, C, F, T].

    Raises:
        ValueError: another rank, or more than 256 filters.
    """
    filters = np.asarray(weight, dtype=float)
    if filters.ndim != 4 or not 1 <= len(filters) <= MOST_FILTERS:
        raise ValueError(f"weight must be [J, C, F, T] with 1 to {MOST_FILTERS} filters; got {list(filters.shape)}.")
    columns = math.ceil(math.sqrt(len(filters)))
    rows = math.ceil(len(filters) / columns)
    figure = canvas((0.62 * columns + 0.3, 0.62 * rows + 0.6))
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, one in zip(axes.flat, filters.mean(1), strict=False):
        largest = float(np.abs(one).max()) or 1.0
        axis.imshow(one, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-largest, vmax=largest)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10, parse_math=False)
    return figure


def canvas(size: tuple[float, float]) -> Figure:
    """Return an empty figure with a canvas of its own."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
