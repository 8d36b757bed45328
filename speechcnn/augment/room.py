"""Reverberation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from speechcnn.augment.ranges import check_range, check_samples, loudness, uniform

SHORTEST_SECONDS, LONGEST_SECONDS = 0.01, 20.0
MOST_DB = 60.0


@dataclass(frozen=True)
class Room:
    """Play a recording in a room: the direct sound, a pause, then a tail of noise that dies away exponentially.

    The tail falls by 60 dB in the reverberation time T60. The direct sound is not delayed, so that labels keep their
    times; the result is cut to the length of the recording and has its loudness. Source of the model: Polack (1988),
    in Kuttruff, "Room Acoustics".

    Args:
        low_t60_seconds: shortest reverberation time.
        high_t60_seconds: longest; both are drawn from evenly.
        low_direct_db: lowest ratio of the direct sound's energy to the tail's.
        high_direct_db: highest.
        first_reflection_ms: pause between the direct sound and the tail.

    Raises:
        ValueError: a range outside its limits, or a pause below 0.
    """

    low_t60_seconds: float = 0.1
    high_t60_seconds: float = 0.6
    low_direct_db: float = 0.0
    high_direct_db: float = 15.0
    first_reflection_ms: float = 2.0
    on: ClassVar[Literal["waveform", "features"]] = "waveform"

    def __post_init__(self) -> None:
        t60 = self.low_t60_seconds, self.high_t60_seconds
        check_range("reverberation time in seconds", *t60, SHORTEST_SECONDS, LONGEST_SECONDS)
        check_range("direct sound in dB", self.low_direct_db, self.high_direct_db, -MOST_DB, MOST_DB)
        most_ms = 1000 * self.low_t60_seconds
        if not 0 <= self.first_reflection_ms < most_ms:
            raise ValueError(
                f"first_reflection_ms must be at least 0 and below the shortest reverberation time of {most_ms:g} ms; "
                f"got {self.first_reflection_ms:g}."
            )

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples as they sound in a room.

        Shape: [N] -> [N].
        """
        check_samples(samples, rate)
        response = self.impulse_response(rate, draw)
        heard = convolved(samples, response)
        level = loudness(heard)
        return heard * (loudness(samples) / level) if level else samples

    def impulse_response(self, rate: int, draw: np.random.Generator) -> Tensor:
        """Draw a room: its answer to one click, the direct sound first and 1 high.

        Shape: -> [M], M the samples of one reverberation time.
        """
        t60 = uniform(draw, self.low_t60_seconds, self.high_t60_seconds)
        direct_db = uniform(draw, self.low_direct_db, self.high_direct_db)
        seconds = torch.arange(max(2, round(rate * t60))) / rate
        tail = torch.from_numpy(draw.standard_normal(len(seconds), np.float32)) * 10 ** (-3 * seconds / t60)
        tail[: max(1, round(rate * self.first_reflection_ms / 1000))] = 0
        energy = float(tail.square().sum())
        response = tail * (10 ** (-direct_db / 10) / energy) ** 0.5 if energy else tail
        response[0] = 1.0
        return response


def convolved(samples: Tensor, response: Tensor) -> Tensor:
    """Convolve samples with an impulse response and cut the result to their length.

    Shape: [N], [M] -> [N].
    """
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    spectrum = torch.fft.rfft(samples, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[: len(samples)]
