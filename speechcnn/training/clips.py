"""Batches of clips: random windows, mixed and masked, every draw a function of (seed, epoch, item)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.augment import Chain
from speechcnn.augment.mixup import Mixup
from speechcnn.features import levelled
from speechcnn.features.levels import NATS_PER_DB
from speechcnn.training.batches import Batch, Example, generator
from speechcnn.training.tasks import Tally

ORDER, ITEM = 0, 1  # what a stream of random numbers is for: the order of an epoch, or one item of it


@dataclass(frozen=True)
class ClipExample(Example):
    """One clip: its log-mel features, the share of each class in it, and how much it counts.

    Shape: features [C, F, T], targets [K] (float).
    """

    weight: float = 1.0


@dataclass(frozen=True)
class ClipBatch(Batch):
    """Windows of clips, of one length.

    Shape: features [B, C, F, T], targets [B, K] (float), n_frames [B], weights [B].
    """

    weights: Tensor


@dataclass(frozen=True)
class ClipBatching:
    """Random windows of clips, mixed, changed and masked in training; the middle window of each in evaluation.

    Args:
        size: clips of a batch.
        n_frames: frames of a window; a shorter clip is repeated to fill it.
        seed: with the epoch and the item it decides all that is random.
        mean, std: by which features are normalised, [C, F, 1] each.
        mixup: mixes each window with one of another clip; None: never.
        chain: augmentations of each window's features, and of their normalised mixture; None: none.
        gain_db: standard deviation of a random level, in dB.
        channels_last: layout of the batch in memory that some processors' convolutions prefer.
        wrap: whether a window may begin anywhere, a clip's end being followed by its beginning; else it lies within.
        range_db: each window's log energies count from its loudest cell down to so far below it; 0: as they are.
    """

    size: int
    n_frames: int
    seed: int
    mean: Tensor
    std: Tensor
    mixup: Mixup | None = None
    chain: Chain | None = None
    gain_db: float = 0.0
    channels_last: bool = False
    wrap: bool = True
    range_db: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"batch_size must be at least 1; got {self.size}.")
        if not 0 <= self.gain_db <= 40:
            raise ValueError(f"gain_db must be from 0 to 40; got {self.gain_db}.")

    def plan(self, examples: Sequence[Example], epoch: int) -> list[list[int]]:
        """Return the epoch's batches in random order; a lone example at the end joins the batch before it."""
        order = generator(self.seed, ORDER, epoch).permutation(len(examples)).tolist()
        batches = [order[start : start + self.size] for start in range(0, len(order), self.size)]
        if len(batches) > 1 and len(batches[-1]) == 1:  # batch norm has no variance over a single one
            batches[-2:] = [batches[-2] + batches[-1]]
        return batches

    def join(self, examples: Sequence[Example], indices: Sequence[int], epoch: int | None) -> ClipBatch:
        """Return the batch of these examples; without an epoch nothing is random."""
        rows = [self.middle(examples[i]) if epoch is None else self.drawn(examples, i, epoch) for i in indices]
        features = (torch.stack([row[0] for row in rows]) - self.mean) / self.std
        if epoch is not None and self.chain is not None:
            draws = [generator(self.seed, ITEM, epoch, i, 1) for i in indices]
            changed = [self.chain.maps("normalised", *pair) for pair in zip(features, draws, strict=True)]
            features = torch.stack(changed)
        if self.channels_last:
            features = features.contiguous(memory_format=torch.channels_last)
        return ClipBatch(
            tuple(examples[i].id for i in indices),
            features,
            torch.stack([row[1] for row in rows]),
            torch.full((len(indices),), self.n_frames),
            torch.tensor([row[2] for row in rows]),
        )

    def middle(self, example: Example) -> tuple[Tensor, Tensor, float]:
        """Return the window in a clip's middle, its targets and its weight."""
        features = filled(example.features, self.n_frames)
        start = (features.shape[-1] - self.n_frames) // 2
        window = levelled(features[..., start : start + self.n_frames], self.range_db)
        return window, example.targets, weight_of(example)

    def drawn(self, examples: Sequence[Example], item: int, epoch: int) -> tuple[Tensor, Tensor, float]:
        """Return a random window of a clip, perhaps mixed with one of another clip."""
        draw = generator(self.seed, ITEM, epoch, item)
        first, second = examples[item], examples[int(draw.integers(len(examples)))]
        features = self.window(first, draw)
        if self.mixup is None:
            return features, first.targets, weight_of(first)
        mixed, share = self.mixup(features, self.window(second, draw), draw)
        targets = share * first.targets + (1 - share) * second.targets
        return mixed, targets, share * weight_of(first) + (1 - share) * weight_of(second)

    def window(self, example: Example, draw: np.random.Generator) -> Tensor:
        """Return a random window at a random level, changed.

        Shape: -> [C, F, T].
        """
        whole = filled(example.features, self.n_frames)
        start = int(draw.integers(whole.shape[-1] if self.wrap else whole.shape[-1] - self.n_frames + 1))
        window = levelled(torch.roll(whole, -start, -1)[..., : self.n_frames], self.range_db)
        # Features are logarithms of energies: a level is added.
        window = window + float(draw.normal(0.0, 1.0)) * self.gain_db * NATS_PER_DB
        return window if self.chain is None else self.chain.maps("features", window, draw)


