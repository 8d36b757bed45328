"""The localisation experiment: scenes in, a network that finds events in them and its scores out.

Scenes with known events -> features -> network that labels every frame -> threshold chosen on dev -> test searched
once -> event scores, a picture, model file. Everything of a run lies in its folder; a run that was stopped goes on when
its folder is given again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import torch

from speechcnn import locks, progress
from speechcnn.arguments import Table, construct
from speechcnn.corpora.scenes import SOUNDS, SceneError
from speechcnn.decoding.events import EventSettings
from speechcnn.event_finder import EventFinder
from speechcnn.events import Event
from speechcnn.experiments import run_folder
from speechcnn.experiments import settings as settings_of
from speechcnn.experiments.event_data import Item, SceneSettings, classes, extract, open_scenes, references
from speechcnn.experiments.event_results import Outcome, write_results
from speechcnn.features import LogMel, Normalizer
from speechcnn.labels import Labels
from speechcnn.metrics.events import score_events
from speechcnn.metrics.events.scoring import HEADLINE
from speechcnn.models.building import Recipe
from speechcnn.models.segmentation import EventSegmenter
from speechcnn.training.batches import Example
from speechcnn.training.localisation import FrameEvents
from speechcnn.training.loop import LoopSettings, Trainer, TrainingStopped
from speechcnn.training.position import EpochRecord
from speechcnn.training.schedules import OPTIMIZERS, SCHEDULES
from speechcnn.transcripts.faults import TranscriptError

NAME = "localise"
SCENES_FOLDER = Path("corpora") / "scenes"


@dataclass(frozen=True)
class DecodingSettings:
    """What is tried on dev to make events of probabilities; each combination is."""

    thresholds: Sequence[float] = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # for the onset
    offset_shares: Sequence[float] = (0.3, 0.6, 1.0)  # of the onset's threshold, below which an event ends
    medians_seconds: Sequence[float] = (0.1, 0.2)
    shortest_seconds: Sequence[float] = (0.15,)
    bridged_seconds: Sequence[float] = (0.15, 0.3)

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not getattr(self, name):
                raise ValueError(f"{name} must list at least one value.")
        self.choices()

    def choices(self) -> list[EventSettings]:
        """Return the settings to choose from."""
        rest = (self.medians_seconds, self.shortest_seconds, self.bridged_seconds)
        return [
            EventSettings(onset, share * onset, *durations)
            for onset, share, *durations in product(self.thresholds, self.offset_shares, *rest)
        ]


PARTS: Mapping[str, Table | Callable[..., Any]] = {
    "corpus": SceneSettings,
    "features": LogMel,
    "normalisation": Normalizer,
    "model": EventSegmenter,
    "task": FrameEvents,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "training": LoopSettings,
    "decoding": DecodingSettings,
}
DERIVED = settings_of.DERIVED
FAILURES: tuple[type[Exception], ...] = (*settings_of.FAILURES, SceneError, TranscriptError)
TOP: Mapping[str, Any] = {"seed": int, "folder": str, "threads": int | None}


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    return LocaliseExperiment(settings).run()


class LocaliseExperiment:
    """One run. All settings are checked when it is made, before anything lasts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        settings_of.check_top(settings, PARTS, TOP)
        settings_of.check_place(settings)
        self.settings, self.started = settings, time.perf_counter()
        self.seed, self.folder = settings["seed"], Path(settings["folder"])
        if settings["threads"]:
            torch.set_num_threads(settings["threads"])
        self.recipe = Recipe(settings["features"], settings["normalisation"], settings["model"])
        self.corpus: SceneSettings = self.build("corpus")
        self.decoding: DecodingSettings = self.build("decoding")
        self.loop: LoopSettings = self.build("training")
        self.finder = self.fresh_finder(("any",))
        self.trainer()

    def build(self, part: str, **derived: Any) -> Any:
        """Construct one part of the settings."""
        return construct(part, PARTS[part], self.settings[part], **derived)

    def fresh_finder(self, labels: Sequence[str]) -> EventFinder:
        """Return an untrained event finder whose weights follow from the seed."""
        torch.manual_seed(self.seed)
        return EventFinder(self.recipe, Labels(tuple(labels)))

    def run(self) -> str:
        """Do everything and return the summary; one process at a time may run in a folder."""
        with locks.hold(self.folder / run_folder.LOCK_FILE, f"the run folder {self.folder}"):
            run_folder.claim(self.folder, self.settings)
            return self.run_claimed()

    def run_claimed(self) -> str:
        """Do everything in a folder that is ours."""
        root, tables = open_scenes(self.corpus, SCENES_FOLDER / self.scenes_name())
        self.finder = self.fresh_finder(classes(tables) if self.corpus.root else sorted(SOUNDS))
        train, dev, test = (extract(part, root, table, self.finder) for part, table in tables.items())
        self.finder.normalizer.fit([item.features for item in train])
        history = self.train(self.examples(train), self.examples(dev))
        tuned = self.tune(dev)
        found, seconds = self.search(test)
        total = time.perf_counter() - self.started
        scores = score_events(references(test), found)
        outcome = Outcome(test, found, scores, tuned, history, total, seconds)
        return write_results(self.folder, self.finder, self.settings, outcome)

    def scenes_name(self) -> str:
        """Return the folder name of made scenes: the number of each part, and every field that is not the usual one."""
        usual = SceneSettings()
        told = [f"{f.name}-{getattr(self.corpus, f.name)}" for f in fields(usual)
                if getattr(self.corpus, f.name) != getattr(usual, f.name)]  # fmt: skip
        return "_".join(told) or "default"

    def examples(self, items: Sequence[Item]) -> list[Example]:
        """Normalise the features and pair them with their targets."""
        return [
            Example(
                item.name,
                self.finder.normalized(item.features),
                self.finder.targets(item.events, item.features.shape[-1]),
            )
            for item in items
        ]

    def trainer(self, **callbacks: Any) -> Trainer:
        """Return a fresh optimizer and schedule around the network."""
        return Trainer(
            self.finder.model,
            self.build("task", n_classes=len(self.finder.labels)),
            self.build("optimizer", parameters=self.finder.model.parameters()),
            self.build("schedule"),
            self.loop,
            self.seed,
            self.folder / "checkpoints",
            **callbacks,
        )

    def train(self, train: Sequence[Example], dev: Sequence[Example]) -> list[EpochRecord]:
        """Train the network."""
        with progress.bar("training") as update:
            note = ""

            def on_batch(done: int, total: int, epoch: int) -> None:
                update(epoch * total + done, self.loop.epochs * total, note)

            def on_epoch(record: EpochRecord) -> None:
                nonlocal note
                note = f"dev loss {record.dev_loss:.4f}, frames right {100 * record.dev_accuracy:.1f} %"

            try:
                return self.trainer(on_batch=on_batch, on_epoch=on_epoch).fit(train, dev)
            except TrainingStopped as stop:
                raise TrainingStopped(f"{stop} Give folder={self.folder} and the same settings.") from stop

    def tune(self, dev: Sequence[Item]) -> dict[str, float]:
        """Give the finder the settings with the best headline F1 on dev, the first of equal ones, and return them."""
        heard = {item.name: self.finder.probabilities(item.features) for item in dev}
        known = references(dev)

        def f1(settings: EventSettings) -> float:
            found = {name: self.finder.decode(*one, settings=settings) for name, one in heard.items()}
            return score_events(known, found).counts[HEADLINE].micro.f1

        tried = [(f1(settings), settings) for settings in self.decoding.choices()]
        best, self.finder.settings = max(tried, key=lambda one: one[0])
        return {"f1": best, **asdict(self.finder.settings)}

    def search(self, test: Sequence[Item]) -> tuple[dict[str, list[Event]], float]:
        """Find the events of the test scenes, and return them and the time it took."""
        started = time.perf_counter()
        found = {item.name: self.finder.decode(*self.finder.probabilities(item.features)) for item in test}
        return found, time.perf_counter() - started
