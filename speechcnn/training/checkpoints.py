"""Checkpoints that are either whole or not there.

A checkpoint is a folder `step-00001200/` holding tensors (safetensors), the plain state (JSON) and, written last, a
manifest of SHA-256 sums. It is written under another name, flushed to the disk and renamed, so that a run killed at
any moment leaves the earlier checkpoint. The newest one is found by looking, never through a pointer that could be
stale.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
PARTIAL = ".partial"


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or a folder in which none is whole."""


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on: named tensors in groups ("model", "optimizer", "best") and plain state."""

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


def save(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write `folder/step-N` whole or not at all, then delete all but the newest `keep` checkpoints.

    Raises:
        OSError: the disk is full or the folder cannot be written; the earlier checkpoints are still there.
    """
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / (final.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write_files(partial, checkpoint)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(folder)
    for old in folders(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def write_files(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the tensors, the state and, last, the manifest; each is flushed to the disk."""
    for name, tensors in checkpoint.tensors.items():
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / f"{name}.safetensors")
        sync(folder / f"{name}.safetensors")
    write_json(folder / "state.json", {"step": checkpoint.step, **checkpoint.state})
    write_json(folder / MANIFEST, {path.name: sha256(path) for path in sorted(folder.iterdir())})
    sync(folder)


def newest(folder: Path) -> Checkpoint | None:
    """Load the newest whole checkpoint; None when the folder holds none at all.

    Damaged ones are named in a warning and passed over.

    Raises:
        CheckpointError: there are checkpoints but none is whole, so that a run never starts again from zero unnoticed.
    """
    found = folders(folder)
    for path in reversed(found):
        try:
            return load(path)
        except CheckpointError as error:
            log.warning("%s The one before it is used.", error)
    if found:
        raise CheckpointError(
            f"{folder}: {len(found)} checkpoints, none of them whole. Delete the folder to start again."
        )
    return None


def load(path: Path) -> Checkpoint:
    """Load one checkpoint after checking every file against the manifest.

    Raises:
        CheckpointError: a file is missing or is not what was written.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        damaged = [name for name, digest in manifest.items() if sha256(path / name) != digest]
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a whole checkpoint ({error}).") from error
    if damaged:
        raise CheckpointError(f"{path}: {', '.join(damaged)} changed after it was written.")
    state = json.loads((path / "state.json").read_text())
    groups = [Path(name).stem for name in manifest if name.endswith(".safetensors")]
    return Checkpoint(state.pop("step"), {name: load_file(path / f"{name}.safetensors") for name in groups}, state)


def folders(folder: Path) -> list[Path]:
    """Return the checkpoint folders, oldest first; unfinished ones do not count."""
    return sorted(path for path in folder.glob("step-*") if path.is_dir() and path.suffix != PARTIAL)


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Split an optimizer's state into named tensors ("3.exp_avg") and plain settings per group."""
    state = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in state["state"].items()
        for name, value in values.items()
        if value is not None
    }
    return tensors, state["param_groups"]


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Give an optimizer the state that `flatten_optimizer` took from its like."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def write_json(path: Path, content: object) -> None:
    """Write JSON and flush it to the disk."""
    path.write_text(json.dumps(content, indent=1) + "\n")
    sync(path)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 sum in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