def weight_of(example: Example) -> float:
    """Return how much an example counts."""
    return example.weight if isinstance(example, ClipExample) else 1.0


def filled(features: Tensor, n_frames: int) -> Tensor:
    """Return a map repeated until it has the frames.

    Shape: [C, F, T] -> [C, F, >= n_frames].
    """
    missing = n_frames - features.shape[-1]
    if missing <= 0:
        return features
    return features.repeat(1, 1, 1 + -(-missing // features.shape[-1]))[..., :n_frames]


class ClipCrossEntropy:
    """Cross-entropy between a clip's scores and the share of each class in it (softmax), one class in each clip.

    Args:
        label_smoothing: share of the target that is spread over all classes (Szegedy et al., 2016).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1; got {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def fits(self, example: Example) -> bool:
        """Say yes: each clip has its classes."""
        return True

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return all examples: each clip has its classes."""
        return list(examples)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the weighted mean loss per clip.

        Shape: scores [B, K] -> [].
        """
        losses = F.cross_entropy(scores.float(), batch.targets, reduction="none", label_smoothing=self.label_smoothing)
        return weighted_mean(losses, batch)

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the weighted cross-entropy and how many clips have their largest class on top, summed."""
        loss = (weights_of(batch) * F.cross_entropy(scores.float(), batch.targets, reduction="none")).sum()
        return Tally(float(loss), int((scores.argmax(-1) == batch.targets.argmax(-1)).sum()), len(scores))


class ClipBinaryCrossEntropy(ClipCrossEntropy):
    """Cross-entropy of each class for itself (sigmoid): any number of classes in each clip."""

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the weighted mean loss per clip and class.

        Shape: scores [B, K] -> [].
        """
        targets = batch.targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(scores.float(), targets, reduction="none").mean(-1)
        return weighted_mean(losses, batch)

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the weighted cross-entropy per class and how many clips have all their classes right, summed."""
        losses = F.binary_cross_entropy_with_logits(scores.float(), batch.targets, reduction="none").mean(-1)
        loss = (weights_of(batch) * losses).sum()
        right = ((scores > 0) == (batch.targets > 0.5)).all(-1)
        return Tally(float(loss), int(right.sum()), len(scores))


def weighted_mean(losses: Tensor, batch: Batch) -> Tensor:
    """Return the mean of the clips' losses by their weights.

    Shape: [B] -> [].
    """
    weights = weights_of(batch)
    return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def weights_of(batch: Batch) -> Tensor:
    """Return how much each clip of a batch counts.

    Shape: -> [B].
    """
    return batch.weights if isinstance(batch, ClipBatch) else torch.ones(len(batch.ids))
