"""What a run's last bits depend on besides its settings: recorded in each checkpoint, compared when a run goes on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from speechcnn.training.batches import Example

WORLD_SIZE = 1  # processes that train together


def facts() -> dict[str, Any]:
    """Return what the sums of a training step are ordered by: versions, processor and threads."""
    return {
        "torch": torch.__version__,
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "processes": WORLD_SIZE,
    }


def fingerprint(*sets: Sequence[Example]) -> str:
    """Return a SHA-256 sum over every utterance's name, features and targets."""
    digest = hashlib.sha256()
    for example in (example for examples in sets for example in examples):
        digest.update(example.id.encode())
        digest.update(example.features.contiguous().numpy().data)
        digest.update(example.targets.contiguous().numpy().data)
    return digest.hexdigest()


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what changed; what was not recorded before does not count."""
    return [f"{key}: {before[key]} before, {now[key]} now" for key in now if before.get(key, now[key]) != now[key]]
