"""What a keyword network is trained on is another recording in each epoch: channel, noise, vocal tract, speed, masks.

What is drawn is a pure function of (seed, epoch, recording), so that a run that was stopped goes on exactly.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechcnn.augment import Chain
from speechcnn.augment.ranges import between, curve
from speechcnn.features import Normalizer
from speechcnn.training.batches import Example, generator
from speechcnn.training.keyword_task import OFFSET, ONSET, TIMED

SLOWEST, FASTEST = 0.82, 1.22  # factors on the speed
UNEVEN = 1.22  # factor by which it is faster or slower for a while
WHILE_FRAMES = 20  # between two draws of that
BRANCH = 31  # of the seed


class FreshEachEpoch:
    """Changes a training example for an epoch.

    Args:
        chain: changes of features, before and after they are normalised.
        tempo: how often the speed is changed.
        normalizer: that made the examples' features of log energies.
        stride: feature frames for each frame of the targets.
        shift_seconds: between feature frames.
        seed: of the run.
    """

    def __init__(
        self, chain: Chain, tempo: float, normalizer: Normalizer, stride: int, shift_seconds: float, seed: int
    ) -> None:
        self.chain, self.tempo, self.normalizer, self.seed = chain, tempo, normalizer, seed
        self.stride, self.shift_seconds = stride, shift_seconds

    def __call__(self, example: Example, epoch: int) -> Example:
        """Return the example as it is in an epoch."""
        draw = generator(self.seed, BRANCH, epoch, zlib.crc32(example.id.encode()))
        features, targets = example.features, example.targets
        if draw.random() < self.tempo:
            speed = speeds(features.shape[-1], draw)
            features, targets = at_tempo(features, targets, speed, self.stride, self.shift_seconds)
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


def speeds(n_frames: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return how many frames of a recording go by in each frame of its faster or slower version; their sum is all.

    Shape: -> [T'].
    """
    factor = float(np.exp(draw.uniform(math.log(SLOWEST), math.log(FASTEST))))
    length = max(1, round(n_frames / factor))
    knots = np.arange(0.0, length + WHILE_FRAMES, WHILE_FRAMES)
    uneven = np.exp(curve(draw, math.log(UNEVEN), knots, np.arange(length)))
    return uneven * (n_frames / uneven.sum())


def at_tempo(
    features: Tensor, targets: Tensor, speed: NDArray[np.float64], stride: int, shift_seconds: float
) -> tuple[Tensor, Tensor]:
    """Return features and targets of a recording that is spoken faster or slower at the same pitch.

    Shape: features [C, F, T], targets [ceil(T / stride), 5] of `frame_targets`, speed [T'] -> the same for T' frames.
    """
    passed = np.concatenate([[0.0], np.cumsum(speed)])  # frames of the recording before each of the result
    places = (passed[:-1] + passed[1:]) / 2 - 0.5
    heard = places[::stride]
    moved = targets[torch.from_numpy(heard / stride).round().long().clamp(0, len(targets) - 1)].clone()
    timed = moved[:, TIMED] == 1
    for column in (ONSET, OFFSET):  # moments of the recording are looked up on the axis of the result
        moments = heard - moved[:, column].numpy() / shift_seconds
        later = np.interp(moments + 0.5, passed, np.arange(len(passed))) - 0.5
        back = torch.from_numpy((np.arange(len(heard)) * stride - later) * shift_seconds)
        moved[:, column] = torch.where(timed, back.float(), moved[:, column])
    return between(features, places, -1), moved
