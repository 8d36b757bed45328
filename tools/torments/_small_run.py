"""A training run of forty steps whose every part keeps state: dropout, running means, momentum, a schedule."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from speechcnn.training.batches import Example
from speechcnn.training.loop import LoopSettings, Trainer
from speechcnn.training.schedules import SCHEDULES, adamw
from speechcnn.training.tasks import FrameCrossEntropy

# A plateau that is reached in every epoch but the first, so that what the schedule remembers matters.
SCHEDULE_ARGUMENTS = {"plateau": {"tolerance": 0.9}}
SEED, STEPS, EPOCHS, BATCH_FRAMES, N_TRAIN = 5, 40, 4, 80, 30


class Net(nn.Module):
    """Frame classifier: [B, 2, 3, T] -> [B, T, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(6, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Conv1d(16, 3, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features.flatten(1, 2)).transpose(1, 2)


# Loads what torch loads only with the first optimizer, so that a process forked from here on starts at once.
adamw(Net().parameters(), 0.02)


def examples(n: int, seed: int) -> list[Example]:
    """Three classes of frames around three centres."""
    rng = torch.Generator().manual_seed(seed)
    centres = torch.eye(3).repeat(1, 2)
    made = []
    for i in range(n):
        targets = torch.randint(3, (20 + i % 7,), generator=rng)
        features = centres[targets].T + 0.5 * torch.randn(6, len(targets), generator=rng)
        made.append(Example(f"u{i}", features.reshape(2, 3, -1), targets))
    return made


def trainer(
    folder: Path, kind: type[Trainer] = Trainer, schedule: str = "one_cycle", model: nn.Module | None = None, **settings
) -> Trainer:
    torch.manual_seed(3)
    model = model or Net()
    settings = {"epochs": EPOCHS, "batch_frames": BATCH_FRAMES} | settings
    return kind(
        model,
        FrameCrossEntropy(),
        adamw(model.parameters(), 0.02),
        SCHEDULES[schedule](**SCHEDULE_ARGUMENTS.get(schedule, {})),
        LoopSettings(**settings),
        SEED,
        folder,
    )


def data() -> tuple[list[Example], list[Example]]:
    return examples(N_TRAIN, 1), examples(6, 2)


def weights_sum(tensors: Mapping[str, Tensor]) -> str:
    """One SHA-256 sum over all weights and running means."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def slow_disk(seconds: float) -> None:
    """Let every write of this process last longer, so that a kill can come between any two of them."""

    def slowed(call: Callable) -> Callable:
        def run(*arguments, **options):
            time.sleep(seconds)
            return call(*arguments, **options)

        return run

    for name in ("mkdir", "open", "write", "fsync", "rename", "unlink"):
        setattr(os, name, slowed(getattr(os, name)))


def child(folder: Path, kind: type[Trainer], disk_seconds: float) -> None:
    """What a process that may be killed does: train to the end, writing a checkpoint after each step."""
    torch.set_num_threads(1)
    slow_disk(disk_seconds)
    one = trainer(folder / "checkpoints", kind, checkpoint_minutes=0.0)
    one.fit(*data())
    part = folder / "weights.part"
    part.write_text(weights_sum(one.model.state_dict()))
    part.replace(folder / "weights.sha256")
