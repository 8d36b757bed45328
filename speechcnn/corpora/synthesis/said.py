"""What a program says that is handed phones: samples, and when it says which phone."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAUSE = "pau"


class Said(NamedTuple):
    """Samples [N] in -1..1, their rate in hertz, and the names and the ends in seconds of phones and pauses."""

    samples: NDArray[np.float64]
    rate: int
    names: list[str]
    ends: list[float]


def read_samples(path: Path) -> tuple[NDArray[np.float64], int]:
    """Return samples [N] in -1..1 and their rate in hertz, of a file of 16 bits and one channel."""
    with wave.open(str(path)) as stream:
        return np.frombuffer(stream.readframes(stream.getnframes()), "<i2") / 32768, stream.getframerate()
