"""Checkpoints that are either whole or not there.

A checkpoint is a folder `step-00001200/` holding tensors (safetensors), the plain state (JSON) and, written last, a
manifest of SHA-256 sums. It is written under another name, flushed to the disk and renamed, so that a run killed at
any moment leaves the earlier checkpoint; it is read back before an earlier one is deleted. The newest one is found by
looking, never through a pointer that could be stale. A name is never used twice: what is whole is not replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

log = logging.getLogger(__name__)

MANIFEST, STATE, TENSORS = "manifest.json", "state.json", ".safetensors"
PARTIAL, DAMAGED = ".partial", ".damaged"
NAME = re.compile(r"step-(\d+)(?:\.(\d+))?")  # the second number tells checkpoints of the same step apart
SPARE_BYTES = 2**20  # that must stay free beside a checkpoint

# What reading and taking over a checkpoint may raise when its content is not what a run wrote.
UNUSABLE = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, SafetensorError)


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
        CheckpointError: the disk gives back other bytes than were written; the earlier checkpoints are still there.
    """
    files = encode(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    check_space(folder, sum(map(len, files.values())))
    final = free_name(folder, checkpoint.step)
    partial = final.with_name(final.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write_files(partial, files)
        partial.rename(final)
        sync(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    read_files(final)
    for old in folders(folder)[:-keep]:
        remove(old)
    return final


def encode(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return a checkpoint's files by name, the manifest last."""
    files = {
        name + TENSORS: safetensors.torch.save({key: tensor.contiguous() for key, tensor in tensors.items()})
        for name, tensors in checkpoint.tensors.items()
    }
    files[STATE] = json_bytes({"step": checkpoint.step, **checkpoint.state})
    files[MANIFEST] = json_bytes({name: sha256(content) for name, content in files.items()})
    return files


def check_space(folder: Path, needed: int) -> None:
    """Raise OSError when a checkpoint of so many bytes would not fit beside those that are there."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"the disk is nearly full: a checkpoint takes {needed} bytes, {free} are free")


def free_name(folder: Path, step: int) -> Path:
    """Return the name of the next checkpoint at a step, which no other has had."""
    taken = [order(path) for path in folders(folder)]
    number = max((again + 1 for other, again in taken if other == step), default=0)
    return folder / (f"step-{step:08d}" + (f".{number}" if number else ""))


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files into a new folder, each flushed to the disk before the next."""
    folder.mkdir()
    for name, content in files.items():
        write_durably(folder / name, content)
    sync(folder)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a checkpoint; a kill meanwhile leaves what no one takes for a checkpoint."""
    going = path.with_name(path.name + PARTIAL)
    path.rename(going)
    shutil.rmtree(going)


def clean(folder: Path) -> None:
    """Delete what a killed run left of a checkpoint that was being written or deleted."""
    for path in folder.glob("step-*" + PARTIAL):
        shutil.rmtree(path)


def newest(folder: Path, take: Callable[[Checkpoint], object] = lambda found: None) -> Checkpoint | None:
    """Load the newest usable checkpoint and hand it to `take`; None when the folder holds none at all.

    One is passed over with a warning when it is damaged or when `take` cannot make sense of it, and set aside once an
    earlier one served.

    Raises:
        CheckpointError: there are checkpoints but none can be used, so that a run never starts again from zero
            unnoticed.
    """
    faults: dict[Path, str] = {}
    for path in reversed(folders(folder)):
        try:
            found = load(path)
            take(found)
        except UNUSABLE as error:
            faults[path] = reason(path, error)
            log.warning("%s The one before it is used.", faults[path])
        else:
            set_aside(faults)
            return found
    if faults:
        raise CheckpointError(
            f"{folder}: {len(faults)} checkpoints, none of them whole. Delete the folder to start again. "
            + " ".join(faults.values())
        )
    return None


def reason(path: Path, error: Exception) -> str:
    """Return in a sentence why a checkpoint cannot be used."""
    if isinstance(error, CheckpointError):
        return str(error)
    return f"{path}: does not fit this run ({type(error).__name__}: {' '.join(str(error).split())})."


def set_aside(damaged: Iterable[Path]) -> None:
    """Rename damaged checkpoints, so that they count no more and can be looked at."""
    for path in damaged:
        aside = path.with_name(path.name + DAMAGED)
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):  # a folder that cannot be written can still be read
            path.rename(aside)


def load(path: Path) -> Checkpoint:
    """Load one checkpoint after checking every file against the manifest.

    Raises:
        CheckpointError: a file is missing, was added or is not what was written.
    """
    files = read_files(path)
    try:
        state = json.loads(files[STATE])
        tensors = {
            name.removesuffix(TENSORS): safetensors.torch.load(content)
            for name, content in files.items()
            if name.endswith(TENSORS)
        }
        return Checkpoint(state.pop("step"), tensors, state)
    except UNUSABLE as error:
        raise CheckpointError(f"{path}: not a checkpoint that this version wrote ({error}).") from error


def read_files(path: Path) -> dict[str, bytes]:
    """Return the files of a checkpoint by name, each as the manifest says.

    Raises:
        CheckpointError: a file is missing, was added or is not what was written.
    """
    try:
        files = {file.name: file.read_bytes() for file in path.iterdir()}
        manifest = json.loads(files.pop(MANIFEST))
        sums = {name: sha256(content) for name, content in files.items()}
        damaged = sorted(name for name in {*sums, *manifest} if sums.get(name) != manifest.get(name))
    except UNUSABLE as error:
        raise CheckpointError(f"{path}: not a whole checkpoint ({type(error).__name__}: {error}).") from error
    if damaged:
        raise CheckpointError(f"{path}: {', '.join(damaged)} changed after it was written.")
    return files


def folders(folder: Path) -> list[Path]:
    """Return the checkpoint folders, oldest first; unfinished ones and those set aside do not count."""
    return sorted((path for path in folder.glob("step-*") if NAME.fullmatch(path.name) and path.is_dir()), key=order)


def order(path: Path) -> tuple[int, int]:
    """Return the step of a checkpoint folder and its number among those of that step."""
    step, again = re.findall(r"\d+", path.name + ".0")[:2]
    return int(step), int(again)


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


def json_bytes(content: object) -> bytes:
    """Return readable JSON."""
    return (json.dumps(content, indent=1) + "\n").encode()


def sha256(content: bytes) -> str:
    """Return the SHA-256 sum in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
