"""Trains a spotter for a word, as the recipe and `speechcnn train keyword` do, in a process of its own.

A process of its own because training takes all cores and much memory, sets threads and seeds, and starts helpers that
speak; the program that asks for a spotter keeps its own. What is trained comes back as a model file.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "speechcnn.cli", "train", "keyword")


class TrainingError(RuntimeError):
    """A training that did not end with a model file."""


def run_folder(folder: str | Path | None) -> AbstractContextManager[str]:
    """Return the run's folder, made for the time of the run where none is given."""
    return tempfile.TemporaryDirectory() if folder is None else nullcontext(str(folder))


def overrides(
    keywords: Sequence[str],
    folder: str,
    recordings: str | Path | None,
    negatives: str | Path | None,
    seed: int,
    minutes: float | None = None,
) -> list[str]:
    """Return the settings of a training as `key=value`."""
    plain = keywords[0] if len(keywords) == 1 else f"[{','.join(keywords)}]"
    found = [f"keyword={plain}", f"folder={folder}", f"seed={seed}"]
    found += [] if minutes is None else [f"minutes={minutes:g}"]
    return found + [
        f"{key}={Path(value).resolve()}"
        for key, value in (("recordings", recordings), ("negatives", negatives))
        if value is not None
    ]


def train(settings: Sequence[str], folder: str) -> Path:
    """Run the training and return the model file that it wrote; what it says goes to the error stream.

    Raises:
        TrainingError: it failed, or its folder holds no model file, or several.
    """
    command = [*COMMAND, *settings]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise TrainingError(
            f"training ended with status {done.returncode}; the reason stands on the error stream. "
            f"The command was: {shlex.join(command)}"
        )
    models = sorted(Path(folder).glob("*.speechcnn"))
    if len(models) != 1:
        raise TrainingError(f"{folder}: one model file is expected after training, there are {len(models)}.")
    return models[0]
