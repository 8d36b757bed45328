"""What a network is trained for: a loss on a batch, and counts that say how well it does."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from speechcnn.training.batches import IGNORED, Batch


@dataclass(frozen=True)
class Tally:
    """Sums over frames; two tallies add up, and the rates come last."""

    loss: float = 0.0
    correct: int = 0
    frames: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.loss + other.loss, self.correct + other.correct, self.frames + other.frames)

    @property
    def mean_loss(self) -> float:
        """Loss per frame in nats; 0 for no frames."""
        return self.loss / self.frames if self.frames else 0.0

    @property
    def accuracy(self) -> float:
        """Share of frames whose best class is the target; 0 for no frames."""
        return self.correct / self.frames if self.frames else 0.0


class FrameCrossEntropy:
    """Cross-entropy between each frame's scores and its target class.

    Args:
        label_smoothing: share of the target's probability that is spread over all classes (Szegedy et al., 2016).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1; got {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per real frame.

        Shape: scores [B, T, K] -> [].
        """
        return F.cross_entropy(
            scores.flatten(0, 1).float(),
            batch.targets.flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.label_smoothing,
        )

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the plain cross-entropy and the number of correct frames, summed over the batch."""
        real = batch.targets != IGNORED
        targets, scores = batch.targets[real], scores[real].float()
        loss = F.cross_entropy(scores, targets, reduction="sum")
        return Tally(float(loss), int((scores.argmax(-1) == targets).sum()), targets.numel())
