"""Features of a stream: what `LogMel` and `Mfcc` give for a whole recording, from pieces of any number of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from speechcnn.features.log_mel import LogMel
from speechcnn.features.mfcc import Mfcc
from speechcnn.shapes import frame_count


def check_streams(features: LogMel | Mfcc) -> None:
    """Raise a ValueError unless each frame depends on its own samples alone, so that it is known when they are."""
    if features.n_streams > 1:
        raise ValueError(
            f"a stream has no deltas, which wait for later frames; got features with {features.n_streams - 1} of them. "
            "Give deltas=0."
        )


def step(features: LogMel | Mfcc, samples: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames that became whole, and the samples that later frames still need.

    Before the first piece nothing is held: [B, 0].

    Shape: samples [B, N], held [B, M] -> features [B, 1, F (+1), T], held [B, M'].
    """
    bands = features.log_mel if isinstance(features, Mfcc) else features
    held = torch.cat([held, samples], -1)
    n_frames = frame_count(held.shape[-1], bands.window_samples, bands.shift_samples)
    found, _ = features(held)
    return found, held[:, n_frames * bands.shift_samples :].clone()
