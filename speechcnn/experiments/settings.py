"""What the experiments' settings have in common: what follows from data, what may fail, and the checks of the top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speechcnn import locks
from speechcnn.arguments import SettingsError, check_keys, check_type
from speechcnn.audio import AudioError
from speechcnn.bundle import BundleError
from speechcnn.corpora import CorpusError
from speechcnn.training.checkpoints import CheckpointError
from speechcnn.training.loop import TrainingStopped

MOST_THREADS = 1024
DERIVED: Sequence[str] = ("n_classes", "n_streams", "n_bands", "energy", "parameters")
FAILURES: tuple[type[Exception], ...] = (
    AudioError,
    BundleError,
    CheckpointError,
    CorpusError,
    SettingsError,
    TrainingStopped,
    locks.LockedError,
    OSError,
    ImportError,
)


def check_top(settings: Mapping[str, Any], parts: Iterable[str], hints: Mapping[str, Any]) -> None:
    """Raise a SettingsError when a part is missing or unknown, or a value that belongs to no part does not fit.

    Args:
        settings: all of them.
        parts: names of those that a constructor takes.
        hints: types of the others, `seed` among them.
    """
    keys = [*parts, *hints]
    check_keys("", settings, keys)
    missing = [key for key in keys if key not in settings]
    if missing:
        raise SettingsError(f"{', '.join(missing)} must be given.")
    for key, hint in hints.items():
        check_type(key, settings[key], hint)
    if settings["seed"] < 0:
        raise SettingsError(f"seed must be at least 0; got {settings['seed']}.")


def check_place(settings: Mapping[str, Any]) -> None:
    """Raise a SettingsError unless there is a folder to run in and a number of threads that can be had."""
    if not settings["folder"]:
        raise SettingsError("folder must name a folder; got an empty text.")
    if settings["threads"] is not None and not 1 <= settings["threads"] <= MOST_THREADS:
        raise SettingsError(f"threads must be from 1 to {MOST_THREADS}, or null; got {settings['threads']}.")
