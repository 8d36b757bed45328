"""A scene as a picture: the spectrogram with the boxes of its events, and true and found events on one axis of time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from speechcnn.events import Event

TRUE, FOUND = "#35c4e8", "#f3c64f"
_INCHES_PER_SECOND = 1.1
_WIDTHS = (7.0, 40.0)


def events_figure(
    log_mel: ArrayLike,
    reference: Sequence[Event],
    found: Sequence[Event],
    shift_seconds: float,
    first_centre_seconds: float,
    band_hz: tuple[float, float],
    title: str = "",
) -> Figure:
    """Draw a recording with its true events (solid) and the found ones (dashed); those without a band have no box.

    Shape: log_mel [F, T] -> a figure with its own Agg canvas. `band_hz` are the ends of the mel axis.

    Raises:
        ValueError: no frames.
    """
    spectrogram = np.asarray(log_mel, dtype=float)
    if spectrogram.ndim != 2 or not spectrogram.size:
        raise ValueError(f"log_mel must be [F, T] with T of at least 1, got {spectrogram.shape}")
    begin = first_centre_seconds - shift_seconds / 2
    end = begin + spectrogram.shape[1] * shift_seconds
    labels = sorted({one.label for one in (*reference, *found)})
    heights = [2.4, max(0.8, 0.28 * len(labels))]
    figure = Figure(figsize=(float(np.clip(1.5 + _INCHES_PER_SECOND * end, *_WIDTHS)), sum(heights) + 0.8))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    _draw_boxes(above, spectrogram, (begin, end), reference, found, band_hz)
    _draw_rows(below, labels, reference, found)
    above.set_title(title, loc="left", fontsize=10, parse_math=False)
    below.set_xlim(0, end)
    below.set_xlabel("seconds", fontsize=9)
    return figure


def _draw_boxes(
    axis: Axes,
    spectrogram: np.ndarray,
    times: tuple[float, float],
    reference: Sequence[Event],
    found: Sequence[Event],
    band_hz: tuple[float, float],
) -> None:
    low, high = (_mel(hertz) for hertz in band_hz)
    darkest, brightest = np.quantile(spectrogram, [0.02, 0.998])
    axis.imshow(
        spectrogram, origin="lower", aspect="auto", extent=(*times, low, high), cmap="magma", vmin=darkest,
        vmax=brightest,
    )  # fmt: skip
    for events, colour, line in ((reference, TRUE, "-"), (found, FOUND, "--")):
        for one in events:
            if one.band:
                bottom, top = (_mel(hertz) for hertz in one.band)
                box = Rectangle((one.onset, bottom), one.duration, top - bottom, fill=False, edgecolor=colour, ls=line)
                axis.add_patch(box)
    ticks = [hertz for hertz in (100, 500, 1000, 2000, 4000, 8000, 16000) if band_hz[0] <= hertz <= band_hz[1]]
    axis.set_yticks([_mel(hertz) for hertz in ticks], [str(hertz) for hertz in ticks])
    axis.set_ylabel("Hz", fontsize=9)
    axis.tick_params(labelsize=8)


def _draw_rows(axis: Axes, labels: Sequence[str], reference: Sequence[Event], found: Sequence[Event]) -> None:
    """One row a class, the true events in its upper half, the found ones in its lower half."""
    for events, colour, lift, name in ((reference, TRUE, 0.5, "true"), (found, FOUND, 0.12, "found")):
        for row, label in enumerate(labels):
            spans = [(one.onset, one.duration) for one in events if one.label == label]
            axis.broken_barh(spans, (row + lift, 0.36), facecolors=colour)
        axis.plot([], [], color=colour, linewidth=6, label=name)
    axis.set_yticks([row + 0.5 for row in range(len(labels))], labels)
    axis.set_ylim(max(1, len(labels)), 0)
    axis.tick_params(labelsize=8)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _mel(hertz: float) -> float:
    return 1127 * math.log1p(hertz / 700)
