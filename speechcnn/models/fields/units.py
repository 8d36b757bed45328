"""Receptive fields in milliseconds and hertz: what a net sees of the sound and not of its features."""

from __future__ import annotations

from dataclasses import dataclass

from speechcnn.features import LogMel
from speechcnn.models.fields.receptive import Field, ReceptiveFields

DELTA_FRAMES = 4  # that each order of deltas looks at beyond its own frame


@dataclass(frozen=True)
class Reach:
    """What one output hears.

    The bands of a spectrogram are narrow below and wide above, so their part of the frequency axis is given twice: for
    an output at the lower end of the axis and for one at its upper end.
    """

    milliseconds: float | None  # None: the whole recording
    step_milliseconds: float  # between two outputs
    low_hz: tuple[float, float] | None  # edges of what the lowest output hears; None where there are no bands
    high_hz: tuple[float, float] | None


def reach(fields: ReceptiveFields, features: LogMel) -> Reach:
    """Return a receptive field over log-mel features in milliseconds and hertz."""
    shift, window = features.shift_samples, features.window_samples
    per_ms = features.rate / 1000
    frames = fields.frames.size + DELTA_FRAMES * features.n_deltas
    milliseconds = None if fields.frames.everything else ((frames - 1) * shift + window) / per_ms
    low, high = (None, None) if fields.bands is None else heard_edges(fields.bands, features)
    return Reach(milliseconds, float(fields.frames.stride) * shift / per_ms, low, high)


def heard_edges(field: Field, features: LogMel) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the lowest and highest frequency of the lowest bands that a field covers, and of the highest."""
    used = features.bands > 0
    width = min(field.size, features.n_bands)
    hz = features.rate / features.fft_size
    first, last = used.int().argmax(0), used.shape[0] - 1 - used.flip(0).int().argmax(0)
    # A triangle's bins lie inside its edges: the bin before the first and the one after the last have no weight.
    low, high = (first - 1).clamp(min=0) * hz, (last + 1).clamp(max=used.shape[0] - 1) * hz
    return (float(low[0]), float(high[width - 1])), (float(low[-width]), float(high[-1]))
