"""Other speeds, and the labels that move with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from speechcnn import audio
from speechcnn.augment.ranges import check_range, check_samples, uniform
from speechcnn.labels import Segment

STEPS = 100  # to a factor of 1; a finer grid would need a filter bank of its own for nearly every draw
SLOWEST, FASTEST = 0.5, 2.0


@dataclass(frozen=True)
class Speed:
    """Play a recording faster or slower by resampling: time, pitch and formants move together.

    At factor 1.1 a recording of N samples keeps N / 1.1, and all frequencies rise by a tenth. Factors are drawn evenly
    and rounded to hundredths. Source: Ko et al. (2015), "Audio augmentation for speech recognition".

    Raises:
        ValueError: a range that does not lie within 0.5 to 2.
    """

    low: float = 0.9
    high: float = 1.1
    on: ClassVar[Literal["waveform", "features"]] = "waveform"

    def __post_init__(self) -> None:
        check_range("speed", self.low, self.high, SLOWEST, FASTEST)

    def factor(self, draw: np.random.Generator) -> float:
        """Draw a factor."""
        return round(uniform(draw, self.low, self.high) * STEPS) / STEPS

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples at the speed that `factor` gives for the same draw.

        Shape: [N] -> [N'].
        """
        return self.moved(samples, rate, draw)[0]

    def moved(self, samples: Tensor, rate: int, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Return the samples and the factor by which they were sped up."""
        check_samples(samples, rate)
        factor = self.factor(draw)
        return at_speed(samples, factor), factor


def at_speed(samples: Tensor, factor: float) -> Tensor:
    """Return samples sped up by a factor that is a whole number of hundredths.

    Shape: [N] -> [N'].
    """
    hundredths = round(factor * STEPS)
    if hundredths == STEPS or not len(samples):
        return samples
    # The ratio of the rates alone matters to a resampler.
    return torch.from_numpy(audio.resample(samples.numpy(), hundredths, STEPS))


def moved_labels(segments: Iterable[Segment], factor: float) -> list[Segment]:
    """Return segments as they lie in a recording sped up by a factor."""
    return [replace(segment, start=segment.start / factor, end=segment.end / factor) for segment in segments]
