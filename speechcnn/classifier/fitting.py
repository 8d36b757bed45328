"""Training on clips: a validation part that shares no source, the loop, and the temperature of the probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechcnn import progress
from speechcnn.arguments import construct
from speechcnn.augment import AUGMENTATIONS, Chain, Mixup
from speechcnn.classifier.network import Network
from speechcnn.classifier.targets import Targets
from speechcnn.classifier.windows import WindowPolicy
from speechcnn.corpora.clips import assign_folds
from speechcnn.features import levelled, statistics
from speechcnn.metrics.calibration import fit_temperature
from speechcnn.training.clips import ClipBatching, ClipBinaryCrossEntropy, ClipCrossEntropy, ClipExample
from speechcnn.training.loop import LoopSettings, Trainer
from speechcnn.training.position import EpochRecord
from speechcnn.training.schedules import OPTIMIZERS, SCHEDULES

MOST_WATCHED = 100  # clips of training that each epoch is judged by where there is no validation part
LEAST_STD = 0.1  # of a band in nats; one that hardly changes is not blown up


@dataclass(frozen=True)
class FitSettings:
    """How to train."""

    epochs: int
    batch_size: int
    optimizer: Mapping[str, Any]
    schedule: Mapping[str, Any]
    mixup: Mapping[str, Any] | None
    augment: Sequence[Mapping[str, Any]]
    gain_db: float
    wrap: bool
    label_smoothing: float
    patience: int
    precision: Literal["fp32", "bf16"]
    channels_last: bool
    seed: int
    n_jobs: int
    folder: Path | None
    show: bool


@dataclass(frozen=True)
class Fitted:
    """What came of training."""

    history: Sequence[EpochRecord]
    validated: NDArray[np.int64]  # the numbers of the clips that steered and calibrated


def validation_part(targets: Targets, groups: Sequence[str], share: float, seed: int) -> NDArray[np.int64]:
    """Return the numbers of the clips kept for validation: whole groups, no class taken from training altogether.

    Raises:
        ValueError: a share outside [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation must be a share of at least 0 and below 1, got {share}")
    n_groups = len(set(groups))
    if share == 0 or n_groups < 2:
        return np.zeros(0, dtype=np.int64)
    n_folds = min(n_groups, max(2, round(1 / share)))
    labels = [[targets.names[k] for k in np.flatnonzero(row)] for row in targets.matrix]
    folds = np.array(assign_folds(labels, groups, n_folds, seed))
    for fold in range(n_folds):
        kept = targets.matrix[folds != fold]
        if (kept.sum(0) > 0).all():
            return np.flatnonzero(folds == fold)
    return np.zeros(0, dtype=np.int64)


def fit(
    network: Network,
    policy: WindowPolicy,
    samples: Sequence[NDArray[np.float32]],
    names: Sequence[str],
    targets: Targets,
    weights: NDArray[np.float32],
    validated: NDArray[np.int64],
    settings: FitSettings,
) -> Fitted:
    """Train the network in place, and set its normalisation and its temperature."""
    examples = [
        ClipExample(name, network.extract(policy.lengthened(one)), torch.from_numpy(row), weight=float(weight))
        for name, one, row, weight in zip(names, samples, targets.matrix, weights, strict=True)
    ]
    held = set(validated.tolist())
    train = [one for number, one in enumerate(examples) if number not in held]
    dev = [examples[number] for number in validated] or train[:: 1 + len(train) // MOST_WATCHED]
    network.mean, std = statistics([levelled(one.features, policy.range_db) for one in train])
    network.std = std.clamp(min=LEAST_STD)
    history = run_loop(network, train, dev, batching(network, policy, settings), settings)
    if len(validated):
        windows = torch.stack([middle(one.features, policy) for one in dev])
        scores = network.scores((windows - network.mean) / network.std).numpy()
        network.temperature = fit_temperature(scores, targets.matrix[validated], network.multi)
    return Fitted(history, validated)


def middle(features: Tensor, policy: WindowPolicy) -> Tensor:
    """Return the window in the middle of a clip, levelled.

    Shape: [C, F, T] -> [C, F, n_frames].
    """
    start = (features.shape[-1] - policy.n_frames) // 2
    return levelled(features[..., start : start + policy.n_frames], policy.range_db)


def batching(network: Network, policy: WindowPolicy, settings: FitSettings) -> ClipBatching:
    """Return how clips become batches."""
    steps = [construct(f"augment.{number}", AUGMENTATIONS, step) for number, step in enumerate(settings.augment)]
    return ClipBatching(
        settings.batch_size,
        policy.n_frames,
        settings.seed,
        network.mean,
        network.std,
        None if settings.mixup is None else construct("mixup", Mixup, settings.mixup),
        Chain(steps) if steps else None,
        settings.gain_db,
        settings.channels_last,
        settings.wrap,
        policy.range_db,
    )


def run_loop(
    network: Network,
    train: Sequence[ClipExample],
    dev: Sequence[ClipExample],
    batches: ClipBatching,
    settings: FitSettings,
) -> list[EpochRecord]:
    """Train with the house's loop; in a folder of the user's a stopped run goes on.

    A schedule that comes to rest at a planned end leaves its last weights: to choose among epochs by the few clips of a
    validation part would be to choose by chance. Where training may end sooner, the best weights are kept.
    """
    task = ClipBinaryCrossEntropy if network.multi else ClipCrossEntropy
    rests = settings.schedule["name"] == "one_cycle" and not settings.patience
    loop = LoopSettings(
        epochs=settings.epochs,
        patience=settings.patience,
        keep="last" if rests else "best",
        precision=settings.precision,
        workers=settings.n_jobs,
    )
    network.model.to(memory_format=torch.channels_last if settings.channels_last else torch.contiguous_format)
    with progress.bar("training", settings.show) as update:
        note = ""

        def on_batch(done: int, total: int, epoch: int) -> None:
            update(epoch * total + done, settings.epochs * total, note)

        def on_epoch(record: EpochRecord) -> None:
            nonlocal note
            note = f"loss {record.train_loss:.3f}, validation {100 * record.dev_accuracy:.1f} % right"

        trainer = Trainer(
            network.model,
            task(settings.label_smoothing),
            construct("optimizer", OPTIMIZERS, settings.optimizer, parameters=network.model.parameters()),
            construct("schedule", SCHEDULES, settings.schedule),
            loop,
            settings.seed,
            settings.folder,
            batches,
            on_batch,
            on_epoch,
        )
        return trainer.fit(train, dev)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch draw from this seed, and give its state back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
