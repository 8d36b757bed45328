"""Another noise for the same recording, on features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from speechcnn.augment.band_gains import NATS_PER_DB
from speechcnn.augment.ranges import MOST_DB, check_gain, check_knots, check_map, check_range, curve, uniform
from speechcnn.augment.stages import Stage

LOUD_SHARE = 0.1  # of frames, whose level noise is measured against
DEGREES = 8  # of freedom of a band's energy in a frame, as chi-square: a band and a window hold a few cycles of noise


@dataclass(frozen=True)
class BandNoise:
    """Add the energies of steady noise to those of mel bands, in the logarithmic domain: `Noise` without samples.

    The noise has a smooth spectrum, drawn in decibels at knots equally spaced over the bands, and energies that scatter
    from frame to frame as those of Gaussian noise do. Its level lies an evenly drawn number of decibels below the
    mean over bands of the loudest tenth of all frames. Rows behind the bands, energy, stay, and so do deltas.

    Args:
        low_snr_db: smallest distance to the loudest frames.
        high_snr_db: largest.
        slope_db: largest gain or loss of the noise at a knot.
        knots: places at which its spectrum is drawn.
        n_bands: rows that are bands; None: all.

    Raises:
        ValueError: a value outside its limits.
    """

    low_snr_db: float = 3.0
    high_snr_db: float = 40.0
    slope_db: float = 10.0
    knots: int = 4
    n_bands: int | None = None
    on: ClassVar[Stage] = "features"

    def __post_init__(self) -> None:
        check_range("signal-to-noise ratio in dB", self.low_snr_db, self.high_snr_db, -MOST_DB, 2 * MOST_DB)
        check_gain("slope_db", self.slope_db)
        check_knots(self.knots)

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the map with noise.

        Shape: [C, F, T] -> [C, F, T].
        """
        n_bands, n_frames = check_map(features, self.n_bands), features.shape[-1]
        if not n_frames:
            return features
        levels = features[0, :n_bands].mean(0)
        loudest = float(levels.topk(max(1, round(LOUD_SHARE * n_frames))).values.mean())
        below = uniform(draw, self.low_snr_db, self.high_snr_db) * NATS_PER_DB
        knots = np.linspace(0, n_bands - 1, self.knots)
        spectrum = curve(draw, self.slope_db, knots, np.arange(n_bands)) * NATS_PER_DB
        scatter = np.log(draw.gamma(DEGREES / 2, 2 / DEGREES, (n_bands, n_frames)))
        noise = torch.from_numpy(loudest - below + spectrum[:, None] + scatter).to(features.dtype)
        changed = features.clone()
        changed[0, :n_bands] = torch.logaddexp(features[0, :n_bands], noise)
        return changed
