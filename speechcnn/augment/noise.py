"""Noise behind a recording: made on the spot, or recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from speechcnn import audio
from speechcnn.augment.ranges import check_range, check_samples, filtered, loudness, uniform
from speechcnn.augment.stages import Stage

LOWEST_HZ = 50.0  # below it coloured noise rises no further
STEEPEST = 4.0
MOST_DB = 120.0
CACHED_RECORDINGS = 32


@dataclass(frozen=True)
class Noise:
    """Add noise at a signal-to-noise ratio drawn evenly in decibels, both taken over the whole recording.

    Without `recordings` the noise is Gaussian, its power falling as frequency to the power of minus a slope drawn
    evenly: 0 is white, 1 pink, 2 brown. Digital silence stays silent.

    Args:
        low_snr_db: lowest ratio.
        high_snr_db: highest ratio.
        recordings: sound files, one of which is drawn each time, from a random place on, repeated where too short.
        low_slope: flattest noise that is made.
        high_slope: steepest noise that is made.

    Raises:
        ValueError: a range that is none, or an empty list of recordings.
        FileNotFoundError: a recording is not there; all that are missing are named.
    """

    low_snr_db: float = 5.0
    high_snr_db: float = 30.0
    recordings: Sequence[str] | None = None
    low_slope: float = 0.0
    high_slope: float = 2.0
    on: ClassVar[Stage] = "waveform"

    def __post_init__(self) -> None:
        check_range("signal-to-noise ratio in dB", self.low_snr_db, self.high_snr_db, -MOST_DB, MOST_DB)
        check_range("slope of the noise", self.low_slope, self.high_slope, -STEEPEST, STEEPEST)
        if self.recordings is None:
            return
        if not self.recordings:
            raise ValueError("recordings must list at least one sound file; leave it out for noise made on the spot.")
        missing = [str(path) for path in self.recordings if not Path(path).is_file()]
        if missing:
            raise FileNotFoundError(f"recordings of noise that are not there: {', '.join(missing)}")

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples with noise.

        Shape: [N] -> [N].
        """
        check_samples(samples, rate)
        snr_db = uniform(draw, self.low_snr_db, self.high_snr_db)
        noise = self.noise(len(samples), rate, draw)
        level = loudness(noise)
        if level == 0:
            return samples
        return samples + noise * (loudness(samples) / level * 10 ** (-snr_db / 20))

    def noise(self, n_samples: int, rate: int, draw: np.random.Generator) -> Tensor:
        """Return noise of any level.

        Shape: -> [N].
        """
        if self.recordings is None:
            return coloured_noise(n_samples, rate, uniform(draw, self.low_slope, self.high_slope), draw)
        recorded = recording(str(self.recordings[int(draw.integers(len(self.recordings)))]), rate)
        start = int(draw.integers(max(1, len(recorded) - n_samples + 1)))
        return recorded[start : start + n_samples].repeat(n_samples // len(recorded) + 1)[:n_samples]


def coloured_noise(n_samples: int, rate: int, slope: float, draw: np.random.Generator) -> Tensor:
    """Return Gaussian noise whose power falls as frequency ** -slope.

    Shape: -> [n_samples].
    """
    size = max(2, 1 << (n_samples - 1).bit_length())  # noise may go round in a circle: no zeros are needed beside it
    hertz = torch.linspace(0, rate / 2, size // 2 + 1).clamp(min=LOWEST_HZ)
    white = torch.from_numpy(draw.standard_normal(size, np.float32))
    return filtered(white, (hertz / LOWEST_HZ) ** (-slope / 2))[:n_samples]


@lru_cache(CACHED_RECORDINGS)
def recording(path: str, rate: int) -> Tensor:
    """Return a recording's samples; what was read last is kept, and must not be changed.

    Shape: -> [N].
    """
    return torch.from_numpy(audio.read(path, rate)[0])
