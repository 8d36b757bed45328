"""Pictures of a detector: misses against false alarms, and the score over a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from speechcnn.metrics import DetectionCurve, OperatingPoint


def detection_figure(curves: Mapping[str, DetectionCurve], chosen: OperatingPoint | None = None) -> Figure:
    """Draw the share missed over false alarms per hour, a line for each curve, and the chosen threshold's point.

    A curve ends at its first false alarm: what lies left of one in all hours is not known.

    Raises:
        ValueError: no curve.
    """
    if not curves:
        raise ValueError("curves must hold at least one detection curve, got none")
    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, curve in curves.items():
        rates = np.maximum(curve.alarms, 0.5) / max(curve.hours, 1e-9)
        axis.step(rates, 100 * curve.missed / max(1, curve.references), where="post", linewidth=1.4, label=name)
    if chosen:
        rate = max(chosen.alarms.count, 0.5) / max(chosen.alarms.hours, 1e-9)
        axis.plot([rate], [100 * chosen.misses.rate], "o", color="#c03020", label="chosen threshold")
    axis.set_xscale("log")
    axis.set_xlabel("false alarms per hour (none at all drawn at half of one)", fontsize=9)
    axis.set_ylabel("missed, %", fontsize=9)
    axis.set_ylim(bottom=0)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure


def score_figure(
    posteriors: np.ndarray,
    names: Sequence[str],
    hop_seconds: float,
    threshold: float,
    spans: Sequence[tuple[float, float]],
) -> Figure:
    """Draw the posteriors of a recording, the threshold, and the stretches in which a keyword is said.

    Shape: posteriors [K, T].
    """
    figure = Figure(figsize=(7.0, 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for start, end in spans:
        axis.axvspan(start, end, color="#dfe8f0", linewidth=0)
    seconds = hop_seconds * np.arange(posteriors.shape[1])
    for row, name in zip(posteriors, names, strict=True):
        axis.plot(seconds, row, linewidth=1.2, label=name)
    axis.axhline(threshold, color="#c03020", linewidth=0.8, linestyle="--")
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("seconds", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    if len(names) > 1:
        axis.legend(fontsize=7, frameon=False)
    return figure
