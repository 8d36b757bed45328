"""What the estimator's parameters mean: the defaults behind None, and the settings that they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from speechcnn.classifier import fitting, targets
from speechcnn.classifier.inputs import n_threads
from speechcnn.classifier.network import Network, Recipe
from speechcnn.classifier.windows import WindowPolicy
from speechcnn.features import LogMel

if TYPE_CHECKING:
    from speechcnn.classifier.estimator import AudioClassifier

# Few frames and a first stride, so that a processor trains it in minutes.
FEATURES: Mapping[str, Any] = {
    "name": "log_mel", "n_bands": 64, "deltas": 0, "energy": False, "window_ms": 64.0, "shift_ms": 32.0
}  # fmt: skip
MODEL: Mapping[str, Any] = {"name": "cnn8", "widths": [24, 48, 96, 192], "stride": 2}
OPTIMIZER: Mapping[str, Any] = {"name": "adamw", "lr": 0.003, "weight_decay": 0.02}
SCHEDULE: Mapping[str, Any] = {"name": "one_cycle"}
MIXUP: Mapping[str, Any] = {"how": "power"}
AUGMENT: Sequence[Mapping[str, Any]] = ({"name": "spec_augment"},)
LONGEST_WINDOW = 10.0  # seconds, of a window whose length follows from the data


def recipe_of(given: AudioClassifier) -> Recipe:
    """Return what the network is built from."""
    model = {"name": given.model} if isinstance(given.model, str) else dict(given.model or MODEL)
    return Recipe(dict(given.features or FEATURES), model)


def targets_of(given: AudioClassifier, y: Any, n_clips: int) -> targets.Targets:
    """Return which classes each clip has, as the task reads them."""
    if given.task not in ("single", "multi"):
        raise ValueError(f"task must be 'single' or 'multi', got {given.task!r}")
    return targets.single_targets(y, n_clips) if given.task == "single" else targets.multi_targets(y, n_clips)


def groups_of(groups: Any, names: Sequence[str]) -> list[str]:
    """Return what each clip was cut from: what was given, or a source for each clip."""
    if groups is None:
        return [f"{number}" for number in range(len(names))]
    targets.check_length(groups, len(names), "groups")
    return [str(group) for group in groups]


def policy_of(given: AudioClassifier, built: Network, samples: Sequence[NDArray[np.float32]]) -> WindowPolicy:
    """Return how clips become windows: as asked for, or by the median length of the training clips."""
    seconds = given.window_seconds
    if seconds is None:
        seconds = min(LONGEST_WINDOW, float(np.median([len(one) for one in samples])) / built.rate)
    elif not 0 < seconds <= 3600:
        raise ValueError(f"window_seconds must be above 0 and at most 3600, got {seconds}")
    frames = max(built.frames_of(seconds), built.model.minimum_size[1])
    hop = built.frames_of(given.hop_seconds) if given.hop_seconds else max(1, frames // 2)
    range_db = given.range_db if isinstance(built.features, LogMel) else 0.0  # cepstra have no loudest cell
    return WindowPolicy(built.samples_of(frames), frames, hop, given.short, given.votes, range_db)


def fit_settings_of(given: AudioClassifier) -> fitting.FitSettings:
    """Return how it is trained."""
    mixup = None if given.mixup == "none" else dict(MIXUP if given.mixup is None else mapping_of(given, "mixup"))
    return fitting.FitSettings(
        epochs=given.epochs,
        batch_size=given.batch_size,
        optimizer=dict(given.optimizer or OPTIMIZER),
        schedule=dict(given.schedule or SCHEDULE),
        mixup=mixup,
        augment=[dict(step) for step in (AUGMENT if given.augment is None else given.augment)],
        gain_db=given.gain_db,
        wrap=given.wrap,
        label_smoothing=given.label_smoothing,
        patience=given.patience,
        precision=given.precision,
        channels_last=given.channels_last,
        seed=given.seed,
        n_jobs=0 if n_threads(given.n_jobs) == 1 else n_threads(given.n_jobs),
        folder=None if given.folder is None else Path(given.folder),
        show=given.progress,
    )


def mapping_of(given: AudioClassifier, name: str) -> Mapping[str, Any]:
    """Return a parameter that must be a mapping."""
    value = getattr(given, name)
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a mapping of settings, None or 'none', got {value!r}")
    return value
