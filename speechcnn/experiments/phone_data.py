"""The corpus of a phone experiment: opened or made, and turned into features and states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from speechcnn import audio, progress
from speechcnn.corpora import Corpus, CorpusError, Fault, Utterance, synthesis
from speechcnn.corpora.timit import read as read_timit
from speechcnn.decoding import hmm
from speechcnn.decoding.phone_ctc import NO_STATES
from speechcnn.experiments.bad_files import BadFiles, Policy
from speechcnn.features import Statistics, statistics
from speechcnn.recognizer import PhoneRecognizer


@dataclass(frozen=True)
class CorpusSettings:
    """Which corpus: one of TIMIT's shape at `root`, or, without a root, one that is made; what to do with bad files."""

    root: str | None
    size: str
    seed: int
    bad_files: Policy = "error"
    most_bad_percent: float = 1.0  # of the utterances; beyond it every policy is an error
    dev_speakers: Sequence[str] = ()  # of a small corpus, to tune on
    test_speakers: Sequence[str] = ()  # of a small corpus, to test on; where any are named, all others train

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0; got {self.seed}.")
        if not 0 <= self.most_bad_percent <= 100:
            raise ValueError(f"most_bad_percent must lie between 0 and 100; got {self.most_bad_percent}.")
        if self.root is None and self.size not in synthesis.SIZES:
            raise ValueError(f"size must be one of {', '.join(synthesis.SIZES)}; got {self.size!r}.")


@dataclass(frozen=True)
class Item:
    """An utterance with its features, before normalisation, and the state of each frame; for CTC, its labels from 1 on.

    Shape: features [C, F, T], states [T] or [L].
    """

    utterance: Utterance
    features: Tensor
    states: NDArray[np.int64]


def open_corpus(settings: CorpusSettings, bad: BadFiles) -> Corpus:
    """Read the corpus at the root; without a root, make one by speech synthesis unless it is there already.

    Raises:
        CorpusError: no corpus, or more bad files than the settings allow; all of them are named.
    """
    root = corpus_folder(settings)
    corpus = read_timit(root, True, bad.quarantined(), settings.dev_speakers, settings.test_speakers)
    bad.add(corpus.faults)
    bad.judge(len(corpus.train) + len(corpus.dev) + len(corpus.test))
    return corpus


def corpus_folder(settings: CorpusSettings) -> Path:
    """Return the folder of the corpus, after making one where the settings give none."""
    if settings.root is not None:
        return Path(settings.root)
    root = Path("corpora") / f"{settings.size}-{settings.seed}"
    with progress.bar("speaking the corpus") as update:
        synthesis.make(root, settings.size, settings.seed, progress=update)
    return root


def extract_all(corpus: Corpus, recognizer: PhoneRecognizer, bad: BadFiles) -> list[list[Item]]:
    """Compute the features of the three sets.

    Raises:
        CorpusError: more recordings than the settings allow cannot be read, all of them named; or a set is empty.
    """
    sets = {name: extract(name, getattr(corpus, name), recognizer, bad) for name in ("train", "dev", "test")}
    bad.judge(sum(map(len, sets.values())))
    for name, items in sets.items():
        if not items:
            raise CorpusError(f"no recording of the {name} set is left; each set needs at least one.")
    return list(sets.values())


def extract(name: str, utterances: Sequence[Utterance], recognizer: PhoneRecognizer, bad: BadFiles) -> list[Item]:
    """Compute the features and the uniform states of a set, as far as its recordings can be read."""
    items = []
    with progress.bar(f"features of {name}") as update:
        for done, utterance in enumerate(utterances, 1):
            try:
                items.append(make_item(utterance, recognizer))
            except (audio.AudioError, OSError) as error:
                bad.add([Fault.of(utterance.path, error)])
            update(done, len(utterances))
    return items


def make_item(utterance: Utterance, recognizer: PhoneRecognizer) -> Item:
    """Read one recording."""
    features = recognizer.extract(utterance.path)
    if features.shape[-1] == 0:
        raise audio.AudioError(f"{utterance.path}: too short; a recording must hold at least one frame.")
    return Item(utterance, features, first_targets(utterance, features.shape[-1], recognizer))


def first_targets(utterance: Utterance, n_frames: int, recognizer: PhoneRecognizer) -> NDArray[np.int64]:
    """Return what a network learns before any other was trained: evenly split states; for CTC, the labels.

    Shape: -> [T] or [L].
    """
    if recognizer.n_states == NO_STATES:
        return np.asarray(recognizer.labels.encode(utterance.labels), np.int64) + 1
    return hmm.uniform_states(
        utterance.segments, n_frames, recognizer.labels, recognizer.n_states, *recognizer.frame_times
    )


def speaker_statistics(items: Sequence[Item]) -> dict[str, Statistics]:
    """Return each speaker's mean and standard deviation."""
    speakers = {item.utterance.speaker for item in items}
    return {
        speaker: statistics([item.features for item in items if item.utterance.speaker == speaker])
        for speaker in sorted(speakers)
    }
