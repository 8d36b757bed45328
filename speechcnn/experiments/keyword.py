"""The keyword experiment: a word in, a detector and what it misses out.

Advice -> scenes spoken, heard -> network -> the checkpoint, the keywords' levels and the threshold that do best on dev
by the event rule -> (commissioning: false alarms mined in the user's long audio, trained on again) -> test -> report,
model file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from speechcnn import locks, progress
from speechcnn.arguments import SettingsError, Table, construct
from speechcnn.corpora.keywords import advice, recordings, script
from speechcnn.corpora.keywords.recordings import Recordings
from speechcnn.corpora.keywords.voices import CHECKS
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.experiments import run_folder
from speechcnn.experiments import settings as settings_of
from speechcnn.experiments.keyword_data import Heard, Studio
from speechcnn.experiments.keyword_mining import Mined, mine, trials
from speechcnn.experiments.keyword_real import OwnSettings, RealSettings, held_out, judge, negative_files
from speechcnn.experiments.keyword_results import COUNTED, Commissioned, Outcome, write_results
from speechcnn.experiments.keyword_scoring import EventSettings, Scored, Scorer, criterion, shifts, total
from speechcnn.experiments.keyword_settings import ESPEAK_ALONE, AcousticSettings, SpeechSettings, with_flite
from speechcnn.features import FEATURES, Normalizer
from speechcnn.models.building import Recipe, input_shape
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.models.keyword_nets import KEYWORD_MODELS
from speechcnn.spotter import KeywordSpotter
from speechcnn.training.batches import Example, FrameBatching
from speechcnn.training.keyword_task import KeywordTask
from speechcnn.training.loop import LoopSettings, Trainer, TrainingStopped
from speechcnn.training.position import EpochRecord
from speechcnn.training.schedules import OPTIMIZERS, SCHEDULES

NAME = "keyword"
MOST_KEYWORDS = 100
LEVELLINGS = 2  # rounds of it: a class whose score is shifted takes from the others, or gives to them

PARTS: Mapping[str, Table | Callable[..., Any]] = {
    "speech": SpeechSettings,
    "acoustics": AcousticSettings,
    "own": OwnSettings,
    "real": RealSettings,
    "features": FEATURES,
    "normalisation": Normalizer,
    "model": KEYWORD_MODELS,
    "task": KeywordTask,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "training": LoopSettings,
    "events": EventSettings,
}
DERIVED = settings_of.DERIVED
FAILURES: tuple[type[Exception], ...] = (*settings_of.FAILURES, SynthesisError)
TOP: Mapping[str, Any] = {
    "keyword": str | Sequence[str],
    "recordings": str | None,
    "negatives": str | None,
    "seed": int,
    "folder": str,
    "threads": int | None,
    "minutes": float | None,
}


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    return KeywordExperiment(settings).run()


def keywords_of(setting: str | Sequence[str]) -> list[str]:
    """Return the keywords as a list in their plain form.

    Raises:
        SettingsError: none, or too many.
    """
    words = [setting] if isinstance(setting, str) else list(setting)
    if not 1 <= len(words) <= MOST_KEYWORDS:
        raise SettingsError(f"keyword must be a word or a list of 1 to {MOST_KEYWORDS}; got {len(words)}.")
    return [script.check_text(word) for word in words]


def within(speech: SpeechSettings, minutes: float) -> SpeechSettings:
    """Return how much is spoken in so many minutes.

    Raises:
        SettingsError: not above 0.
    """
    try:
        return speech.within(minutes)
    except ValueError as error:
        raise SettingsError(str(error)) from error


class KeywordExperiment:
    """One run. All settings are checked when it is made, before anything lasts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        settings_of.check_top(settings, PARTS, TOP)
        settings_of.check_place(settings)
        settings = with_flite(settings)
        self.settings, self.started = settings, time.perf_counter()
        self.seed, self.folder = settings["seed"], Path(settings["folder"])
        if settings["threads"]:
            torch.set_num_threads(settings["threads"])
        torch.manual_seed(self.seed)
        self.keywords, self.fitted = keywords_of(settings["keyword"]), False
        self.recipe = Recipe(settings["features"], settings["normalisation"], settings["model"])
        features = construct("features", FEATURES, settings["features"])
        shape = input_shape(features)
        self.normalizer: Normalizer = self.build("normalisation", **shape)
        self.network = self.build("model", n_classes=len(self.keywords) + 1, **shape)
        try:
            self.chain = KeywordChain(features, self.normalizer, self.network)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        self.events: EventSettings = self.build("events")
        self.loop: LoopSettings = self.build("training")
        self.own: OwnSettings = self.build("own")
        self.real: RealSettings = self.build("real")
        self.speech: SpeechSettings = self.build("speech")
        if settings["minutes"] is not None:
            self.speech = within(self.speech, settings["minutes"])
        for program in self.speech.programs:
            CHECKS[program]()
        self.acoustics: AcousticSettings = self.build("acoustics")
        self.trainer("check", self.loop, 1.0)

    def build(self, part: str, **derived: Any) -> Any:
        """Construct one part of the settings."""
        return construct(part, PARTS[part], self.settings[part], **derived)

    def run(self) -> str:
        """Do everything and return the summary; one process at a time may run in a folder.

        What the user handed in is looked at first, so that a mistake leaves no run behind.
        """
        own = self.recordings()
        self.real.check(self.keywords)
        long_files = negative_files(self.settings["negatives"])
        with locks.hold(self.folder / run_folder.LOCK_FILE, f"the run folder {self.folder}"):
            run_folder.claim(self.folder, self.settings)
            return self.run_claimed(own, long_files)

    def run_claimed(self, own: Recordings, long_files: Sequence[Path]) -> str:
        """Do everything in a folder that is ours."""
        prepared = script.prepare(self.keywords)
        advised = "\n".join(advice.advice(one) for one in prepared)
        if not self.speech.programs:
            advised += f"\n{ESPEAK_ALONE}"
        studio = Studio(prepared, self.speech, self.acoustics, self.chain, self.seed)
        training, kept = held_out(own, self.own.test_share)
        train = self.examples(studio, studio.train([*training.positives, *training.negatives], self.own.weight))
        dev = {name: list(every) for name, every in studio.judged("dev").items()}
        history = self.fit(studio, train, dev, "network", self.loop, 1.0)
        threshold = self.settle(dev)
        commissioning = None
        if long_files:
            mined = mine(self.scorer(threshold), long_files, threshold)
            before = trials(self.scorer(threshold), mined.held_out, threshold)
            history += self.train_on_mined(studio, train, dev, mined)
            threshold = self.settle(dev)
            commissioning = Commissioned(mined, before, trials(self.scorer(threshold), mined.held_out, threshold))
        test = {name: self.scorer(threshold).score(every) for name, every in studio.judged("test").items()}
        spotter = KeywordSpotter.trained(
            self.recipe, self.keywords, self.network, self.normalizer, self.events.rule(threshold), {}
        )
        real = judge(self.scorer(threshold), self.real, kept, self.keywords, threshold)
        seconds = time.perf_counter() - self.started
        outcome = Outcome(prepared, advised, test, threshold, history, own, real, commissioning, seconds)
        return write_results(self.folder, spotter, self.settings, outcome)

    def recordings(self) -> Recordings:
        """Read the user's own clips, if there are any."""
        folder = self.settings["recordings"]
        return recordings.read(folder, self.keywords) if folder else Recordings((), (), ())

    def examples(self, studio: Studio, heard: Sequence[Heard]) -> list[Example]:
        """Fit the normaliser and pair normalised features with targets."""
        if self.normalizer.kind == "corpus" and not self.fitted:
            self.normalizer.fit(one.features for one in heard)
            self.fitted = True
        with torch.no_grad():
            return [studio.example(one, self.chain.normalized(one.features[None])[0]) for one in heard]

    def scorer(self, threshold: float) -> Scorer:
        """Return what finds events with the network as it is now."""
        return Scorer(self.chain, self.network, self.keywords, self.events.rule(threshold))

    def trainer(self, stage: str, loop: LoopSettings, lr_factor: float, **callbacks: Any) -> Trainer:
        """Return a fresh optimizer and schedule around the network."""
        optimizer = self.build("optimizer", parameters=self.network.parameters())
        optimizer.param_groups[0]["lr"] *= lr_factor
        return Trainer(
            self.network,
            self.build("task"),
            optimizer,
            self.build("schedule"),
            loop,
            self.seed,
            self.folder / "checkpoints" / stage,
            **callbacks,
        )

    def fit(
        self,
        studio: Studio,
        train: Sequence[Example],
        dev: Mapping[str, Sequence[Heard]],
        stage: str,
        loop: LoopSettings,
        lr_factor: float,
    ) -> list[EpochRecord]:
        """Train; the weights that do best on dev by the event rule stay."""
        judged = self.examples(studio, [one for every in dev.values() for one in every])
        scorer = self.scorer(self.events.least_threshold)

        def measured() -> float:
            return criterion({name: scorer.score(every) for name, every in dev.items()})

        with progress.bar(f"training {stage}") as update:
            note = ""

            def on_batch(done: int, total: int, epoch: int) -> None:
                update(epoch * total + done, loop.epochs * total, note)

            def on_epoch(record: EpochRecord) -> None:
                nonlocal note
                note = f"dev loss {record.dev_loss:.3f}"

            fresh = studio.fresh_each_epoch()
            trainer = self.trainer(
                stage, loop, lr_factor, batching=FrameBatching(loop.batch_frames, self.seed, fresh),
                criterion=measured, on_batch=on_batch, on_epoch=on_epoch,
            )  # fmt: skip
            try:
                return trainer.fit(train, judged)
            except TrainingStopped as stop:
                raise TrainingStopped(f"{stop} Give folder={self.folder} and the same settings.") from stop

    def settle(self, dev: Mapping[str, Sequence[Heard]]) -> float:
        """Make the scores of several keywords level, and return the threshold that dev asks for.

        What sounds like a keyword is not counted among dev's hours.
        """
        every = self.counted(dev)
        threshold = self.events.choose(total(every))
        if not self.events.level or len(self.keywords) == 1:
            return threshold
        for _ in range(LEVELLINGS):
            added = shifts(every, self.keywords, self.events, threshold)
            with torch.no_grad():
                self.network.classes.bias[1:] += added
            every = self.counted(dev)
        return self.events.choose(total(every))

    def counted(self, dev: Mapping[str, Sequence[Heard]]) -> list[Scored]:
        """Return the events of dev's recordings whose time counts."""
        scorer = self.scorer(self.events.least_threshold)
        return [one for name in COUNTED for one in scorer.score(dev[name])]

    def train_on_mined(
        self, studio: Studio, train: Sequence[Example], dev: Mapping[str, Sequence[Heard]], mined: Mined
    ) -> list[EpochRecord]:
        """Train on with the false alarms among the training set."""
        hard = self.examples(studio, mined.alarms) * self.own.weight
        loop = self.own.commissioning(self.loop)
        return self.fit(studio, [*train, *hard], dev, "commissioning", loop, self.own.rate_factor)
