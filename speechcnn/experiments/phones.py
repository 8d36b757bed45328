"""The phone recognition experiment: a corpus in, a recogniser and its phone error rate out.

Corpus -> features -> states from a uniform split of the labels -> network -> realigned states -> network -> phone models and
bigram -> decoder weights tuned on dev -> test decoded once -> scores, pictures, model file. Everything of a run lies in its
folder; a run that was stopped goes on when its folder is given again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechcnn import audio, progress
from speechcnn.arguments import SettingsError, construct
from speechcnn.bundle import BundleError
from speechcnn.corpora import CorpusError, Utterance
from speechcnn.decoding import hmm
from speechcnn.experiments.phone_report import write_results
from speechcnn.features import FEATURES, Normalizer
from speechcnn.labels import timit_phones
from speechcnn.models import MODELS
from speechcnn.recognizer import PhoneRecognizer, Recipe
from speechcnn.training.batches import Example
from speechcnn.training.checkpoints import CheckpointError
from speechcnn.training.loop import EpochRecord, LoopSettings, Trainer, TrainingStopped
from speechcnn.training.schedules import OPTIMIZERS, SCHEDULES
from speechcnn.training.tasks import FrameCrossEntropy

NAME = "phones"
MODEL_FILE = "phones.speechcnn"
SETTINGS_FILE = "settings.json"


@dataclass(frozen=True)
class CorpusSettings:
    """Which corpus: one of TIMIT's shape at `root`, or, without a root, one that is made."""

    root: str | None
    size: str
    seed: int


@dataclass(frozen=True)
class AlignmentSettings:
    """How often the states are realigned with the network trained so far, and trained on again."""

    rounds: int = 1


@dataclass(frozen=True)
class DecodingSettings:
    """The values among which the decoder's weights are chosen on dev."""

    lm_scales: Sequence[float] = (0.5, 1.0, 1.5, 2.0, 3.0)
    insertion_penalties: Sequence[float] = (-4.0, -2.0, 0.0, 2.0, 4.0)
    prior_scale: float = 1.0


@dataclass(frozen=True)
class Item:
    """An utterance with its features, before normalisation, and the state of each frame.

    Shape: features [C, F, T], states [T].
    """

    utterance: Utterance
    features: Tensor
    states: NDArray[np.int64]


PARTS = {
    "corpus": CorpusSettings,
    "features": FEATURES,
    "normalisation": Normalizer,
    "model": MODELS,
    "task": FrameCrossEntropy,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "training": LoopSettings,
    "alignment": AlignmentSettings,
    "decoding": DecodingSettings,
}
DERIVED = ("n_classes", "n_streams", "n_bands", "energy", "parameters")
FAILURES = (
    audio.AudioError, BundleError, CheckpointError, CorpusError, SettingsError, TrainingStopped, OSError,
)  # fmt: skip


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    return PhoneExperiment(settings).run()


