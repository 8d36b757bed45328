"""The phone recognition experiment: a corpus in, a recogniser and its phone error rate out.

Corpus -> features -> states from a uniform split of the labels -> network -> realigned states -> network -> phone
models and bigram -> decoder weights tuned on dev -> test decoded once -> scores, pictures, model file. Everything of a
run lies in its folder; a run that was stopped goes on when its folder is given again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from speechcnn import locks, progress
from speechcnn.arguments import SettingsError, Table, construct
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.decoding import hmm
from speechcnn.decoding.phone_ctc import PhoneCtc
from speechcnn.decoding.tuning import Tuned, tune
from speechcnn.experiments import run_folder
from speechcnn.experiments import settings as settings_of
from speechcnn.experiments.alignment import AlignmentSettings, save_states, take_states
from speechcnn.experiments.bad_files import BadFiles
from speechcnn.experiments.phone_augmentation import AugmentationSettings, Augmenter, chain_of
from speechcnn.experiments.phone_data import CorpusSettings, Item, extract_all, open_corpus, speaker_statistics
from speechcnn.experiments.phone_results import HEADLINE, MODEL_FILE, Outcome, write_results
from speechcnn.experiments.phone_settings import DEFAULT_ROUNDS, N_STATES, WEIGHTS_TRIED, DecodingSettings
from speechcnn.features import FEATURES, Normalizer
from speechcnn.labels import Segment, timit_phones
from speechcnn.metrics import ErrorCounts, count
from speechcnn.metrics.scoring import matched
from speechcnn.models import PHONE_MODELS
from speechcnn.recognizer import PhoneRecognizer, Recipe, Weighting
from speechcnn.recognizer.phone_search import PhoneModels, best_labels
from speechcnn.training.batches import Example, FrameBatching
from speechcnn.training.loop import LoopSettings, Trainer, TrainingStopped
from speechcnn.training.position import EpochRecord, SkippedStep
from speechcnn.training.schedules import OPTIMIZERS, SCHEDULES
from speechcnn.training.tasks import TASKS, Task

NAME = "phones"

PARTS: Mapping[str, Table | Callable[..., Any]] = {
    "corpus": CorpusSettings,
    "features": FEATURES,
    "normalisation": Normalizer,
    "model": PHONE_MODELS,
    "task": TASKS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "training": LoopSettings,
    "augmentation": AugmentationSettings,
    "alignment": AlignmentSettings,
    "decoding": DecodingSettings,
}
DERIVED = settings_of.DERIVED
FAILURES: tuple[type[Exception], ...] = (*settings_of.FAILURES, SynthesisError)
TOP: Mapping[str, Any] = {"seed": int, "folder": str, "init": str | None, "threads": int | None}


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    return PhoneExperiment(settings).run()


class PhoneExperiment:
    """One run. All settings are checked when it is made, before anything lasts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        settings_of.check_top(settings, PARTS, TOP)
        settings_of.check_place(settings)
        self.settings, self.started = settings, time.perf_counter()
        self.seed, self.folder = settings["seed"], Path(settings["folder"])
        if settings["threads"]:
            torch.set_num_threads(settings["threads"])
        torch.manual_seed(self.seed)
        recipe = Recipe(settings["features"], settings["normalisation"], settings["model"])
        self.task: Task = self.build("task")
        self.kind: str = settings["task"]["name"]
        self.recognizer = PhoneRecognizer(recipe, timit_phones(), n_states=N_STATES[self.kind])
        self.corpus_settings: CorpusSettings = self.build("corpus")
        self.alignment: AlignmentSettings = self.build("alignment")
        self.rounds = self.realignments()
        self.decoding: DecodingSettings = self.build("decoding")
        self.loop: LoopSettings = self.build("training")
        self.chain = chain_of(self.build("augmentation"), self.recognizer.features)
        self.skipped: list[SkippedStep] = []
        self.trainer("check")

    def build(self, part: str, **derived: Any) -> Any:
        """Construct one part of the settings."""
        return construct(part, PARTS[part], self.settings[part], **derived)

    def realignments(self) -> int:
        """Return how often states are realigned.

        Raises:
            SettingsError: there are none to realign.
        """
        asked = self.alignment
        if self.kind == "ctc" and (asked.rounds or asked.source or asked.save):
            raise SettingsError("task=ctc has no states to align; leave alignment.rounds, source and save out.")
        return asked.rounds if asked.rounds is not None else DEFAULT_ROUNDS[self.kind]

    def run(self) -> str:
        """Do everything and return the summary; one process at a time may run in a folder."""
        with locks.hold(self.folder / run_folder.LOCK_FILE, f"the run folder {self.folder}"):
            run_folder.claim(self.folder, self.settings)
            self.start_from(self.settings["init"])
            return self.run_claimed()

    def run_claimed(self) -> str:
        """Do everything in a folder that is ours."""
        self.bad = BadFiles(self.corpus_settings.bad_files, self.corpus_settings.most_bad_percent, self.folder)
        corpus = open_corpus(self.corpus_settings, self.bad)
        train, dev, test = extract_all(corpus, self.recognizer, self.bad)
        self.normalise(train, [*train, *dev, *test])
        if self.alignment.source:
            train, dev = (take_states(self.alignment.source, items) for items in (train, dev))
        history = []
        for round_number in range(self.rounds + 1):
            if round_number:
                train, dev = self.realign(train), self.realign(dev)
            history += self.train(round_number, train, dev)
        self.recognizer.hmm = self.phone_models(train)
        if self.alignment.save:
            save_states(self.folder, [*self.realign(train), *self.realign(dev)])
        tuned = self.tune(dev)
        scores = [self.scores(item) for item in test]
        hypotheses = self.decode(scores)
        seconds = time.perf_counter() - self.started
        outcome = Outcome(corpus, test, scores, hypotheses, history, tuned, seconds, self.bad.faults, self.skipped)
        return write_results(self.folder, self.recognizer, self.settings, outcome)

    def start_from(self, source: str | None) -> None:
        """Take over the weights of another run of the same network."""
        if source is None:
            return
        path = Path(source) / MODEL_FILE if Path(source).is_dir() else Path(source)
        weights = PhoneRecognizer.load(path).model.state_dict()
        try:
            self.recognizer.model.load_state_dict(weights)
        except RuntimeError as error:
            raise SettingsError(
                f"init: the network in {path} has other layers than model= describes ({error})."
            ) from error

    def normalise(self, train: Sequence[Item], every: Sequence[Item]) -> None:
        """Fit the normaliser: on the training set, or on each speaker's own recordings."""
        self.recognizer.normalizer.fit([item.features for item in train])
        self.speakers = speaker_statistics(every) if self.recognizer.normalizer.kind == "speaker" else {}

    def examples(self, items: Sequence[Item]) -> list[Example]:
        """Normalise the features and pair them with their targets."""
        return [
            Example(
                item.utterance.id,
                self.recognizer.normalized(item.features, self.speakers.get(item.utterance.speaker)),
                torch.from_numpy(item.states),
            )
            for item in items
        ]

    def scores(self, item: Item) -> NDArray[np.float32]:
        """Return an utterance's log posteriors.

        Shape: -> [T, K].
        """
        return self.recognizer.log_posteriors(item.features, self.speakers.get(item.utterance.speaker))

    def trainer(self, stage: str, **arguments: Any) -> Trainer:
        """Return a fresh optimizer and schedule around the network."""
        parameters = self.recognizer.model.parameters()
        return Trainer(
            self.recognizer.model,
            self.task,
            self.build("optimizer", parameters=parameters),
            self.build("schedule"),
            self.loop,
            self.seed,
            self.folder / "checkpoints" / stage,
            **arguments,
        )

    def train(self, round_number: int, train: Sequence[Item], dev: Sequence[Item]) -> list[EpochRecord]:
        """Train the network on the current states."""
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(self.folder / "tensorboard" / f"round-{round_number}"))
        title = "training" if round_number == 0 else f"training, round {round_number + 1}"
        with progress.bar(title) as update, writer:
            note = ""

            def on_batch(done: int, total: int, epoch: int) -> None:
                update(epoch * total + done, self.loop.epochs * total, note)

            def on_epoch(record: EpochRecord) -> None:
                nonlocal note
                note = f"dev loss {record.dev_loss:.3f}, frames right {100 * record.dev_accuracy:.1f} %"
                for key in ("train_loss", "dev_loss", "dev_accuracy", "learning_rate"):
                    writer.add_scalar(key, getattr(record, key), record.epoch)

            batching = FrameBatching(self.loop.batch_frames, self.seed, self.augmentation(train, round_number))
            trainer = self.trainer(f"round-{round_number}", batching=batching, on_batch=on_batch, on_epoch=on_epoch)
            try:
                history = trainer.fit(self.examples(train), self.examples(dev))
            except TrainingStopped as stop:
                raise TrainingStopped(f"{stop} Give folder={self.folder} and the same settings.") from stop
            self.skipped += trainer.position.skipped
            return history

    def augmentation(self, train: Sequence[Item], round_number: int) -> Augmenter | None:
        """Return what changes the training set from epoch to epoch, if anything does."""
        if not self.chain.steps:
            return None
        return Augmenter(self.chain, self.recognizer, self.task, train, self.speakers, self.seed, round_number)

    def realign(self, items: Sequence[Item]) -> list[Item]:
        """Move the state boundaries to where the network trained so far sees them, the phones being known."""
        models = self.phone_hmm(items)
        aligned = []
        with progress.bar("alignment") as update:
            for done, item in enumerate(items, 1):
                phones = self.recognizer.labels.encode(item.utterance.labels)
                scores = self.scores(item)
                aligned.append(replace(item, states=hmm.align(scores, phones, models)))
                update(done, len(items))
        return aligned

    def phone_models(self, items: Sequence[Item]) -> PhoneModels:
        """Estimate what decodes: the phone language model and, where phones have states, priors and durations."""
        if self.kind == "ctc":
            return PhoneCtc(self.recognizer.labels, self.language_model(items))
        return self.phone_hmm(items)

    def phone_hmm(self, items: Sequence[Item]) -> hmm.PhoneHmm:
        """Estimate priors, durations and the phone language model."""
        states = [item.states for item in items]
        return hmm.PhoneHmm.estimate(states, self.recognizer.labels, self.language_model(items))

    def language_model(self, items: Sequence[Item]) -> hmm.NgramModel:
        """Estimate the phone language model."""
        transcripts = [item.utterance.labels for item in items]
        return hmm.estimate_ngram(transcripts, self.recognizer.labels, self.decoding.lm_order, self.decoding.smoothing)

    def tune(self, items: Sequence[Item]) -> Tuned:
        """Choose the decoder's weights on dev, by the headline convention, and give them to the recogniser."""
        references = {item.utterance.id: list(item.utterance.labels) for item in items}

        def error_rate(found: list[list[str]]) -> float:
            pairs = matched(references, dict(zip(references, found, strict=True)), HEADLINE).values()
            return sum((count(*pair) for pair in pairs), ErrorCounts()).rate

        def labels(scores: NDArray[np.float32], lm_scale: float, insertion_penalty: float) -> list[str]:
            weighting = Weighting(lm_scale, insertion_penalty, self.decoding.prior_scale)
            return best_labels(scores, self.recognizer.require_models(), weighting)

        scales, penalties = WEIGHTS_TRIED[self.kind]
        scales, penalties = self.decoding.lm_scales or scales, self.decoding.insertion_penalties or penalties
        with progress.bar("tuning on dev") as update:
            tuned = tune([self.scores(item) for item in items], labels, error_rate, scales, penalties, update)
        self.recognizer.weighting = Weighting(tuned.lm_scale, tuned.insertion_penalty, self.decoding.prior_scale)
        return tuned

    def decode(self, scores: Sequence[NDArray[np.float32]]) -> list[list[Segment]]:
        """Decode the test set, once."""
        found = []
        with progress.bar("decoding test") as update:
            for done, one in enumerate(scores, 1):
                found.append(self.recognizer.decode(one))
                update(done, len(scores))
        return found
