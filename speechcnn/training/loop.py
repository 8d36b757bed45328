"""The training loop: epochs of batches, a dev set that steers, checkpoints from which a run goes on exactly.

The order of the data and every random draw follow from (seed, epoch, batch), so a run that was stopped after any
batch and continued ends with the weights of a run that never stopped (same machine, threads and versions).
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

import torch
from torch import Tensor, nn

from speechcnn.training import checkpoints
from speechcnn.training.batches import Batch, Example, collate, generator, plan_epoch
from speechcnn.training.schedules import Schedule
from speechcnn.training.tasks import FrameCrossEntropy, Tally

log = logging.getLogger(__name__)

MOST_SKIPPED = 10  # steps in a row without a finite loss before training gives up


class TrainingStopped(RuntimeError):
    """Training ended before its time and left a checkpoint from which it can go on."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and in what portions to train."""

    epochs: int  # at most
    batch_frames: int = 3000  # padded frames of a batch
    clip_norm: float = 5.0  # the gradient is scaled down to this length
    patience: int = 0  # epochs without a better dev loss before training ends; 0: never
    precision: Literal["fp32", "bf16"] = "fp32"  # arithmetic of forward and backward; weights stay in fp32

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if self.patience < 0:
            raise ValueError(f"patience must be at least 0; got {self.patience}.")
        if self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be above 0; got {self.clip_norm}.")


