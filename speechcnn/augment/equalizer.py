"""Other microphones and lines: smooth gains over frequency, and limits of the band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn import mel
from speechcnn.augment.ranges import check_gain, check_knots, check_samples, curve, filtered, spectrum_size, uniform
from speechcnn.augment.stages import Stage

STOP_DB = 60.0  # how far the band falls beyond its limits
FALL_OCTAVES = 0.5  # over which it falls
MOST_POINTS = 2**13  # frequencies at which a response is computed


@dataclass(frozen=True)
class Equalizer:
    """Send a recording through a channel with smooth random gains, and with a band that may end sooner.

    Gains are drawn evenly in decibels at frequencies equally spaced in mel and joined by straight lines. The filter has
    no phase, so that it moves nothing in time.

    Args:
        gain_db: largest gain or loss at any frequency.
        knots: frequencies at which gains are drawn, the lowest 0, the highest half the rate.
        low_limit_hz: the band's lower limit is drawn from 0 up to here; 0: none.
        high_limit_hz: the band's upper limit is drawn from here up to half the rate; None: none.

    Raises:
        ValueError: a value outside its limits.
    """

    gain_db: float = 6.0
    knots: int = 7
    low_limit_hz: float = 0.0
    high_limit_hz: float | None = None
    on: ClassVar[Stage] = "waveform"

    def __post_init__(self) -> None:
        check_gain("gain_db", self.gain_db)
        check_knots(self.knots)
        if self.low_limit_hz < 0:
            raise ValueError(f"low_limit_hz must be at least 0; got {self.low_limit_hz:g}.")
        if self.high_limit_hz is not None and self.high_limit_hz <= self.low_limit_hz:
            raise ValueError(
                f"high_limit_hz must be above low_limit_hz, {self.low_limit_hz:g}; got {self.high_limit_hz:g}."
            )

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples as the channel gives them.

        Shape: [N] -> [N].
        """
        check_samples(samples, rate)
        size = spectrum_size(len(samples)) // 2
        # A smooth curve: between so many frequencies straight lines are as good as it, and cost a tenth.
        hertz = torch.linspace(0, rate / 2, min(size, MOST_POINTS) + 1, dtype=torch.float64)
        gains = (10 ** (self.response_db(hertz, rate, draw) / 20)).float()
        return filtered(samples, F.interpolate(gains[None, None], size + 1, mode="linear", align_corners=True)[0, 0])

    def response_db(self, hertz: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Draw a channel: its gain at each frequency, in decibels.

        Shape: [M] -> [M].
        """
        knots = mel.spaced(0, rate / 2, self.knots).numpy()
        response = torch.from_numpy(curve(draw, self.gain_db, knots, mel.from_hertz(hertz).numpy()))
        low_limit = uniform(draw, 0, self.low_limit_hz)
        high_limit = uniform(draw, min(self.high_limit_hz or rate / 2, rate / 2), rate / 2)
        if self.low_limit_hz > 0:
            response = response - fall_db(low_limit, hertz)
        if self.high_limit_hz is not None:
            response = response - fall_db(hertz, torch.tensor(high_limit))
        return response


def fall_db(above: Tensor | float, below: Tensor) -> Tensor:
    """Return how many decibels are lost where one frequency lies above another: all after a few semitones."""
    octaves = torch.log2(torch.as_tensor(above).clamp(min=1.0) / below.clamp(min=1.0))
    return STOP_DB * (octaves / FALL_OCTAVES).clamp(0, 1)
