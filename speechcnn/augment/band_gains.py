"""Other microphones and levels, on features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from speechcnn.augment.ranges import check_gain, check_knots, check_map, curve, uniform
from speechcnn.augment.stages import Stage

NATS_PER_DB = math.log(10) / 10  # of power


@dataclass(frozen=True)
class BandGains:
    """Make log energies of bands larger or smaller, smoothly along their axis: `Equalizer` and `Gain` without samples.

    One level for all bands and gains at knots equally spaced over the bands, joined by straight lines, are drawn evenly
    in decibels. Rows behind the bands, energy, get the level alone.

    Args:
        level_db: largest gain or loss of all bands together.
        gain_db: largest gain or loss at a knot, on top of it.
        knots: places at which gains are drawn.
        n_bands: rows that are bands; None: all.

    Raises:
        ValueError: a value outside its limits.
    """

    level_db: float = 10.0
    gain_db: float = 6.0
    knots: int = 6
    n_bands: int | None = None
    on: ClassVar[Stage] = "features"

    def __post_init__(self) -> None:
        for name in ("level_db", "gain_db"):
            check_gain(name, getattr(self, name))
        check_knots(self.knots)

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the changed map; deltas, the channels after the first, are differences and stay.

        Shape: [C, F, T] -> [C, F, T].
        """
        n_bands = check_map(features, self.n_bands)
        decibels = np.full(features.shape[1], uniform(draw, -self.level_db, self.level_db))
        decibels[:n_bands] += curve(draw, self.gain_db, np.linspace(0, n_bands - 1, self.knots), np.arange(n_bands))
        changed = features.clone()
        changed[0] += torch.from_numpy(decibels * NATS_PER_DB).to(features.dtype)[:, None]
        return changed
