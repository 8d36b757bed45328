"""Masks over bands and frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from speechcnn.augment.ranges import check_map

MOST_MASKS = 100


@dataclass(frozen=True)
class SpecAugment:
    """Hide some neighbouring bands and some neighbouring frames behind their rows' means.

    A mask's width is drawn evenly from 0 to its largest, its place evenly among those where it fits. All channels are
    masked alike. Time is not warped. Source: Park et al. (2019), "SpecAugment".

    Args:
        frequency_masks: how many masks over bands.
        most_bands: largest width of one.
        time_masks: how many masks over frames.
        most_frames: largest width of one.
        most_share: of the frames, that one mask over frames may hide (p in the paper).
        n_bands: rows that lie on the frequency axis, energy not being one; None: all. Masks over frames hide all rows.

    Raises:
        ValueError: a value outside its limits.
    """

    frequency_masks: int = 2
    most_bands: int = 8
    time_masks: int = 2
    most_frames: int = 25
    most_share: float = 0.2
    n_bands: int | None = None
    on: ClassVar[Literal["waveform", "features"]] = "features"

    def __post_init__(self) -> None:
        for name in ("frequency_masks", "time_masks"):
            if not 0 <= getattr(self, name) <= MOST_MASKS:
                raise ValueError(f"{name} must be from 0 to {MOST_MASKS}; got {getattr(self, name)}.")
        for name in ("most_bands", "most_frames"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0; got {getattr(self, name)}.")
        if not 0 <= self.most_share <= 1:
            raise ValueError(f"most_share must be from 0 to 1; got {self.most_share:g}.")

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the masked map.

        Shape: [C, F, T] -> [C, F, T].
        """
        n_bands, n_frames = check_map(features, self.n_bands), features.shape[-1]
        if not n_frames:
            return features
        means, masked = features.mean(-1, keepdim=True), features.clone()
        for _ in range(self.frequency_masks):
            start, end = span(draw, n_bands, self.most_bands)
            masked[:, start:end] = means[:, start:end]
        for _ in range(self.time_masks):
            start, end = span(draw, n_frames, min(self.most_frames, int(self.most_share * n_frames)))
            masked[..., start:end] = means
        return masked


def span(draw: np.random.Generator, length: int, most: int) -> tuple[int, int]:
    """Draw where a mask begins and ends on an axis."""
    width = int(draw.integers(min(most, length) + 1))
    start = int(draw.integers(length - width + 1))
    return start, start + width
