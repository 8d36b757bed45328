"""What a network is trained for: a loss on a batch, and counts that say how well it does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional as F

from speechcnn.decoding.ctc import BLANK, can_align, greedy
from speechcnn.metrics.errors import count
from speechcnn.training.batches import IGNORED, Batch, Example

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tally:
    """Sums over frames, or over labels where these have no times; two tallies add up, and the rates come last."""

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


class Task(Protocol):
    """What a network can be trained for."""

    def fits(self, example: Example) -> bool:
        """Say whether an example can be learnt from."""

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples that can be learnt from; each of the others is named in a warning."""

    def loss(self, scores: Any, batch: Batch) -> Tensor:
        """Return what training makes small; `scores` is what the network returns."""

    def tally(self, scores: Any, batch: Batch) -> Tally:
        """Return how well the batch is done, summed."""


class FrameCrossEntropy:
    """Cross-entropy between each frame's scores and its target class.

    Args:
        label_smoothing: share of the target's probability that is spread over all classes (Szegedy et al., 2016).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1; got {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def fits(self, example: Example) -> bool:
        """Say yes: each frame has its class."""
        return True

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return all examples: each frame has its class."""
        return list(examples)

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


class Ctc:
    """Connectionist temporal classification: label sequences without times (Graves et al., 2006).

    An example's targets are its labels, numbered from 1; class 0 of the network is the blank.
    """

    def fits(self, example: Example) -> bool:
        """Say whether the example has labels and frames enough for them."""
        return len(example.targets) > 0 and can_align(example.n_frames, example.targets.tolist())

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples whose labels fit into their frames.

        Labels that do not fit have an infinite loss, or, where that is set to zero, a gradient that means nothing.
        """
        kept = []
        for one in examples:
            if self.fits(one):
                kept.append(one)
            else:
                log.warning("left out, %d labels cannot lie in %d frames: %s", len(one.targets), one.n_frames, one.id)
        return kept

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per label.

        Shape: scores [B, T, L + 1] -> [].
        """
        return self.losses(scores, batch).sum() / (batch.targets != IGNORED).sum()

    def losses(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return each utterance's negative log probability of its labels.

        Shape: scores [B, T, L + 1] -> [B].
        """
        log_probabilities = scores.float().log_softmax(-1).transpose(0, 1)
        real = batch.targets != IGNORED
        return F.ctc_loss(log_probabilities, batch.targets[real], batch.n_frames, real.sum(1), BLANK, reduction="none")

    def tally(self, scores: Tensor, batch: Batch) -> Tally:
        """Return the loss and the labels that greedy decoding finds, summed over the batch."""
        total = Tally(float(self.losses(scores, batch).sum()))
        for frames, targets, n_frames in zip(scores, batch.targets, batch.n_frames.tolist(), strict=True):
            labels = [str(label - 1) for label in targets[targets != IGNORED].tolist()]
            found = [str(one.phone) for one in greedy(frames[:n_frames].float().numpy())]
            total += Tally(0.0, count(labels, found).hits, len(labels))
        return total


TASKS: Mapping[str, Callable[..., Task]] = {"frames": FrameCrossEntropy, "ctc": Ctc}
