"""One flipped bit anywhere in a checkpoint."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path

import safetensors.torch
import torture
from safetensors import SafetensorError
from torments import _small_run as small

from speechcnn.training import checkpoints
from speechcnn.training.checkpoints import CheckpointError


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def detected(folder: Path) -> bool:
    try:
        checkpoints.load(folder)
    except CheckpointError:
        return True
    return False


def plainly_detected(path: Path) -> bool:
    """Whether the file formats alone notice: what a reader without sums has."""
    content = path.read_bytes()
    try:
        json.loads(content) if path.suffix == ".json" else safetensors.torch.load(content)
    except (ValueError, SafetensorError):
        return True
    return False


def trial(quick: bool) -> torture.Result:
    n_flips, rng = (100 if quick else 1000), torture.rng("checkpoint_bits")
    found = plainly = passed_over = 0
    with tempfile.TemporaryDirectory() as name:
        run = small.trainer(Path(name), epochs=2, keep_checkpoints=2)
        run.fit(*small.data())
        earlier, newest = checkpoints.folders(run.folder)
        files = sorted(newest.iterdir())
        for number in range(n_flips):
            path = files[number % len(files)]  # the smallest file as often as the largest
            content = path.read_bytes()
            path.write_bytes(flip(content, int(rng.integers(8 * len(content)))))
            found += detected(newest)
            plainly += plainly_detected(path)
            path.write_bytes(content)
        passed_over = falls_back(run.folder, newest, earlier)
    detail = f"the formats alone notice {plainly}; the damaged one is named and the one before it used: {passed_over}"
    reached = f"{found} of {n_flips} detected"
    passed = found == n_flips and passed_over
    return torture.Result("checkpoint_bits", reached, f"{n_flips} of {n_flips} detected", passed, 0, detail)


def falls_back(folder: Path, newest: Path, earlier: Path) -> bool:
    path = newest / "model.safetensors"
    path.write_bytes(flip(path.read_bytes(), 8 * 2000))
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    checkpoints.log.addHandler(handler)
    try:
        found = checkpoints.newest(folder)
    finally:
        checkpoints.log.removeHandler(handler)
    return found is not None and found.step == checkpoints.order(earlier)[0] and newest.name in "".join(said)


def trials() -> dict[str, torture.Trial]:
    return {"checkpoint_bits": trial}
