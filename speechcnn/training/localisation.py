"""Losses of networks that say where something is: events of frames, and a class with its box and landmarks.

Sources: Bhiksha Raj, "Convolutional Networks IV" (2021): cross-entropy for the class plus L2 for the box;
Rezatofighi et al. (2019), "Generalized intersection over union".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.training.batches import IGNORED, Batch, Example
from speechcnn.training.tasks import Tally

N_SIDES = 4  # of a box: onset, offset, lowest and highest frequency
BoxLoss = Literal["l2", "iou", "giou"]


class FrameEvents:
    """Events that may overlap: for each frame and class whether it sounds, and where its band lies.

    Targets of a frame are K activities, 0 or 1, and, where the network tells bands, 2 K shares of the frequency axis,
    two for each class, which count where the class is active.

    Args:
        n_classes: K.
        band_weight: factor on the squared error of bands beside the cross-entropy of activities.
        presence_weight: factor on the cross-entropy of active frames, which are fewer.

    Raises:
        ValueError: a weight below 0, or no presence weight.
    """

    def __init__(self, n_classes: int, band_weight: float = 1.0, presence_weight: float = 1.0) -> None:
        if not band_weight >= 0 or not presence_weight > 0:
            raise ValueError(
                f"band_weight must be 0 or more and presence_weight above 0; got {band_weight}, {presence_weight}."
            )
        self.n_classes, self.band_weight, self.presence_weight = n_classes, band_weight, presence_weight

    def fits(self, example: Example) -> bool:
        """Say whether there is a frame."""
        return example.n_frames > 0

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples that have frames."""
        return [one for one in examples if self.fits(one)]

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of a class in a real frame, and the mean squared error of the active bands.

        Shape: scores [B, T, K] or [B, T, 3 K] -> [].
        """
        loss = self.entropies(scores, batch, self.presence_weight).mean()
        if scores.shape[-1] == self.n_classes or not self.band_weight:
            return loss
        real = batch.targets[..., 0] != IGNORED
        active = batch.targets[..., : self.n_classes][real] == 1
        errors = (scores[..., self.n_classes :].float() - batch.targets[..., self.n_classes :])[real].square()
        errors = errors.unflatten(-1, (self.n_classes, 2)).mean(-1)
        return loss + self.band_weight * (errors * active).sum() / active.sum().clamp(min=1)

    def entropies(self, scores: Tensor, batch: Batch, presence_weight: float = 1.0) -> Tensor:
        """Return the cross-entropy of each class in each real frame.

        Shape: scores [B, T, K...] -> [real frames, K].
        """
        real = batch.targets[..., 0] != IGNORED
        logits = scores[..., : self.n_classes][real].float()
        targets = batch.targets[..., : self.n_classes][real].float()
        weight = torch.tensor(presence_weight)
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the plain cross-entropy and the frames whose classes are all told rightly, summed over the batch."""
        real = batch.targets[..., 0] != IGNORED
        told = scores[..., : self.n_classes][real] > 0
        right = (told == (batch.targets[..., : self.n_classes][real] == 1)).all(-1)
        return Tally(float(self.entropies(scores, batch).mean(-1).sum()), int(right.sum()), len(right))


class ClassAndBox:
    """One class, the box around it, and landmarks: cross-entropy plus L2, or one minus the overlap of the boxes.

    An example's targets are [class, onset, offset, low, high, landmarks...] in the units of the network.

    Args:
        n_classes: K.
        box: squared error of the sides, or 1 - IoU, or 1 - GIoU, which has a slope where boxes lie apart too.
        box_weight: factor on the box's loss.
        point_weight: factor on the squared error of the landmarks.

    Raises:
        ValueError: a weight below 0, an unknown loss.
    """

    def __init__(self, n_classes: int, box: BoxLoss = "l2", box_weight: float = 1.0, point_weight: float = 1.0) -> None:
        if not min(box_weight, point_weight) >= 0:
            raise ValueError(f"weights must be 0 or more; got {box_weight} (box), {point_weight} (points).")
        if box not in ("l2", "iou", "giou"):
            raise ValueError(f"box must be 'l2', 'iou' or 'giou'; got {box!r}.")
        self.n_classes, self.box = n_classes, box
        self.box_weight, self.point_weight = box_weight, point_weight

    def fits(self, example: Example) -> bool:
        """Say whether there is a class and a box."""
        return len(example.targets) > N_SIDES and example.n_frames > 0

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples that have a class and a box."""
        return [one for one in examples if self.fits(one)]

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of an example.

        Shape: scores [B, K + 4 + P] -> [].
        """
        sizes = [self.n_classes, N_SIDES, scores.shape[1] - self.n_classes - N_SIDES]
        classes, boxes, points = scores.float().split(sizes, 1)
        true = batch.targets.float()
        loss = F.cross_entropy(classes, true[:, 0].long())
        loss = loss + self.box_weight * self.box_losses(boxes, true[:, 1 : 1 + N_SIDES]).mean()
        if points.shape[1]:
            loss = loss + self.point_weight * F.mse_loss(points, true[:, 1 + N_SIDES :])
        return loss

    def box_losses(self, boxes: Tensor, true: Tensor) -> Tensor:
        """Return each example's loss of its box.

        Shape: [B, 4], [B, 4] -> [B].
        """
        if self.box == "l2":
            return (boxes - true).square().mean(1)
        return 1 - overlap(boxes, true, generalised=self.box == "giou")

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the loss and the examples whose class is right, summed over the batch."""
        classes = scores[:, : self.n_classes]
        right = int((classes.argmax(1) == batch.targets[:, 0].long()).sum())
        return Tally(float(self.loss(scores, batch)) * len(scores), right, len(scores))


def overlap(boxes: Tensor, others: Tensor, generalised: bool = False) -> Tensor:
    """Return intersection over union of boxes (onset, offset, low, high), sides in either order.

    The generalised form subtracts the share of the smallest box around both that neither covers: from -1 to 1.

    Shape: [B, 4], [B, 4] -> [B].
    """
    first, second = boxes.unflatten(1, (2, 2)).sort(2).values, others.unflatten(1, (2, 2)).sort(2).values
    common = (torch.minimum(first, second)[..., 1] - torch.maximum(first, second)[..., 0]).clamp(min=0).prod(1)
    either = first.diff(dim=2).flatten(1).prod(1) + second.diff(dim=2).flatten(1).prod(1) - common
    tiny = torch.finfo(boxes.dtype).eps
    share = common / either.clamp(min=tiny)
    if not generalised:
        return share
    around = (torch.maximum(first, second)[..., 1] - torch.minimum(first, second)[..., 0]).prod(1).clamp(min=tiny)
    return share - (around - either) / around
