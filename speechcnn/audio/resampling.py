"""Sound at another rate, and in pieces of another length: of whole recordings and of streams."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

_FILTER_WIDTH, _ROLLOFF = (
    6,
    0.99,
)  # the interpolation filter of resample: zero crossings, share of the Nyquist rate
_LARGEST_TERM = 2000  # of the ratio of two rates; the filter bank grows with the product of the terms

Samples = npt.NDArray[np.float32]


def resample(samples: npt.ArrayLike, rate: int, new_rate: int) -> Samples:
    """Samples [N] at another rate, by band-limited interpolation (Smith, 2002; torchaudio).

    Two rates whose ratio has terms above 2000 (never two usual rates) are taken at the nearest ratio that has not,
    which is off by less than 1 in 4000.

    Raises:
        ValueError: not one-dimensional, or a rate below 1.
    """
    signal = np.asarray(samples, dtype=np.float32)
    if signal.ndim != 1:
        raise ValueError(f"samples must have one axis [N], got the shape {list(signal.shape)}")
    return _interpolated(signal, *_ratio(rate, new_rate))


class Resampler:
    """A stage of a stream that gives its samples another rate; joined they equal `resample` up to rounding.

    Raises:
        ValueError: a rate below 1.
    """

    def __init__(self, rate: int, new_rate: int) -> None:
        self.old, self.new = _ratio(rate, new_rate)
        self.margin = self.old * math.ceil(_reach(self.old, self.new) / self.old)
        self.skipped = self.margin * self.new // self.old
        self.delay_seconds = (self.margin + self.old - 1) / rate

    def start(self) -> Samples:
        """Return what is held before the first piece: silence as long as the filter reaches back."""
        return np.zeros(self.margin, dtype=np.float32)

    def step(self, piece: Samples, state: Samples) -> tuple[list[Samples], Samples]:
        """Take the next samples; each is resampled with as much of its neighbours as the filter reaches."""
        held = np.concatenate([state, piece])
        # Whole periods of the ratio only, so that every piece starts at the same phase of the filter.
        ready = (len(held) - 2 * self.margin) // self.old * self.old
        if ready <= 0:
            return [], held
        found = _interpolated(held[: ready + 2 * self.margin], self.old, self.new)
        return [found[self.skipped : self.skipped + ready * self.new // self.old]], held[ready:]

    def finish(self, state: Samples) -> list[Samples]:
        """Return the rest, with silence behind it."""
        rest = len(state) - self.margin
        if rest == 0:
            return []
        tail = _interpolated(np.concatenate([state, self.start()]), self.old, self.new)
        return [tail[self.skipped : self.skipped + math.ceil(rest * self.new / self.old)]]


class Regrouper:
    """A stage of a stream that gives out its samples in pieces of one size; the last may be shorter.

    Raises:
        ValueError: the size is below 1 sample.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1 sample, got {size}")
        self.size = size

    def start(self) -> Samples:
        """Return what is held before the first piece: nothing."""
        return np.zeros(0, dtype=np.float32)

    def step(self, piece: Samples, state: Samples) -> tuple[list[Samples], Samples]:
        """Return the whole pieces that there are now."""
        held = np.concatenate([state, piece])
        whole = len(held) // self.size * self.size
        return [held[start : start + self.size] for start in range(0, whole, self.size)], held[whole:]

    def finish(self, state: Samples) -> list[Samples]:
        """Return the rest."""
        return [state] if len(state) else []


def _ratio(rate: int, new_rate: int) -> tuple[int, int]:
    """The two rates in lowest terms, old and new."""
    if min(rate, new_rate) < 1:
        raise ValueError(f"rates must be at least 1 sample per second, got {rate} and {new_rate}")
    ratio = Fraction(min(rate, new_rate), max(rate, new_rate)).limit_denominator(_LARGEST_TERM)
    small, large = max(1, ratio.numerator), ratio.denominator
    return (small, large) if new_rate > rate else (large, small)


def _reach(old: int, new: int) -> int:
    """Samples on either side that a resampled one depends on."""
    return 0 if old == new else math.ceil(_FILTER_WIDTH * old / (min(old, new) * _ROLLOFF)) + 1


def _interpolated(samples: Samples, old: int, new: int) -> Samples:
    if old == new:
        return samples
    import torch

    from speechcnn.torchaudio_pair import torchaudio

    result = torchaudio().functional.resample(
        torch.from_numpy(np.ascontiguousarray(samples)), old, new, _FILTER_WIDTH, _ROLLOFF
    )
    return result.numpy()
