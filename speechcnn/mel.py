"""The mel scale, 1127 ln(1 + f / 700) (O'Shaughnessy, 1987), said once."""

from __future__ import annotations

import torch
from torch import Tensor


def from_hertz(hertz: Tensor) -> Tensor:
    """Return frequencies in mel.

    Shape: any, kept.
    """
    return 1127 * torch.log1p(hertz / 700)


def to_hertz(mel: Tensor) -> Tensor:
    """Return frequencies in hertz.

    Shape: any, kept.
    """
    return 700 * torch.expm1(mel / 1127)


def spaced(low_hz: float, high_hz: float, count: int) -> Tensor:
    """Return frequencies in mel at equal distances from one frequency to another, both included.

    Shape: -> [count], float64.
    """
    ends = from_hertz(torch.tensor([low_hz, high_hz], dtype=torch.float64)).tolist()
    return torch.linspace(ends[0], ends[1], count, dtype=torch.float64)
