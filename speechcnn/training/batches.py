"""Examples in memory, and batches of them whose order is a pure function of (seed, epoch).

Because nothing about the order is remembered, the state of the sampler is two integers: the epoch and the batch
reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

IGNORED = -1  # the target of a frame that only pads its batch

# So many utterances are sorted by length together: less padding, the order still random.
POOL_BATCHES, LEAST_POOL = 16, 32


@dataclass(frozen=True)
class Example:
    """One utterance ready for training: its features and what to learn: a class for each frame, or a label sequence.

    Shape: features [C, F, T], targets [T] or [L] (int64).
    """

    id: str
    features: Tensor
    targets: Tensor

    @property
    def n_frames(self) -> int:
        """Frames of the utterance."""
        return self.features.shape[-1]


@dataclass(frozen=True)
class Batch:
    """Utterances padded to one length with zeros (features) and `IGNORED` (targets).

    Shape: features [B, C, F, T], targets [B, T] or [B, L], n_frames [B].
    """

    ids: tuple[str, ...]
    features: Tensor
    targets: Tensor
    n_frames: Tensor  # of each utterance, without what pads it


class Augment(Protocol):
    """What makes another example of one in each epoch."""

    def __call__(self, example: Example, epoch: int) -> Example:
        """Return the example as it is in an epoch."""


class Batching(Protocol):
    """How examples become batches; all that is random in it follows from (seed, epoch, item)."""

    def plan(self, examples: Sequence[Example], epoch: int) -> list[list[int]]:
        """Return the epoch's batches as lists of example numbers."""

    def join(self, examples: Sequence[Example], indices: Sequence[int], epoch: int | None) -> Batch:
        """Return the batch of these examples; without an epoch nothing is random, as evaluation needs it."""


@dataclass(frozen=True)
class FrameBatching:
    """Whole utterances, padded to one length, at most so many frames together.

    Args:
        max_frames: of a batch. Batches are planned by the lengths before `augment`, so that one may hold more frames,
            as far as that lengthens.
        seed: with the epoch it decides the order.
        augment: returns a training example as it is in an epoch; a pure function of both.
    """

    max_frames: int
    seed: int
    augment: Augment | None = None

    def plan(self, examples: Sequence[Example], epoch: int) -> list[list[int]]:
        """Return the epoch's batches as lists of example numbers."""
        return plan_epoch([example.n_frames for example in examples], self.max_frames, self.seed, epoch)

    def join(self, examples: Sequence[Example], indices: Sequence[int], epoch: int | None) -> Batch:
        """Return the examples padded to one length."""
        chosen = [examples[i] for i in indices]
        if self.augment is not None and epoch is not None:
            chosen = [self.augment(example, epoch) for example in chosen]
        return collate(chosen)


def generator(seed: int, *path: int) -> np.random.Generator:
    """Return a random generator that depends on nothing but its arguments."""
    return np.random.default_rng([seed, *path])


def plan_epoch(lengths: Sequence[int], max_frames: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the epoch's batches as lists of example numbers; each example occurs once.

    Examples are drawn in random order, sorted by length within pools of a few batches, cut so that a padded batch
    holds at most `max_frames` frames (one longer utterance makes its own batch), and the batches are shuffled.
    """
    rng = generator(seed, epoch)
    order = rng.permutation(len(lengths))
    mean_length = max(1, int(np.mean(lengths))) if len(lengths) else 1
    pool = max(LEAST_POOL, POOL_BATCHES * max_frames // mean_length)
    batches = [
        batch
        for start in range(0, len(order), pool)
        for batch in cut(sorted(order[start : start + pool].tolist(), key=lambda i: lengths[i]), lengths, max_frames)
    ]
    return [batches[i] for i in rng.permutation(len(batches))]


def cut(ordered: Sequence[int], lengths: Sequence[int], max_frames: int) -> list[list[int]]:
    """Cut examples sorted by length into batches of at most `max_frames` padded frames."""
    batches: list[list[int]] = []
    for index in ordered:
        if batches and (len(batches[-1]) + 1) * lengths[index] <= max_frames:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples to one batch."""
    features = pad_sequence([example.features.movedim(-1, 0) for example in examples], batch_first=True)
    targets = pad_sequence([example.targets for example in examples], batch_first=True, padding_value=IGNORED)
    n_frames = torch.tensor([example.n_frames for example in examples])
    return Batch(tuple(example.id for example in examples), features.movedim(1, -1).contiguous(), targets, n_frames)


def class_counts(examples: Sequence[Example], n_classes: int) -> Tensor:
    """Return how many frames each class has.

    Shape: [K].
    """
    return sum(
        (torch.bincount(example.targets, minlength=n_classes) for example in examples),
        start=torch.zeros(n_classes, dtype=torch.int64),
    )
