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
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speechcnn.training import checkpoints, loader, machine
from speechcnn.training.averaging import WeightMean
from speechcnn.training.batches import Batch, Batching, Example, FrameBatching, generator
from speechcnn.training.position import EpochRecord, Position, SkippedStep
from speechcnn.training.schedules import Schedule
from speechcnn.training.tasks import Tally, Task

log = logging.getLogger(__name__)


class TrainingStopped(RuntimeError):
    """Training ended before its time and left a checkpoint from which it can go on."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and in what portions to train."""

    epochs: int  # at most
    batch_frames: int = 3000  # padded frames of a batch
    clip_norm: float = 5.0  # the gradient is scaled down to this length
    mean_epochs: float = 0.0  # that a running mean of the weights reaches back, which is judged and kept; 0: no mean
    patience: int = 0  # epochs without a better dev loss before training ends; 0: never
    keep: Literal["best", "last"] = "best"  # whose weights stay: of the epoch that did best on dev, or of the last
    precision: Literal["fp32", "bf16"] = "fp32"  # arithmetic of forward and backward; weights stay in fp32
    workers: int = 0  # threads that put batches together ahead of time; no number of them changes a result
    most_skipped: int = 10  # steps in a row that are not finite numbers before training gives up
    checkpoint_minutes: float = 10.0  # between checkpoints within an epoch; each epoch ends with one
    keep_checkpoints: int = 2  # newest ones that stay; each of them also holds the best weights so far

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_frames", "most_skipped", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if self.patience < 0:
            raise ValueError(f"patience must be at least 0; got {self.patience}.")
        if self.keep == "last" and self.patience:
            raise ValueError(f"patience waits for a better epoch, and keep=last for none; got {self.patience}.")
        if self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be above 0; got {self.clip_norm}.")
        for name in ("workers", "checkpoint_minutes", "mean_epochs"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0; got {getattr(self, name)}.")


class Trainer:
    """Trains a model in place and leaves it with the weights that did best on the dev set, or the last ones.

    Args:
        model: takes features [B, C, F, T], returns scores [B, T, K].
        task: loss and tally.
        optimizer: over the model's parameters; its learning rate is the peak.
        schedule: factor on the learning rate.
        settings: length and portions.
        seed: with epoch and batch it decides all that is random.
        folder: where checkpoints go; None: none are kept, and a stopped run cannot go on.
        batching: how examples become batches; by default utterances of any length, padded.
        on_batch: called with (batches done, batches of the epoch, epoch) after each batch.
        on_epoch: called with the record of each epoch.
        criterion: what the best weights make small, measured after each epoch; None: the dev loss.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        settings: LoopSettings,
        seed: int,
        folder: Path | None,
        batching: Batching | None = None,
        on_batch: Callable[[int, int, int], None] = lambda done, total, epoch: None,
        on_epoch: Callable[[EpochRecord], None] = lambda record: None,
        criterion: Callable[[], float] | None = None,
    ) -> None:
        self.model, self.task, self.optimizer, self.schedule = model, task, optimizer, schedule
        self.settings, self.seed, self.folder = settings, seed, folder
        self.batching = batching or FrameBatching(settings.batch_frames, seed)
        self.on_batch, self.on_epoch, self.criterion = on_batch, on_epoch, criterion
        self.peak_rate = optimizer.param_groups[0]["lr"]
        self.position = Position()
        self.mean = WeightMean(settings.mean_epochs)
        self.best: dict[str, Tensor] = {}
        self.facts: dict[str, Any] = {}
        self.saved = time.monotonic()

    def fit(self, train: Sequence[Example], dev: Sequence[Example]) -> list[EpochRecord]:
        """Train from the newest checkpoint of the folder, or from the start, to the end.

        Raises:
            TrainingStopped: Ctrl-C came, too many steps in a row were not finite, or a checkpoint could not be
                written; the newest checkpoint is one from which the run can go on.
            CheckpointError: the folder holds checkpoints and none is whole.
        """
        train, dev = self.task.usable(train), self.task.usable(dev)
        if not train or not dev:
            raise ValueError(
                f"training needs usable utterances in both sets; got {len(train)} to train on and {len(dev)} for dev."
            )
        self.facts = {**machine.facts(), "training data": machine.fingerprint(train, dev)}
        self.resume()
        self.saved = time.monotonic()
        with stop_requests() as requested:
            while not self.position.done:
                self.train_epoch(train, requested)
                self.end_epoch(dev)
        self.model.load_state_dict(self.best)
        return self.position.history

    def train_epoch(self, train: Sequence[Example], stop_requested: Callable[[], bool]) -> None:
        """Do the epoch's remaining batches."""
        position = self.position
        plan = self.batching.plan(train, position.epoch)
        join = partial(self.batching.join, epoch=position.epoch)
        self.started = time.perf_counter()
        self.model.train()
        with closing(loader.batches(train, plan[position.batch :], self.settings.workers, join)) as batches:
            for batch in batches:
                share = (position.epoch + position.batch / len(plan)) / self.settings.epochs
                self.optimizer.param_groups[0]["lr"] = self.peak_rate * self.schedule.factor(share)
                self.train_batch(batch)
                self.mean.follow(self.model, position.step, len(plan))
                position.batch += 1
                position.step += 1
                self.on_batch(position.batch, len(plan), position.epoch)
                self.after_batch(batch, stop_requested())

    def train_batch(self, batch: Batch) -> None:
        """Do one step; one in which something is not finite changes nothing, and its utterances are named."""
        position = self.position
        self.seed_step()
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        fault = self.step(batch)
        if not fault:
            position.skipped_in_row = 0
            return
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        position.skipped_in_row += 1
        position.skipped.append(SkippedStep(position.epoch, position.batch, fault, batch.ids))
        log.warning("step skipped, NaN or infinity in its %s: %s", fault, ", ".join(batch.ids))

    def seed_step(self) -> None:
        """Let all that is random in the step follow from (seed, epoch, batch)."""
        torch.manual_seed(int(generator(self.seed, self.position.epoch, self.position.batch).integers(2**62)))

    def step(self, batch: Batch) -> str:
        """Change the weights; return what forbade it because it was not finite, or nothing."""
        if not batch.features.isfinite().all():
            return "features"
        with self.autocast():
            scores = self.model(batch.features)
        loss = self.task.loss(scores, batch)
        if not loss.isfinite():
            return "loss"
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if not nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm).isfinite():
            return "gradient"
        self.optimizer.step()
        with torch.no_grad():
            self.position.tally += self.task.tally(scores, batch)
        return ""

    def after_batch(self, batch: Batch, stop_requested: bool) -> None:
        """Stop where that was asked for or nothing is finite any more; write a checkpoint when it is time."""
        in_row = self.position.skipped_in_row
        if in_row >= self.settings.most_skipped:
            self.stop(f"{in_row} steps in a row with NaN or infinity, the last one {', '.join(batch.ids)}")
        if stop_requested:
            self.stop("Ctrl-C")
        if time.monotonic() - self.saved >= 60 * self.settings.checkpoint_minutes:
            self.checkpoint()

    def end_epoch(self, dev: Sequence[Example]) -> None:
        """Judge the weights, remember the best ones, decide whether to go on, and write a checkpoint."""
        position = self.position
        with self.mean.within(self.model):
            record = self.judge(dev)
        position.history.append(record)
        going_on = self.schedule.epoch_done(record.dev_loss)
        out_of_patience = 0 < self.settings.patience <= position.since_best
        position.epoch, position.batch, position.tally = position.epoch + 1, 0, Tally()
        position.done = not going_on or out_of_patience or position.epoch >= self.settings.epochs
        self.checkpoint()
        self.on_epoch(record)

    def judge(self, dev: Sequence[Example]) -> EpochRecord:
        """Return how the model does on dev, and remember its weights where they are the best."""
        position, tally = self.position, self.evaluate(dev)
        record = EpochRecord(
            epoch=position.epoch,
            train_loss=position.tally.mean_loss,
            dev_loss=tally.mean_loss,
            dev_accuracy=tally.accuracy,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds=time.perf_counter() - self.started,
        )
        value = self.criterion() if self.criterion else tally.mean_loss
        if self.settings.keep == "last":
            value = -float(position.epoch)
        self.remember_best(value if math.isfinite(value) else math.inf)
        return record

    def remember_best(self, value: float) -> None:
        """Keep a copy of the weights when the dev loss, or what stands for it, is the lowest so far."""
        if value < self.position.best_loss or not self.best:
            self.position.best_loss, self.position.since_best = value, 0
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        else:
            self.position.since_best += 1

    @torch.no_grad()
    def evaluate(self, examples: Sequence[Example]) -> Tally:
        """Return the summed loss and correct frames over examples."""
        self.model.eval()
        total = Tally()
        for indices in self.batching.plan(examples, 0):
            batch = self.batching.join(examples, indices, epoch=None)
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
        way = f"It can go on from {self.folder}." if self.folder else "No checkpoints were asked for."
        raise TrainingStopped(f"training stopped in epoch {self.position.epoch + 1}: {reason}. {way}")

    def checkpoint(self) -> None:
        """Write where the run stands.

        Raises:
            TrainingStopped: it cannot be written, or the weights are no longer finite; the earlier ones are kept.
        """
        weights = self.model.state_dict()
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise TrainingStopped(
                f"the weights are no longer finite numbers; {self.folder} keeps the last checkpoint in which they "
                "were. Begin a run in another folder with a lower optimizer.lr or a lower training.clip_norm."
            )
        if self.folder is None:
            return
        tensors, groups = checkpoints.flatten_optimizer(self.optimizer)
        state = {
            "position": self.position.plain(),
            "param_groups": groups,
            "schedule": self.schedule.state_dict(),
            "facts": self.facts,
        }
        parts = {"model": weights, "optimizer": tensors, "best": self.best, "mean": self.mean.tensors}
        try:
            whole = checkpoints.Checkpoint(self.position.step, parts, state)
            checkpoints.save(self.folder, whole, self.settings.keep_checkpoints)
        except OSError as error:
            raise TrainingStopped(
                f"the checkpoint of step {self.position.step} could not be written into {self.folder} "
                f"({error.strerror or error}); the earlier ones are still there, and the run can go on from them."
            ) from error
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Go to where the newest checkpoint stands, if there is one; say what is not as it was."""
        if self.folder is None:
            return
        checkpoints.clean(self.folder)
        found = checkpoints.newest(self.folder, self.restore)
        if found is None or self.position.done:
            return
        changed = machine.differences(found.state.get("facts", {}), self.facts)
        if changed:
            log.warning(
                "The run in %s goes on under other conditions than it began with, so its weights will not be those "
                "of an unbroken run to the last bit. %s.",
                self.folder,
                "; ".join(changed),
            )

    def restore(self, found: checkpoints.Checkpoint) -> None:
        """Take over the state of a checkpoint."""
        self.position = Position.of(found.state["position"])
        self.model.load_state_dict(found.tensors["model"])
        self.best, self.mean.tensors = dict(found.tensors["best"]), dict(found.tensors.get("mean", {}))
        checkpoints.restore_optimizer(self.optimizer, found.tensors["optimizer"], found.state["param_groups"])
        self.schedule.load_state_dict(found.state["schedule"])


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
