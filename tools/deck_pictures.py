#!/usr/bin/env python3
"""Draws the pictures of docs/deck.md from the reference loops: `tools/deck_pictures.py [folder]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from speechcnn.layers.reference.convolution import conv_backward, conv_forward  # noqa: E402
from speechcnn.layers.reference.expanding import expanding_conv_backward, expanding_conv_forward  # noqa: E402
from speechcnn.layers.reference.network import (  # noqa: E402
    Layer,
    activation,
    convolution,
    max_pooling,
    network_backward,
    network_forward,
)
from speechcnn.layers.reference.pooling import (  # noqa: E402
    lp_pool_backward,
    lp_pool_forward,
    max_pool_backward,
    max_pool_forward,
    mean_pool_backward,
    mean_pool_forward,
    soft_pool_backward,
    soft_pool_forward,
)
from speechcnn.layers.reference.upsampling import interpolate_linear_forward  # noqa: E402
from speechcnn.shapes import ReceptiveField, Window, receptive_field  # noqa: E402

N_BANDS, N_FRAMES = 24, 40


def spectrogram() -> np.ndarray:
    """A vowel with two gliding formants and a burst of noise, as [B, C, F, T] of one item and one map."""
    rng = np.random.default_rng(3)
    f, t = np.mgrid[0:N_BANDS, 0:N_FRAMES].astype(float)
    voice = 1 / (1 + np.exp(-(t - 8))) * (1 / (1 + np.exp(t - 28)))
    low, high = np.exp(-(((f - 5 - 0.06 * t) / 1.3) ** 2)), np.exp(-(((f - 17 + 0.22 * t) / 1.5) ** 2))
    burst = np.exp(-(((t - 34) / 2) ** 2)) * (f > 9)
    grain = rng.uniform(0.5, 1.0, f.shape)
    return (voice * (low + 0.8 * high) + 0.8 * burst * grain + 0.06 * rng.standard_normal(f.shape))[None, None]


def edge_filter() -> np.ndarray:
    """A falling ridge of 5 bands and 7 frames with zero mean, as [O, I, KF, KT]."""
    f, t = np.mgrid[-2:3, -3:4].astype(float)
    ridge = np.exp(-((f + 0.35 * t) ** 2)) * np.exp(-((t / 2.5) ** 2))
    return (ridge - ridge.mean())[None, None]


def show(axis: Axes, values: np.ndarray, title: str, signed: bool = True, largest: float | None = None) -> None:
    """Draw a map, bands upwards; signed values in red and blue around white, others from dark to light."""
    largest = largest or float(np.abs(values).max())
    limits = (-largest, largest) if signed else (0.0, largest)
    colours = "RdBu_r" if signed else "magma"
    axis.imshow(values, origin="lower", aspect="auto", cmap=colours, vmin=limits[0], vmax=limits[1])
    axis.set_title(title, fontsize=8.5, loc="left", pad=3)
    axis.tick_params(labelsize=6.5, length=2, pad=1.5)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(5, integer=True))


def figure_of(n_rows: int, n_columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def gradients() -> Figure:
    """What arrives at a spectrogram through each layer when Div = 1/2 sum of z^2, so that dz = z."""
    x, w, a = spectrogram(), edge_filter(), np.array([4.0])
    z, thinned = conv_forward(x, w), conv_forward(x, w, stride=(3, 4))
    dx, dw = conv_backward(z, x, w)
    wide = expanding_conv_forward(x, w, stride=2)
    panels = {
        "filter w": w,
        "convolution: Z": z,
        "convolution: dY": dx,
        "convolution: dw": dw,
        "convolution, stride (3, 4): Z": thinned,
        "convolution, stride (3, 4): dY": conv_backward(thinned, x, w, None, (3, 4))[0],
        "expanding by 2: dY": expanding_conv_backward(wide, x, w, stride=2)[0],
        "max pooling 4 × 4: dY": max_pool_backward(max_pool_forward(x, 4), x, 4)[0],
        "mean pooling 4 × 4: dY": mean_pool_backward(mean_pool_forward(x, 4), x, 4)[0],
        "L3 pooling 4 × 4: dY": lp_pool_backward(lp_pool_forward(x, 3.0, 4), x, 3.0, 4)[0],
        "softmax-weighted pooling 4 × 4: dY": soft_pool_backward(soft_pool_forward(x, a, 4), x, a, 4)[0],
    }
    figure, axes = figure_of(3, 4, 10.4, 5.8)
    show(axes[0, 0], x[0, 0], "Y: a small spectrogram", signed=False)
    for axis, (title, maps) in zip(axes.flat[1:], panels.items(), strict=True):
        show(axis, maps[0, 0], title)
    label(axes, "frames", "bands")
    return figure


def label(axes: np.ndarray, x: str, y: str) -> None:
    """Name the axes at the left and below alone; the others are the same."""
    for axis in axes[-1]:
        axis.set_xlabel(x, fontsize=7.5, labelpad=1)
    for axis in axes[:, 0]:
        axis.set_ylabel(y, fontsize=7.5, labelpad=1)


def checkerboard() -> Figure:
    """An expanding convolution by 2 of a constant map and of a spectrogram, by four filters."""
    rng = np.random.default_rng(9)
    short = rng.uniform(0.2, 1.0, (1, 1, 3, 3))
    ways = {
        "K = 3, b = 2: taps overlap unevenly": expanded(np.ones((1, 1, 3, 3))),
        "K = 4, b = 2, random filter": expanded(rng.uniform(0.0, 1.0, (1, 1, 4, 4))),
        "K = 4, b = 2, box ∗ short filter": expanded(boxed(short)),
        "straight lines, then a convolution": [interpolated(x, short) for x in inputs()],
    }
    figure, axes = figure_of(2, 4, 9.6, 4.2)
    for column, (title, (flat, speech)) in zip(axes.T, ways.items(), strict=True):
        show(column[0], flat, title, signed=False)
        show(column[1], speech, "", signed=False)
    for axis, name in zip(axes[:, 0], ("a constant map", "a spectrogram"), strict=True):
        axis.set_ylabel(name, fontsize=8.5)
    return figure


def inputs() -> tuple[np.ndarray, np.ndarray]:
    return np.ones((1, 1, 9, 12)), np.maximum(spectrogram()[:, :, 4:20, 4:30], 0.0)


def expanded(w: np.ndarray) -> list[np.ndarray]:
    """The expanding convolution of both inputs, without the edges that the filter does not fill."""
    return [inner(expanding_conv_forward(x, w / w.sum(), stride=2)) for x in inputs()]


def interpolated(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return inner(conv_forward(interpolate_linear_forward(x, 2), w / w.sum(), padding=2))


def inner(z: np.ndarray) -> np.ndarray:
    return z[0, 0, 3:-4, 3:-4]


def boxed(short: np.ndarray, stride: int = 2) -> np.ndarray:
    """The short filter convolved with a box of the stride's length along each axis: each value is repeated first."""
    return expanding_conv_forward(short, np.ones((1, 1, stride, stride)))


