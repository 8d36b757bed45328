"""What a keyword network is trained on is another recording in each epoch: channel, level, vocal tract, speed, masks.

What is drawn is a pure function of (seed, epoch, recording), so that a run that was stopped goes on exactly.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.augment import Chain
from speechcnn.features import Normalizer
from speechcnn.training.batches import Example, generator

SLOWEST, FASTEST = 0.85, 1.2  # factors on the speed
BRANCH = 31  # of the seed


class FreshEachEpoch:
    """Changes a training example for an epoch.

    Args:
        chain: changes of features, before and after they are normalised.
        tempo: how often the speed is changed.
        normalizer: that made the examples' features of log energies.
        stride: feature frames for each frame of the targets.
        seed: of the run.
    """

    def __init__(self, chain: Chain, tempo: float, normalizer: Normalizer, stride: int, seed: int) -> None:
        self.chain, self.tempo, self.normalizer, self.stride, self.seed = chain, tempo, normalizer, stride, seed

    def __call__(self, example: Example, epoch: int) -> Example:
        """Return the example as it is in an epoch."""
        draw = generator(self.seed, BRANCH, epoch, zlib.crc32(example.id.encode()))
        features, targets = example.features, example.targets
        if draw.random() < self.tempo:
            features, targets = at_tempo(features, targets, float(draw.uniform(SLOWEST, FASTEST)), self.stride)
        plain = self.chain.maps("features", self.plain(features), draw)
        with torch.no_grad():
            changed = self.normalizer.part(plain, None)
        return Example(example.id, self.chain.maps("normalised", changed, draw), targets)

    def plain(self, features: Tensor) -> Tensor:
        """Return features as they were before normalisation.

        Shape: [C, F, T], kept.
        """
        if self.normalizer.kind == "none":
            return features
        return features * self.normalizer.std + self.normalizer.mean


def at_tempo(features: Tensor, targets: Tensor, factor: float, stride: int) -> tuple[Tensor, Tensor]:
    """Return features and targets of a recording that is spoken `factor` times faster at the same pitch.

    Shape: features [C, F, T], targets [ceil(T / stride), 4] of `frame_targets` -> the same for T' = T / factor.
    """
    n_frames = max(1, round(features.shape[-1] / factor))
    resized = F.interpolate(features, n_frames, mode="linear", align_corners=False)
    n_targets = -(-n_frames // stride)
    # Frame t' of the result has its middle where frame (t' + 1/2) * factor - 1/2 has it.
    places = ((stride * np.arange(n_targets) + 0.5) * factor - 0.5) / stride
    moved = targets[torch.from_numpy(places).round().long().clamp(0, len(targets) - 1)].clone()
    moved[:, 2:] /= factor
    return resized, moved