@dataclass(frozen=True)
class EpochRecord:
    """One line of the learning curve."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float
    learning_rate: float
    seconds: float


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


class Trainer:
    """Trains a model in place and leaves it with the weights that did best on the dev set.

    Args:
        model: takes features [B, C, F, T], returns scores [B, T, K].
        task: loss and tally.
        optimizer: over the model's parameters; its learning rate is the peak.
        schedule: factor on the learning rate.
        settings: length and portions.
        seed: with epoch and batch it decides all that is random.
        folder: where checkpoints go.
        on_batch: called with (batches done, batches of the epoch, epoch) after each batch.
        on_epoch: called with the record of each epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        task: FrameCrossEntropy,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        settings: LoopSettings,
        seed: int,
        folder: Path,
        on_batch: Callable[[int, int, int], None] = lambda done, total, epoch: None,
        on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    ) -> None:
        self.model, self.task, self.optimizer, self.schedule = model, task, optimizer, schedule
        self.settings, self.seed, self.folder = settings, seed, folder
        self.on_batch, self.on_epoch = on_batch, on_epoch
        self.peak_rate = optimizer.param_groups[0]["lr"]
        self.position = Position()
        self.best: dict[str, Tensor] = {}
        self.skipped = 0

    def fit(self, train: Sequence[Example], dev: Sequence[Example]) -> list[EpochRecord]:
        """Train from the newest checkpoint of the folder, or from the start, to the end.

        Raises:
            TrainingStopped: Ctrl-C came, or the loss stayed non-finite; a checkpoint was left.
            CheckpointError: the folder holds checkpoints and none is whole.
        """
        if not train or not dev:
            raise ValueError(
                f"training needs utterances in both sets; got {len(train)} to train on and {len(dev)} for dev."
            )
        self.resume()
        with stop_requests() as requested:
            while not self.position.done:
                self.train_epoch(train, requested)
                self.end_epoch(dev)
        self.model.load_state_dict(self.best)
        return self.position.history

    def train_epoch(self, train: Sequence[Example], stop_requested: Callable[[], bool]) -> None:
        """Do the epoch's remaining batches."""
        position = self.position
        plan = plan_epoch([e.n_frames for e in train], self.settings.batch_frames, self.seed, position.epoch)
        self.started = time.perf_counter()
        self.model.train()
        for indices in plan[position.batch :]:
            share = (position.epoch + position.batch / len(plan)) / self.settings.epochs
            self.optimizer.param_groups[0]["lr"] = self.peak_rate * self.schedule.factor(share)
            self.train_batch(collate([train[i] for i in indices]))
            position.batch += 1
            position.step += 1
            self.on_batch(position.batch, len(plan), position.epoch)
            if stop_requested():
                self.stop("Ctrl-C")

    def train_batch(self, batch: Batch) -> None:
        """Do one step; a batch without a finite loss changes nothing and is named."""
        torch.manual_seed(int(generator(self.seed, self.position.epoch, self.position.batch).integers(2**62)))
        with self.autocast():
            scores = self.model(batch.features)
        loss = self.task.loss(scores, batch)
        if not torch.isfinite(loss):
            self.skip(batch)
            return
        self.skipped = 0
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.position.tally += self.task.tally(scores.detach(), batch)

    def skip(self, batch: Batch) -> None:
        """Name the utterances of a batch without a finite loss, and stop when there were too many in a row."""
        self.skipped += 1
        log.warning("the loss is not finite; batch skipped: %s", ", ".join(batch.ids))
        if self.skipped >= MOST_SKIPPED:
            self.stop(f"{self.skipped} batches in a row without a finite loss, the last one {', '.join(batch.ids)}")

    def end_epoch(self, dev: Sequence[Example]) -> None:
        """Evaluate, remember the best weights, decide whether to go on, and write a checkpoint."""
        position, tally = self.position, self.evaluate(dev)
        record = EpochRecord(
            epoch=position.epoch,
            train_loss=position.tally.mean_loss,
            dev_loss=tally.mean_loss,
            dev_accuracy=tally.accuracy,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - self.started,
        )
        position.history.append(record)
        self.remember_best(tally.mean_loss)
        going_on = self.schedule.epoch_done(tally.mean_loss)
        out_of_patience = 0 < self.settings.patience <= position.since_best
        position.epoch, position.batch, position.tally = position.epoch + 1, 0, Tally()
        position.done = not going_on or out_of_patience or position.epoch >= self.settings.epochs
        self.checkpoint()
        self.on_epoch(record)

    def remember_best(self, dev_loss: float) -> None:
        """Keep a copy of the weights when the dev loss is the lowest so far."""
        if dev_loss < self.position.best_loss or not self.best:
            self.position.best_loss, self.position.since_best = dev_loss, 0
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        else:
            self.position.since_best += 1

    @torch.no_grad()
    def evaluate(self, examples: Sequence[Example]) -> Tally:
        """Return the summed loss and correct frames over examples."""
        self.model.eval()
        plan = plan_epoch([e.n_frames for e in examples], self.settings.batch_frames, self.seed, 0)
        total = Tally()
        for indices in plan:
            batch = collate([examples[i] for i in indices])
            with self.autocast():
                scores = self.model(batch.features)
            total += self.task.tally(scores, batch)
        return total

    def autocast(self) -> torch.autocast:
        """Return the context in which the model runs."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bf16")

    def stop(self, reason: str) -> None:
        """Leave a checkpoint and stop."""
        self.checkpoint()
        raise TrainingStopped(
            f"training stopped in epoch {self.position.epoch + 1}: {reason}. It can go on from {self.folder}."
        )

    def checkpoint(self) -> None:
        """Write where the run stands."""
        tensors, groups = checkpoints.flatten_optimizer(self.optimizer)
        position = asdict(self.position)
        state = {"position": position, "param_groups": groups, "schedule": self.schedule.state_dict()}
        parts = {"model": self.model.state_dict(), "optimizer": tensors, "best": self.best}
        checkpoints.save(self.folder, checkpoints.Checkpoint(self.position.step, parts, state))

    def resume(self) -> None:
        """Go to where the newest checkpoint stands, if there is one."""
        found = checkpoints.newest(self.folder)
        if found is None:
            return
        self.model.load_state_dict(found.tensors["model"])
        self.best = dict(found.tensors["best"])
        checkpoints.restore_optimizer(self.optimizer, found.tensors["optimizer"], found.state["param_groups"])
        self.schedule.load_state_dict(found.state["schedule"])
        plain = dict(found.state["position"])
        history = [EpochRecord(**record) for record in plain.pop("history")]
        self.position = Position(tally=Tally(**plain.pop("tally")), history=history, **plain)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that the loop answers between batches; a second one interrupts at once."""
    received = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True
        signal.signal(signal.SIGINT, previous)

    try:
        previous = signal.signal(signal.SIGINT, note)
    except ValueError:  # not in the main thread, where Ctrl-C does not arrive
        yield lambda: False
        return
    try:
        yield lambda: received
    finally:
        signal.signal(signal.SIGINT, previous)
