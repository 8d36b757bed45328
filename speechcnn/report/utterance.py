"""One utterance as a picture: spectrogram, reference and hypothesis phones, posteriors, on one axis of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from speechcnn.labels import Labels, Segment, fold
from speechcnn.metrics import align

PLAIN, WRONG, LOST = "#dfe7ee", "#e8743b", "#f3c64f"  # as in the reference; another or none there; not found
INCHES_PER_SECOND = 4.2
WIDTHS = (8.0, 60.0)  # of a picture, in inches
ROWS_WITHOUT_CHOICE = 20  # so many posteriors are all drawn
SHOWN_FROM = 0.1  # beyond them, those that reach this probability somewhere
LETTER_INCHES = 0.08  # width of a letter of 8 points


@dataclass(frozen=True)
class _Clock:
    """Turns frames into seconds: frame t is centred at t * shift + window / 2."""

    shift: float
    window: float
    frames: int

    @property
    def edges(self) -> tuple[float, float]:
        first = (self.window - self.shift) / 2
        return first, first + self.frames * self.shift


def utterance_figure(
    log_mel: ArrayLike,
    posteriors: ArrayLike,
    reference: Sequence[Segment] | None,
    hypothesis: Sequence[Segment],
    labels: Labels,
    shift_seconds: float = 0.01,
    title: str = "",
    *,
    window_seconds: float = 0.025,
    centres_hz: Sequence[float] | None = None,
    fold_to: int | None = None,
) -> Figure:
    """Draw one utterance; hypothesis errors and lost reference phones are coloured by the alignment of the labels.

    Without a reference there is neither its strip nor any colour.
    Beyond 20 classes only those posteriors are drawn that reach 0.1 in some frame. `fold_to` compares the phones
    folded to so many classes, so that ``ix`` for ``ih`` is no error; the labels are drawn unfolded.

    Shape: log_mel [F, T], posteriors [K, T] -> a figure with its own Agg canvas.

    Raises:
        ValueError: shapes that disagree with each other, with `labels` or with `centres_hz`.
    """
    spectrogram, heard = np.asarray(log_mel, dtype=float), np.asarray(posteriors, dtype=float)
    _check(spectrogram, heard, labels, centres_hz)
    clock = _Clock(shift_seconds, window_seconds, spectrogram.shape[1])
    rows = _shown_rows(heard)
    figure, axes = _canvas(clock, len(rows), 1 if reference is None else 2)
    _draw_spectrogram(axes[0], spectrogram, clock, centres_hz)
    _draw_strips(axes[1:-1], reference, hypothesis, fold_to)
    _draw_posteriors(axes[-1], heard[rows], [labels[row] for row in rows], clock)
    axes[0].set_title(title, loc="left", fontsize=10, parse_math=False)
    if reference is not None:
        _draw_legend(axes[0])
    return figure


def _check(spectrogram: np.ndarray, heard: np.ndarray, labels: Labels, centres_hz: Sequence[float] | None) -> None:
    if spectrogram.ndim != 2 or heard.ndim != 2 or spectrogram.shape[1] != heard.shape[1] or not heard.size:
        rule = "log_mel [F, T] and posteriors [K, T] must have the same T of at least 1"
        raise ValueError(f"{rule}, got {spectrogram.shape} and {heard.shape}")
    if len(heard) != len(labels):
        raise ValueError(f"posteriors must have one row for each of {len(labels)} labels, got {len(heard)} rows")
    if centres_hz is not None and len(centres_hz) != len(spectrogram):
        hint = "leave out a row of energy" if len(spectrogram) == len(centres_hz) + 1 else "check the features"
        what = f"centres_hz must hold one frequency for each of {len(spectrogram)} bands"
        raise ValueError(f"{what}, got {len(centres_hz)}; {hint}")


def _shown_rows(heard: np.ndarray) -> list[int]:
    if len(heard) <= ROWS_WITHOUT_CHOICE:
        return list(range(len(heard)))
    peaks = heard.max(axis=1)
    return [int(row) for row in np.flatnonzero(peaks >= min(SHOWN_FROM, peaks.max()))]


def _canvas(clock: _Clock, n_rows: int, n_strips: int) -> tuple[Figure, list[Axes]]:
    width = float(np.clip(1.2 + INCHES_PER_SECOND * clock.edges[1], *WIDTHS))
    heights = [1.9, *[0.42] * n_strips, max(0.9, 0.15 * n_rows)]
    figure = Figure(figsize=(width, sum(heights) + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    axes[-1].set_xlabel("seconds", fontsize=9)
    axes[-1].set_xlim(0, clock.edges[1] + (clock.window - clock.shift) / 2)
    for axis in axes:
        axis.tick_params(labelsize=8)
    return figure, list(axes)


def _draw_spectrogram(axis: Axes, spectrogram: np.ndarray, clock: _Clock, centres_hz: Sequence[float] | None) -> None:
    n_bands = len(spectrogram)
    low, high = np.quantile(spectrogram, [0.02, 0.998])
    extent = (*clock.edges, -0.5, n_bands - 0.5)
    axis.imshow(spectrogram, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low, vmax=high)
    if centres_hz is None:
        axis.set_ylabel("band", fontsize=9)
        return
    places = np.linspace(0, n_bands - 1, min(6, n_bands)).round().astype(int)
    axis.set_yticks(places, [f"{centres_hz[place]:.0f}" for place in places])
    axis.set_ylabel("Hz", fontsize=9)


def _draw_strips(
    axes: Sequence[Axes], reference: Sequence[Segment] | None, hypothesis: Sequence[Segment], fold_to: int | None
) -> None:
    if reference is None:
        _draw_phones(axes[0], "phones", hypothesis, [PLAIN] * len(hypothesis))
        return
    lost, wrong = _errors(reference, hypothesis, fold_to)
    _draw_phones(axes[0], "reference", reference, [LOST if one else PLAIN for one in lost])
    _draw_phones(axes[1], "hypothesis", hypothesis, [WRONG if one else PLAIN for one in wrong])


def _draw_phones(axis: Axes, name: str, segments: Sequence[Segment], colours: Sequence[str]) -> None:
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    spans = [(one.start, one.duration) for one in segments]
    axis.broken_barh(spans, (0, 1), facecolors=list(colours), edgecolors="#5b6770", linewidth=0.5)
    for one, height in zip(segments, _heights(segments), strict=True):
        middle = (one.start + one.end) / 2
        axis.text(middle, height, one.label, ha="center", va="center", fontsize=8, parse_math=False, clip_on=True)


def _heights(segments: Sequence[Segment]) -> Iterator[float]:
    """Heights of the labels in their strip: those too wide for their segment go up and down in turn."""
    up = False
    for one in segments:
        if len(one.label) * LETTER_INCHES <= one.duration * INCHES_PER_SECOND:
            yield 0.5
        else:
            up = not up
            yield 0.69 if up else 0.31


def _draw_posteriors(axis: Axes, heard: np.ndarray, names: Sequence[str], clock: _Clock) -> None:
    extent = (*clock.edges, len(heard) - 0.5, -0.5)
    axis.imshow(heard, aspect="auto", extent=extent, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axis.set_yticks(range(len(names)), names, parse_math=False)
    axis.tick_params(axis="y", labelsize=7, length=2)
    axis.set_ylabel("posterior", fontsize=9)


def _draw_legend(axis: Axes) -> None:
    entries = [(LOST, "not in the hypothesis"), (WRONG, "not in the reference")]
    for place, (colour, meaning) in enumerate(entries):
        box = {"facecolor": colour, "edgecolor": "#5b6770", "linewidth": 0.5, "boxstyle": "square,pad=0.25"}
        axis.annotate(
            meaning,
            (1, 1),
            xytext=(-4 - 118 * place, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=7.5,
            bbox=box,
        )


def _errors(
    reference: Sequence[Segment], hypothesis: Sequence[Segment], fold_to: int | None
) -> tuple[list[bool], list[bool]]:
    """Which reference segments were not found and which hypothesis segments are wrong."""
    sides = [_compared(segments, fold_to) for segments in (reference, hypothesis)]
    kept = [[place for place, name in enumerate(side) if name] for side in sides]
    pairs = align(*([name for name in side if name] for side in sides))
    lost, wrong = [False] * len(reference), [False] * len(hypothesis)
    places = [iter(kept[0]), iter(kept[1])]
    for left, right in pairs:
        if left is not None:
            lost[next(places[0])] = left != right
        if right is not None:
            wrong[next(places[1])] = left != right
    return lost, wrong


def _compared(segments: Sequence[Segment], fold_to: int | None) -> list[str]:
    if fold_to is None:
        return [one.label for one in segments]
    # A phone that folding drops is compared with nothing: neither right nor wrong.
    return ["".join(fold([one.label], fold_to)) for one in segments]
