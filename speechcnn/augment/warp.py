"""Other vocal tracts: the frequency axis of mel bands, warped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from speechcnn import mel
from speechcnn.augment.ranges import between, check_map, check_range, uniform
from speechcnn.augment.stages import Stage

LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0


@dataclass(frozen=True)
class FrequencyWarp:
    """Warp the mel bands of a map as another length of the vocal tract would (vocal tract length perturbation).

    What lay at a frequency f comes to lie at factor * f; above `boundary_hz` (or what would land there) the rest of the
    axis is stretched linearly so that half the rate stays where it is. The paper moves the triangles over the linear
    spectrum; this reads between the bands of a finished map, so that it works on features in memory, and, all
    channels being read alike, deltas remain deltas. Source: Jaitly and Hinton (2013), "Vocal tract length perturbation
    (VTLP) improves speech recognition".

    Args:
        n_bands: rows that are mel bands; rows behind them, energy, stay.
        rate: samples per second of the recordings.
        low_hz: lower edge of the first band.
        high_hz: upper edge of the last band.
        low: smallest factor; factors are drawn evenly.
        high: largest.
        boundary_hz: up to which frequencies are multiplied.

    Raises:
        ValueError: a value outside its limits.
    """

    n_bands: int
    rate: int
    low_hz: float
    high_hz: float
    low: float = 0.9
    high: float = 1.1
    boundary_hz: float = 4800.0
    on: ClassVar[Stage] = "features"

    def __post_init__(self) -> None:
        check_range("warping factor", self.low, self.high, LEAST_FACTOR, MOST_FACTOR)
        check_range("the bands' edges in hertz", self.low_hz, self.high_hz, 0, self.rate / 2)
        if self.n_bands < 1:
            raise ValueError(f"n_bands must be at least 1; got {self.n_bands}.")
        if not 0 < self.boundary_hz < self.rate / 2:
            raise ValueError(
                f"boundary_hz must lie between 0 and half the rate, {self.rate / 2:g}; got {self.boundary_hz:g}."
            )

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the warped map.

        Shape: [C, F, T] -> [C, F, T].
        """
        check_map(features, self.n_bands)
        places = self.places(uniform(draw, self.low, self.high))
        bands = between(features[:, : self.n_bands], places.numpy(), 1)
        return torch.cat([bands, features[:, self.n_bands :]], 1)

    def places(self, factor: float) -> Tensor:
        """Return where on the axis of bands each band of the warped map is read; beyond the edges, the edge band.

        Shape: -> [n_bands].
        """
        edges = mel.spaced(self.low_hz, self.high_hz, self.n_bands + 2)
        sources = mel.from_hertz(self.source(mel.to_hertz(edges[1:-1]), factor))
        return ((sources - edges[1]) / (edges[1] - edges[0])).clamp(0, self.n_bands - 1)

    def source(self, hertz: Tensor, factor: float) -> Tensor:
        """Return which frequencies come to lie at the given ones: the inverse of the paper's piecewise-linear warp.

        Shape: any, kept.
        """
        top, knee = self.rate / 2, self.boundary_hz * min(factor, 1.0)
        beyond = top - (top - hertz) * (top - knee / factor) / (top - knee)
        return torch.where(hertz <= knee, hertz / factor, beyond)
