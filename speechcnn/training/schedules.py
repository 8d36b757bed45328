"""Optimizers and learning-rate schedules by name, each with the arguments a configuration may give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import nn


def sgd(
    parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.9, weight_decay: float = 0.0
) -> torch.optim.SGD:
    """Return stochastic gradient descent with momentum."""
    check_ranges(lr, weight_decay)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be at least 0 and below 1; got {momentum}.")
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)


def adamw(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.01) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter, 2019)."""
    check_ranges(lr, weight_decay)
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)


def check_ranges(lr: float, weight_decay: float) -> None:
    """Raise a ValueError when the learning rate is not above 0 or the decay is not at least 0, both up to 1000."""
    if not 0 < lr <= 1000:
        raise ValueError(f"lr must be above 0 and at most 1000; got {lr}.")
    if not 0 <= weight_decay <= 1000:
        raise ValueError(f"weight_decay must be from 0 to 1000; got {weight_decay}.")


class Schedule(Protocol):
    """What the training loop asks of a schedule: a factor on the learning rate, and news of each epoch."""

    def factor(self, progress: float) -> float:
        """Return the factor at `progress`, the share of all planned steps that are done (0 to 1)."""

    def epoch_done(self, dev_loss: float) -> bool:
        """Take note of the dev loss; say whether training may go on."""

    def state_dict(self) -> dict[str, Any]:
        """Return the plain state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back the plain state."""


class Planned:
    """What schedules share that go by progress alone: they take no notice of the dev loss and remember nothing."""

    def epoch_done(self, dev_loss: float) -> bool:
        """Go on always."""
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing back."""


class Constant(Planned):
    """The full rate from beginning to end, for weights that are averaged instead of annealed."""

    def factor(self, progress: float) -> float:
        """Return 1: progress does not matter."""
        return 1.0


class OneCycle(Planned):
    """Rise linearly from a tenth to the full rate, then fall along a cosine to zero (after Smith and Topin, 2019).

    Args:
        rise: share of training spent rising.
    """

    def __init__(self, rise: float = 0.2) -> None:
        if not 0 < rise < 1:
            raise ValueError(f"rise must lie between 0 and 1; got {rise}.")
        self.rise = rise

    def factor(self, progress: float) -> float:
        """Return the factor on the learning rate after a share `progress` of all steps."""
        if progress < self.rise:
            return 0.1 + 0.9 * progress / self.rise
        return 0.5 * (1 + math.cos(math.pi * (progress - self.rise) / (1 - self.rise)))


class Plateau:
    """Divide the rate each time the dev loss stalls, as the lecture tells of AlexNet; stop after the last division.

    Args:
        divide_by: what the rate is divided by.
        patience: epochs without improvement before a division.
        divisions: how often the rate is divided; training ends when it would be divided once more.
        tolerance: the least relative fall of the loss that counts as an improvement.
    """

    def __init__(self, divide_by: float = 2.0, patience: int = 1, divisions: int = 6, tolerance: float = 0.002) -> None:
        if divide_by <= 1:
            raise ValueError(f"divide_by must be above 1; got {divide_by}.")
        if patience < 1 or divisions < 0:
            raise ValueError(f"patience must be at least 1 and divisions at least 0; got {patience} and {divisions}.")
        if not 0 <= tolerance < 1:
            raise ValueError(f"tolerance must be at least 0 and below 1; got {tolerance}.")
        self.divide_by, self.patience, self.divisions, self.tolerance = divide_by, patience, divisions, tolerance
        self.best, self.stalled, self.divided = math.inf, 0, 0

    def factor(self, progress: float) -> float:
        """Return the factor on the learning rate; progress does not matter."""
        return self.divide_by**-self.divided

    def epoch_done(self, dev_loss: float) -> bool:
        """Count a stall or forget the stalls; say whether training may go on."""
        if dev_loss < self.best * (1 - self.tolerance):
            self.best, self.stalled = dev_loss, 0
            return True
        self.stalled += 1
        if self.stalled >= self.patience:
            self.stalled, self.divided = 0, self.divided + 1
        return self.divided <= self.divisions

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen so far."""
        return {"best": self.best, "stalled": self.stalled, "divided": self.divided}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what was seen so far."""
        self.best, self.stalled, self.divided = state["best"], state["stalled"], state["divided"]


OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {"sgd": sgd, "adamw": adamw}
SCHEDULES: Mapping[str, Callable[..., Schedule]] = {
    "constant": Constant,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
