"""The Speech Commands experiment: a copy of the corpus in, accuracy on its dev and test parts and a model file out.

Protocol of 12 or 35 classes -> silence as sound files -> a classifier of the part "train" -> the parts "dev" and "test"
heard once each -> accuracy of both, by class, confusions, curves, the classifier as the model file. Nothing is chosen
on either part. Everything of a run lies in its folder; a run that was stopped goes on when its folder is given again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from speechcnn import audio, locks
from speechcnn.arguments import Table, construct
from speechcnn.classifier import AudioClassifier
from speechcnn.corpora import CorpusError, leaks, speech_commands
from speechcnn.corpora.clips import Clip, ClipSet, check_classes
from speechcnn.corpora.speech_commands import RATE, SILENCE, Command, CommandSet
from speechcnn.experiments import classify, run_folder
from speechcnn.experiments import settings as settings_of
from speechcnn.experiments.commands_results import Outcome, write_results

NAME = "commands"
TRAIN, TESTED = "train", ("dev", "test")
SILENCE_FOLDER = "silence"


@dataclass(frozen=True)
class CommandsSettings:
    """Which copy of the corpus, and which protocol.

    Args:
        root: a folder of sound files for each word, as the corpus is handed out.
        classes: 12, ten keywords, silence and unknown words; or 35, each word one.
    """

    root: str | None
    classes: Literal[12, 35] = 12

    def __post_init__(self) -> None:
        if not self.root:
            raise ValueError(
                "root must name a copy of Speech Commands, a folder of sound files for each word, and none was given. "
                "The corpus is not shipped: unpack it and give corpus.root=DIR."
            )


PARTS: Mapping[str, Table | Callable[..., Any]] = {"corpus": CommandsSettings, "classifier": AudioClassifier}
DERIVED: Sequence[str] = classify.DERIVED
FAILURES: tuple[type[Exception], ...] = (*settings_of.FAILURES, ValueError)
TOP: Mapping[str, Any] = {"seed": int, "folder": str, "threads": int | None}


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    settings_of.check_top(settings, PARTS, TOP)
    settings_of.check_place(settings)
    corpus: CommandsSettings = construct("corpus", CommandsSettings, settings["corpus"])
    classifier = classify.classifier_of(settings)
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    found = speech_commands.read(str(corpus.root), corpus.classes)
    folder = Path(settings["folder"])
    with locks.hold(folder / run_folder.LOCK_FILE, f"the run folder {folder}"):
        run_folder.claim(folder, settings)
        return run_claimed(folder, settings, found, classifier)


def run_claimed(folder: Path, settings: dict[str, Any], found: CommandSet, classifier: AudioClassifier) -> str:
    """Do everything in a folder that is ours."""
    started = time.perf_counter()
    corpus = clip_set(found, folder / SILENCE_FOLDER)
    parts = checked_parts(corpus, settings["corpus"]["root"])
    notes = [*found.notes, *twins(found), *(f"no recording in the part {one}" for one in TESTED if one not in parts)]
    begun = time.perf_counter()
    fitted = classify.fitted_on(parts[TRAIN], classifier, folder / "checkpoints")
    seconds = time.perf_counter() - begun
    results = [classify.judged(one, parts[one], [fitted], seconds) for one in TESTED if one in parts]
    outcome = Outcome(found.labels, notes, len(parts[TRAIN]), results, fitted, time.perf_counter() - started)
    return write_results(folder, settings, outcome)


def clip_set(found: CommandSet, folder: Path) -> ClipSet:
    """Return the records as clips, their part being the fold; seconds of silence become files below `folder`.

    Words are read whole: one shorter than a second is followed by silence, the windows of a longer one are averaged.
    """
    silent: Counter[str] = Counter()
    clips = []
    for one in found.commands:
        path = one.path
        if path is None or one.label == SILENCE:
            silent[one.part] += 1
            path = folder / f"{one.part}-{silent[one.part]:04}.wav"
            write_silence(path, one)
        clips.append(Clip(path, (one.label,), one.speaker or SILENCE, one.part))
    return ClipSet(tuple(clips), f"Speech Commands, {len(found.labels)} classes", found.notes)


def write_silence(path: Path, command: Command) -> None:
    """Write a second of background noise at its drawn level, or of zeros, as a sound file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, np.clip(speech_commands.samples(command), -1.0, 1.0), RATE)  # resampling may have overshot


def checked_parts(corpus: ClipSet, root: str) -> dict[str, list[Clip]]:
    """Return the clips of each part that has some, after all of them were opened.

    Raises:
        CorpusError: files that cannot be read, all of them named; classes that cannot be learnt; nothing to test on.
    """
    parts: dict[str, list[Clip]] = {}
    for clip in corpus.clips:
        parts.setdefault(clip.fold, []).append(clip)
    check_classes([clip.labels for clip in parts.get(TRAIN, [])])
    if not any(part in parts for part in TESTED):
        raise CorpusError(
            f"{root}: a copy needs recordings in the parts dev or test, and all of these are in the part train. "
            "Add speakers, or the lists that the corpus is handed out with."
        )
    faults = leaks.unreadable(corpus)
    if faults:
        raise CorpusError(classify.unreadable(root, faults))
    return parts


def twins(found: CommandSet) -> list[str]:
    """Return a note on files that hold the same bytes, if there are some."""
    part = {one.path: one.part for one in found.commands}
    groups = speech_commands.duplicates(found.commands)
    parted = sum(len({part[path] for path in group}) > 1 for group in groups)
    return [f"sounds that have several names: {len(groups)}, of them in several parts: {parted}"] if groups else []
