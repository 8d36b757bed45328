"""The corpus of a phone experiment: opened or made, and turned into features and states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from speechcnn import audio, progress
from speechcnn.corpora import Corpus, CorpusError, Utterance, synthesis
from speechcnn.corpora.timit import read as read_timit
from speechcnn.decoding import hmm
from speechcnn.features import Statistics, statistics
from speechcnn.recognizer import PhoneRecognizer


@dataclass(frozen=True)
class CorpusSettings:
    """Which corpus: one of TIMIT's shape at `root`, or, without a root, one that is made."""

    root: str | None
    size: str
    seed: int

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0; got {self.seed}.")
        if self.root is None and self.size not in synthesis.SIZES:
            raise ValueError(f"size must be one of {', '.join(synthesis.SIZES)}; got {self.size!r}.")


@dataclass(frozen=True)
class Item:
    """An utterance with its features, before normalisation, and the state of each frame.

    Shape: features [C, F, T], states [T].
    """

    utterance: Utterance
    features: Tensor
    states: NDArray[np.int64]


def open_corpus(settings: CorpusSettings) -> Corpus:
    """Read the corpus at the root; without a root, make one by speech synthesis unless it is there already."""
    if settings.root is not None:
        return read_timit(Path(settings.root))
    root = Path("corpora") / f"{settings.size}-{settings.seed}"
    with progress.bar("speaking the corpus") as update:
        synthesis.make(root, settings.size, settings.seed, progress=update)
    return read_timit(root)


def extract(name: str, utterances: Sequence[Utterance], recognizer: PhoneRecognizer) -> list[Item]:
    """Compute the features and the uniform states of a set.

    Raises:
        CorpusError: recordings cannot be read or are shorter than a frame; all of them are named.
    """
    items, faults = [], []
    with progress.bar(f"features of {name}") as update:
        for done, utterance in enumerate(utterances, 1):
            try:
                items.append(make_item(utterance, recognizer))
            except (audio.AudioError, OSError) as error:
                faults.append(str(error))
            update(done, len(utterances))
    if faults:
        raise CorpusError([f"{len(faults)} recordings of the {name} set cannot be used:", *faults])
    return items


def make_item(utterance: Utterance, recognizer: PhoneRecognizer) -> Item:
    """Read one recording."""
    features = recognizer.extract(utterance.path)
    if features.shape[-1] == 0:
        raise audio.AudioError(f"{utterance.path}: too short; a recording must hold at least one frame.")
    shift, first_centre = recognizer.frame_times
    states = hmm.uniform_states(
        utterance.segments, features.shape[-1], recognizer.labels, recognizer.n_states, shift, first_centre
    )
    return Item(utterance, features, states)


def speaker_statistics(items: Sequence[Item]) -> dict[str, Statistics]:
    """Return each speaker's mean and standard deviation."""
    speakers = {item.utterance.speaker for item in items}
    return {
        speaker: statistics([item.features for item in items if item.utterance.speaker == speaker])
        for speaker in sorted(speakers)
    }