class PhoneExperiment:
    """One run. All settings are checked when it is made, before anything lasts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.started = settings, time.perf_counter()
        self.seed, self.folder = settings["seed"], Path(settings["folder"])
        if settings["threads"]:
            torch.set_num_threads(settings["threads"])
        torch.manual_seed(self.seed)
        recipe = Recipe(settings["features"], settings["normalisation"], settings["model"])
        self.recognizer = PhoneRecognizer(recipe, timit_phones())
        self.corpus_settings: CorpusSettings = self.build("corpus")
        self.alignment: AlignmentSettings = self.build("alignment")
        self.decoding: DecodingSettings = self.build("decoding")
        self.loop: LoopSettings = self.build("training")
        self.trainer("check")

    def build(self, part: str, **derived: Any) -> Any:
        """Construct one part of the settings."""
        return construct(part, PARTS[part], self.settings[part], **derived)

    def run(self) -> str:
        """Do everything and return the summary."""
        self.claim_folder()
        self.start_from(self.settings["init"])
        corpus = open_corpus(self.corpus_settings)
        train, dev, test = (self.extract(name, getattr(corpus, name)) for name in ("train", "dev", "test"))
        self.recognizer.normalizer.fit([item.features for item in train])
        history = []
        for round_number in range(self.alignment.rounds + 1):
            if round_number:
                train, dev = self.realign(train), self.realign(dev)
            history += self.train(round_number, train, dev)
        self.estimate_phone_models(train)
        tuned = self.tune(dev)
        hypotheses = self.transcribe(test)
        return write_results(self, corpus, history, tuned, test, hypotheses)

    def claim_folder(self) -> None:
        """Make the run folder and note the settings in it; a folder with other settings is refused."""
        path = self.folder / SETTINGS_FILE
        mine = {key: value for key, value in self.settings.items() if key not in ("folder", "threads")}
        if path.exists():
            theirs = json.loads(path.read_text())
            differing = [key for key in mine if mine[key] != theirs.get(key)]
            if differing:
                raise SettingsError(
                    f"{self.folder} holds a run with other settings ({', '.join(differing)}). Give folder= another name, "
                    f"or the settings in {path} to go on with that run."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(mine, indent=1) + "\n")

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

    def extract(self, name: str, utterances: Sequence[Utterance]) -> list[Item]:
        """Compute the features and the uniform states of a set; recordings that cannot be read are all named at once."""
        items, faults = [], []
        with progress.bar(f"features of {name}") as update:
            for done, utterance in enumerate(utterances, 1):
                try:
                    features = self.recognizer.extract(utterance.path)
                    items.append(Item(utterance, features, self.uniform_states(utterance, features.shape[-1])))
                except (audio.AudioError, OSError) as error:
                    faults.append(str(error))
                update(done, len(utterances))
        if faults:
            raise CorpusError("\n".join([f"{len(faults)} recordings of the {name} set cannot be used:", *faults]))
        return items

    def uniform_states(self, utterance: Utterance, n_frames: int) -> NDArray[np.int64]:
        """Return each frame's state when every labelled phone is split evenly among its states."""
        recognizer = self.recognizer
        shift, first_centre = recognizer.frame_times
        return hmm.uniform_states(
            utterance.segments, n_frames, recognizer.labels, recognizer.n_states, shift=shift, first_centre=first_centre
        )

    def examples(self, items: Sequence[Item]) -> list[Example]:
        """Normalise the features and pair them with their targets."""
        return [
            Example(item.utterance.id, self.normalized(item), torch.from_numpy(item.states))
            for item in items
            if item.states.size
        ]

    def normalized(self, item: Item) -> Tensor:
        """Return an utterance's normalised features.

        Shape: -> [C, F, T].
        """
        return self.recognizer.normalizer(item.features[None], torch.tensor([item.features.shape[-1]]))[0]

    def trainer(self, stage: str, **callbacks: Any) -> Trainer:
        """Return a fresh optimizer and schedule around the network."""
        parameters = self.recognizer.model.parameters()
        return Trainer(
            self.recognizer.model,
            self.build("task"),
            self.build("optimizer", parameters=parameters),
            self.build("schedule"),
            self.loop,
            self.seed,
            self.folder / "checkpoints" / stage,
            **callbacks,
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

            trainer = self.trainer(f"round-{round_number}", on_batch=on_batch, on_epoch=on_epoch)
            return trainer.fit(self.examples(train), self.examples(dev))

    def realign(self, items: Sequence[Item]) -> list[Item]:
        """Move the state boundaries to where the network trained so far sees them, the phones being known."""
        models = self.phone_models(items)
        aligned = []
        with progress.bar("alignment") as update:
            for done, item in enumerate(items, 1):
                phones = self.recognizer.labels.encode([segment.label for segment in item.utterance.segments])
                scores = self.recognizer.log_posteriors(item.features)
                aligned.append(replace(item, states=hmm.align(scores, phones, models)))
                update(done, len(items))
        return aligned

    def phone_models(self, items: Sequence[Item]) -> hmm.PhoneHmm:
        """Estimate priors, durations and the phone bigram."""
        transcripts = [[segment.label for segment in item.utterance.segments] for item in items]
        bigram = hmm.estimate_bigram(transcripts, self.recognizer.labels)
        return hmm.PhoneHmm.estimate([item.states for item in items], self.recognizer.labels, bigram)
