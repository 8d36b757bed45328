"""Normalisation of live features, whose end nobody knows yet, by what was heard so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from speechcnn.features.normalisation import STD_FLOOR


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the frames heard; a frame counts for less the older it is.

    Shape: total, squares [C, F, 1].
    """

    weight: float
    total: Tensor
    squares: Tensor


@dataclass(frozen=True, eq=False)
class RunningState:
    """The sums, None until the warm-up is over, and the frames that wait for that."""

    sums: Sums | None = None
    waiting: Tensor | None = None  # [C, F, T]


class RunningNormalizer:
    """A stage that brings live features to zero mean and unit variance.

    Mean and variance are those of all frames heard so far, with those of the piece that is given out; a frame weighs
    less by 1 / e for every `memory` frames that came after it. Nothing is given out until `warm_up` frames have come; a
    stream that ends before is normalised by the statistics of all of it.

    Args:
        warm_up: frames that the first statistics rest on, at least.
        memory: frames after which a frame's weight has fallen to 1 / e.

    Raises:
        ValueError: either is below 1.
    """

    def __init__(self, warm_up: int, memory: float) -> None:
        if warm_up < 1 or not memory >= 1:
            raise ValueError(f"warm_up and memory must be at least 1 frame; got {warm_up} and {memory}.")
        self.warm_up, self.memory = warm_up, memory

    def start(self) -> RunningState:
        """Return the state before the first frame."""
        return RunningState()

    def step(self, piece: Tensor, state: RunningState) -> tuple[list[Tensor], RunningState]:
        """Take the next frames; return them normalised as soon as the warm-up is over.

        Shape: [C, F, T].
        """
        if state.waiting is not None:
            piece = torch.cat([state.waiting, piece], -1)
        if state.sums is None and piece.shape[-1] < self.warm_up:
            return [], replace(state, waiting=piece)
        sums = self._heard(piece, state.sums)
        return [_normalised(piece, sums)], RunningState(sums)

    def finish(self, state: RunningState) -> list[Tensor]:
        """Return what still waits for the warm-up."""
        return [] if state.waiting is None else [_normalised(state.waiting, self._heard(state.waiting, None))]

    def _heard(self, piece: Tensor, before: Sums | None) -> Sums:
        """Add a piece's frames to the sums."""
        n_frames, wide = piece.shape[-1], piece.double()
        ages = torch.arange(n_frames - 1, -1, -1, dtype=torch.float64)
        weights, fade = (-ages / self.memory).exp(), math.exp(-n_frames / self.memory)
        total, squares = (wide * weights).sum(-1, keepdim=True), (wide.square() * weights).sum(-1, keepdim=True)
        if before is None:
            return Sums(float(weights.sum()), total, squares)
        return Sums(
            float(weights.sum()) + fade * before.weight, total + fade * before.total, squares + fade * before.squares
        )


def _normalised(piece: Tensor, sums: Sums) -> Tensor:
    mean = sums.total / sums.weight
    std = (sums.squares / sums.weight - mean.square()).clamp(min=STD_FLOOR**2).sqrt()
    return ((piece - mean) / std).float()
