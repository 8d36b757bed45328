"""Other vowels of the same word: the frequency axis of mel bands, shifted here up and there down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from speechcnn.augment.ranges import between, check_map, curve
from speechcnn.augment.stages import Stage

MOST_KNOTS = 40


@dataclass(frozen=True)
class FormantWarp:
    """Move neighbouring formants apart, together or both, as accents do: "two" with its vowel further to the front.

    Shifts are drawn evenly at knots equally spaced over the bands and joined by straight lines; bands never change
    their order. `FrequencyWarp` stretches the whole axis by one factor, as another length of the vocal tract does.

    Args:
        n_bands: rows that are mel bands; rows behind them, energy, stay.
        most_bands: largest shift, in bands.
        knots: places at which shifts are drawn.

    Raises:
        ValueError: a value outside its limits, or shifts by which bands would change their order.
    """

    n_bands: int
    most_bands: float = 1.0
    knots: int = 6
    on: ClassVar[Stage] = "features"

    def __post_init__(self) -> None:
        if self.n_bands < 2 or not 2 <= self.knots <= min(MOST_KNOTS, self.n_bands):
            raise ValueError(
                f"knots must be from 2 to {MOST_KNOTS} and at most the bands; got {self.knots} of {self.n_bands}."
            )
        most = (self.n_bands - 1) / (self.knots - 1) / 2
        if not 0 <= self.most_bands < most:
            raise ValueError(f"most_bands must be at least 0 and below half a knot's distance, {most:g}; "
                             f"got {self.most_bands:g}.")  # fmt: skip

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the warped map; beyond the edges, the edge band is read.

        Shape: [C, F, T] -> [C, F, T].
        """
        check_map(features, self.n_bands)
        bands = np.arange(self.n_bands)
        places = bands + curve(draw, self.most_bands, np.linspace(0, self.n_bands - 1, self.knots), bands)
        moved = between(features[:, : self.n_bands], places, 1)
        return torch.cat([moved, features[:, self.n_bands :]], 1)
