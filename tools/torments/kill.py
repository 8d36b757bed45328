"""SIGKILL at random times of a training run that is started again until it ends."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import safetensors.torch
import torture
from safetensors import SafetensorError
from torments import _small_run as small

from speechcnn.training import checkpoints
from speechcnn.training.loop import Trainer
from speechcnn.training.position import Position

DISK_SECONDS = 0.0004  # that each call which changes the disk lasts longer
LONGEST_RUN = 120.0


class NaiveTrainer(Trainer):
    """Writes over its last file, as a saver does that does not think of kills; what it cannot read it forgets."""

    def checkpoint(self) -> None:
        tensors, groups = checkpoints.flatten_optimizer(self.optimizer)
        state = {"position": self.position.plain(), "param_groups": groups, "schedule": self.schedule.state_dict()}
        parts = {"model": self.model.state_dict(), "optimizer": tensors, "best": self.best}
        named = {f"{part}/{name}": tensor for part, group in parts.items() for name, tensor in group.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        overwrite(self.folder / "last.safetensors", safetensors.torch.save(named))
        overwrite(self.folder / "last.json", json.dumps(state).encode())

    def resume(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, SafetensorError):
            state, named = read_naive(self.folder)
            parts = {part: strip(named, part) for part in ("model", "optimizer", "best")}
            self.restore(checkpoints.Checkpoint(Position.of(state["position"]).step, parts, state))


def overwrite(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for start in range(0, len(content), 4096):
        os.write(descriptor, content[start : start + 4096])
    os.close(descriptor)


def read_naive(folder: Path) -> tuple[dict, dict]:
    state = json.loads((folder / "last.json").read_text())
    return state, safetensors.torch.load((folder / "last.safetensors").read_bytes())


def strip(named: dict, part: str) -> dict:
    return {name.removeprefix(f"{part}/"): tensor for name, tensor in named.items() if name.startswith(f"{part}/")}


def start(folder: Path, kind: type[Trainer] = Trainer) -> BaseProcess:
    """Start or go on with a run in a process forked from a warm one, so that it begins at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torments._small_run"])
    process = context.Process(target=small.child, args=(folder, kind, DISK_SECONDS), daemon=True)
    process.start()
    return process


def finish(folder: Path) -> tuple[str, float]:
    """Let a run end; the sum of its weights and the seconds it took."""
    begun = time.perf_counter()
    process = start(folder)
    process.join(LONGEST_RUN)
    done = folder / "weights.sha256"
    return (done.read_text() if done.exists() else f"exit status {process.exitcode}"), time.perf_counter() - begun


def kill_once(folder: Path, rng: np.random.Generator, longest: float, kind: type[Trainer] = Trainer) -> None:
    """Start a run and kill it: at any time, or, every second time, as soon as it is writing a checkpoint."""
    process = start(folder, kind)
    deadline = time.perf_counter() + rng.uniform(0, longest)
    while time.perf_counter() < deadline:
        time.sleep(0.001)
    if rng.random() < 0.5:
        while process.is_alive() and not any((folder / "checkpoints").glob("*.partial")):
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.015))
    process.kill()
    process.join(LONGEST_RUN)


def trial(quick: bool) -> torture.Result:
    n_runs, rng = (4 if quick else 200), torture.rng("kill")
    equal = kills = in_save = 0
    with tempfile.TemporaryDirectory() as name:
        finish(Path(name) / "warm")
        wanted, seconds = finish(made(Path(name) / "whole"))
        for number in range(n_runs):
            folder = made(Path(name) / str(number))
            for _ in range(int(rng.integers(2, 6))):
                kill_once(folder, rng, 0.8 * seconds)
                kills += 1
                in_save += any((folder / "checkpoints").glob("*.partial"))
            equal += finish(folder)[0] == wanted
    reached = f"{equal} of {n_runs} equal after {kills} kills"
    detail = f"{in_save} kills came while a checkpoint was written or deleted; an unbroken run takes {seconds:.1f} s"
    return torture.Result(
        "kill", reached, f"{n_runs} of {n_runs} equal", equal == n_runs and len(wanted) == 64, 0, detail
    )


def control(quick: bool) -> torture.Result:
    """The same with a saver that writes over its last file: it must be seen to break, so every kill is aimed."""
    n_kills = 12 if quick else 200
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(n_kills):
            folder = made(Path(name) / str(number)) / "checkpoints"
            kill_in_save(start(folder.parent, NaiveTrainer), folder)
            broken += not readable(folder)
    reached = f"{broken} of {n_kills} kills left it unreadable"
    return torture.Result("kill_naive", reached, "damage (a control)", broken > 0)


def kill_in_save(process: BaseProcess, folder: Path) -> None:
    """Kill a naive run as soon as its last file is seen shorter than it was."""
    longest = 0
    while process.is_alive():
        size = (folder / "last.safetensors").stat().st_size if (folder / "last.json").exists() else 0
        if size < longest:
            process.kill()
        longest = max(longest, size)
        time.sleep(0.0001)
    process.join(LONGEST_RUN)


def readable(folder: Path) -> bool:
    try:
        read_naive(folder)
    except (OSError, ValueError, SafetensorError):
        return False
    return True


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def trials() -> dict[str, torture.Trial]:
    return {"kill": trial, "kill_naive": control}
