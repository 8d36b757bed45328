"""Other levels, and clipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from speechcnn.augment.ranges import check_range, check_samples, uniform

MOST_DB = 120.0


@dataclass(frozen=True)
class Gain:
    """Make a recording louder or softer by a factor drawn evenly in decibels; nothing is clipped.

    Raises:
        ValueError: a range that does not lie within -120 to 120 dB.
    """

    low_db: float = -12.0
    high_db: float = 6.0
    on: ClassVar[Literal["waveform", "features"]] = "waveform"

    def __post_init__(self) -> None:
        check_range("gain in dB", self.low_db, self.high_db, -MOST_DB, MOST_DB)

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples times the factor.

        Shape: [N] -> [N].
        """
        check_samples(samples, rate)
        return samples * 10 ** (uniform(draw, self.low_db, self.high_db) / 20)


@dataclass(frozen=True)
class Clip:
    """Cut off what exceeds a threshold, drawn evenly in decibels below the recording's largest value.

    Raises:
        ValueError: a range that does not lie within 0 to 120 dB.
    """

    low_db: float = 0.0
    high_db: float = 6.0
    on: ClassVar[Literal["waveform", "features"]] = "waveform"

    def __post_init__(self) -> None:
        check_range("clipping in dB below the peak", self.low_db, self.high_db, 0.0, MOST_DB)

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the clipped samples.

        Shape: [N] -> [N].
        """
        check_samples(samples, rate)
        if not len(samples):
            return samples
        threshold = float(samples.abs().max()) * 10 ** (-uniform(draw, self.low_db, self.high_db) / 20)
        return samples.clamp(-threshold, threshold)
