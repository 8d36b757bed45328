"""Share of frames, or of clips, whose class was chosen correctly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch  # the other metrics need no torch, and importing it takes seconds

Classes = TypeVar("Classes", np.ndarray, "torch.Tensor")


@dataclass(frozen=True)
class FrameCounts:
    """Correct and counted frames; counts add up over batches."""

    correct: int = 0
    total: int = 0

    @property
    def accuracy(self) -> float:
        """Share of correct frames; 0 where no frame was counted."""
        return self.correct / self.total if self.total else 0.0

    def __add__(self, other: FrameCounts) -> FrameCounts:
        return FrameCounts(self.correct + other.correct, self.total + other.total)


def count_frames(predicted: Classes, target: Classes, ignore: int = -1) -> FrameCounts:
    """Compare two arrays or two tensors of class numbers; frames whose target is `ignore` are left out.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != target.shape:
        shapes = f"{tuple(predicted.shape)} and {tuple(target.shape)}"
        raise ValueError(f"predicted and target must have one shape, got {shapes}")
    counted = target != ignore
    return FrameCounts(int(((predicted == target) & counted).sum()), int(counted.sum()))
