"""Where a training run stands, as plain data that a checkpoint can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from speechcnn.training.tasks import Tally


@dataclass(frozen=True)
class EpochRecord:
    """One line of the learning curve."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class SkippedStep:
    """A step that was left out because something in it was not a finite number."""

    epoch: int
    batch: int
    what: str  # features, loss or gradient
    ids: tuple[str, ...]  # the utterances of the batch


@dataclass
class Position:
    """Where a run stands; all that has to be remembered besides tensors."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    tally: Tally = field(default_factory=Tally)  # of the epoch's training batches so far
    best_loss: float = math.inf
    since_best: int = 0
    done: bool = False
    history: list[EpochRecord] = field(default_factory=list)
    skipped: list[SkippedStep] = field(default_factory=list)
    skipped_in_row: int = 0

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Position:
        """Return the position that `plain` describes."""
        rest = dict(plain)
        tally = Tally(**rest.pop("tally"))
        history = [EpochRecord(**record) for record in rest.pop("history")]
        skipped = [SkippedStep(**{**step, "ids": tuple(step["ids"])}) for step in rest.pop("skipped", [])]
        return cls(tally=tally, history=history, skipped=skipped, **rest)
