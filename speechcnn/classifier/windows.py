"""Clips of any length as windows of one length: what is done with short ones, and how long ones are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechcnn.features import levelled

SHORT = ("repeat", "pad")


@dataclass(frozen=True)
class HeardWindow:
    """What is heard in one window of a clip: the probability of each class."""

    start: float  # seconds
    end: float  # of the sound, where the clip ends within the window
    probabilities: Mapping[Any, float]

    def top(self, k: int) -> list[tuple[Any, float]]:
        """Return the `k` most probable classes with their probabilities."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:k]


@dataclass(frozen=True)
class WindowPolicy:
    """How a clip becomes windows; it is kept with the model, so that training and use do the same.

    Args:
        n_samples: of a window.
        n_frames: of a window.
        hop_frames: between the windows of a longer clip; the last window ends where the clip ends.
        short: a clip that is shorter than a window is repeated ("repeat") or followed by silence ("pad").
        votes: so many windows spread evenly over a longer clip, in place of one every hop; 0: by hop.
        range_db: log energies count from a window's loudest cell down to so far below it; 0: as they are.

    Raises:
        ValueError: a value outside its limits.
    """

    n_samples: int
    n_frames: int
    hop_frames: int
    short: Literal["repeat", "pad"] = "repeat"
    votes: int = 0
    range_db: float = 0.0

    def __post_init__(self) -> None:
        if self.short not in SHORT:
            raise ValueError(f"short must be one of {', '.join(SHORT)}; got {self.short!r}.")
        for name in ("n_samples", "n_frames", "hop_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if not 0 <= self.votes <= 1000:
            raise ValueError(f"votes must be from 0 to 1000; got {self.votes}.")
        if not 0 <= self.range_db <= 1000:
            raise ValueError(f"range_db must be from 0 to 1000; got {self.range_db}.")

    def lengthened(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return samples that fill one window at least.

        Shape: [N] -> [>= n_samples].
        """
        missing = self.n_samples - len(samples)
        if missing <= 0:
            return samples
        return np.resize(samples, self.n_samples) if self.short == "repeat" else np.pad(samples, (0, missing))

    def starts(self, n_frames: int) -> list[int]:
        """Return where windows begin in so many frames; every frame lies in one unless there are votes."""
        last = max(0, n_frames - self.n_frames)
        if self.votes:
            return sorted({round(place) for place in np.linspace(0, last, self.votes)})
        return sorted({*range(0, last + 1, self.hop_frames), last})

    def cut(self, features: Tensor, reference: Tensor | None = None) -> Tensor:
        """Return the windows of one clip, levelled.

        Args:
            features: the clip's.
            reference: the log energy that becomes 0; None: each window's highest.

        Shape: [C, F, T] -> [W, C, F, n_frames].
        """
        windows = torch.stack([features[..., s : s + self.n_frames] for s in self.starts(features.shape[-1])])
        return levelled(windows, self.range_db, reference)