def fields() -> Figure:
    """The receptive field of one output: derivatives at the input, and the size that arithmetic gives."""
    heights = [Window(5), Window(3, stride=3), Window(3)]
    widths = [Window(7), Window(1), Window(5, dilation=2)]
    size = (19, 21)
    figure, axes = figure_of(1, 3, 8.4, 2.9)
    show(axes[0, 0], response(size, draws=1, positive=True), "all weights positive", signed=False)
    show(axes[0, 1], response(size, draws=1, positive=False), "one network with random filters")
    show(axes[0, 2], response(size, draws=24, positive=False), "mean size of 24 of them", signed=False)
    for axis in axes[0]:
        frame(axis, receptive_field(heights), receptive_field(widths))
    label(axes, "frames", "bands")
    return figure


UNIT = (1, 3)  # the output whose field is drawn


def response(size: tuple[int, int], draws: int, positive: bool) -> np.ndarray:
    """The derivative of one output with respect to the input; its mean size over several networks."""
    rng, found = np.random.default_rng(0), []
    for _ in range(draws):
        layers = stack(rng, positive)
        maps = network_forward(rng.standard_normal((1, 1, *size)), layers)
        unit = np.zeros_like(maps[-1])
        unit[0, 0, *UNIT] = 1.0
        found.append(network_backward(unit, maps, layers)[0][0, 0])
    return found[0] if draws == 1 else np.mean(np.abs(found), axis=0)


def stack(rng: np.random.Generator, positive: bool) -> Sequence[Layer]:
    """Convolution, pooling along frequency, and a second convolution whose taps lie two frames apart."""

    def filters(*shape: int) -> np.ndarray:
        w = rng.standard_normal(shape)
        return np.abs(w) if positive else w

    spread = np.zeros((1, 3, 3, 9))
    spread[..., ::2] = filters(1, 3, 3, 5)
    pool = mean_pooling((3, 1)) if positive else max_pooling((3, 1))
    rectifier = activation("identity" if positive else "relu")
    return [convolution(filters(3, 1, 5, 7), np.zeros(3)), rectifier, pool, convolution(spread, np.zeros(1))]


def mean_pooling(kernel_size: tuple[int, int]) -> Layer:
    """A mean pooling layer, through which a derivative reaches every value of a pool."""
    return Layer(mean_pool_forward, mean_pool_backward, settings={"kernel_size": kernel_size})


def frame(axis: Axes, height: ReceptiveField, width: ReceptiveField) -> None:
    """Draw the field that arithmetic gives."""
    bottom, top = height.inputs(UNIT[0], UNIT[0])
    left, right = width.inputs(UNIT[1], UNIT[1])
    corner, sides = (left - 0.5, bottom - 0.5), (right - left, top - bottom)
    axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor="#1b9e77", linewidth=1.8))


PICTURES = {"gradients": gradients, "checkerboard": checkerboard, "receptive_field": fields}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        # Without the name of the software in it, the file is the same on every machine with the same fonts.
        draw().savefig(folder / f"{name}.png", metadata={"Software": None})
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
