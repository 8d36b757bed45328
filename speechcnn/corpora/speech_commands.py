"""Speech Commands: the folder layout, the official split by a hash of the speaker, the 12- and the 35-class protocol.

    <root>/<word>/<speaker>_nohash_<take>.wav
    <root>/_background_noise_/*.wav
    <root>/validation_list.txt, testing_list.txt

Any sound file that can be read is taken, whatever its ending.

Source: Warden (2018), "Speech Commands: a dataset for limited-vocabulary speech recognition"; the rules of its division
(which_set) and of silence and unknown words are those published with it.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from speechcnn import audio
from speechcnn.corpora import CorpusError

SILENCE, UNKNOWN, BACKGROUND = "_silence_", "_unknown_", "_background_noise_"
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
PARTS = ("dev", "test", "train")  # in the order in which unknown words are shuffled
LISTS = {"dev": "validation_list.txt", "test": "testing_list.txt"}
ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".sph")
MAX_NUM_WAVS_PER_CLASS = 2**27 - 1
SHUFFLE_SEED = 59185
RATE, SECONDS = 16000, 1.0
_NOISE_SHARES = {"train": (0.0, 0.8), "dev": (0.8, 0.9), "test": (0.9, 1.0)}  # of each background file
_SPEAKER = re.compile(r"_nohash_.*$")


@dataclass(frozen=True)
class Command:
    """One second of sound with its class; `samples` reads it."""

    path: Path | None  # None: digital silence, where a copy has no background noise
    word: str  # what was said, or _silence_
    label: str  # the class under the protocol
    speaker: str
    part: Literal["train", "dev", "test"]
    start_seconds: float = 0.0  # of the second in its file
    gain: float = 1.0  # of silence, whose level is drawn


@dataclass(frozen=True)
class CommandSet:
    """The records of a protocol, its classes in their order, and what a reader of results ought to know."""

    commands: tuple[Command, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> tuple[Command, ...]:
        """Return the records of "train", "dev" or "test"."""
        return tuple(one for one in self.commands if one.part == name)


def read(root: str | Path, classes: Literal[12, 35] = 35, silence: float = 10.0, unknown: float = 10.0) -> CommandSet:
    """Read a copy of Speech Commands.

    With 35 classes each word is one (30 in the first version). With 12 they are `_silence_`, `_unknown_` and the ten
    keywords, in this order: for every part `silence` and `unknown` per cent of the number of its keywords, rounded up.
    Unknown words are the first of all other words after sorting and shuffling with the published seed; silence is
    drawn from the background files, of which each part has its own stretch.

    Raises:
        FileNotFoundError: no such folder.
        CorpusError: no words in it, or, with 12 classes, no keyword; a number of classes that is no protocol.
    """
    if classes not in (12, 35):
        raise CorpusError(f"classes must be 12 or 35, got {classes}.")
    root = Path(root)
    spoken, notes = _spoken(root)
    if classes == 35:
        labels = tuple(sorted({one.word for one in spoken}))
        return CommandSet(tuple(spoken), labels, (*notes, *_missing(labels, 35, 30)))
    return _twelve(root, spoken, notes, silence, unknown)


def which_part(name: str) -> Literal["train", "dev", "test"]:
    """Return the part that a file name belongs to: all takes of a speaker, of any word, fall into one.

    >>> which_part("left/bb05582b_nohash_3.wav")
    'test'
    """
    hashed = hashlib.sha1(speaker_of(name).encode(), usedforsecurity=False).hexdigest()
    percentage = (int(hashed, 16) % (MAX_NUM_WAVS_PER_CLASS + 1)) * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percentage < 10:
        return "dev"
    return "test" if percentage < 20 else "train"


def speaker_of(name: str) -> str:
    """Return the speaker in a file name: what stands before ``_nohash_``, or the whole name where that is missing."""
    return _SPEAKER.sub("", Path(name).name)


def samples(command: Command, rate: int = RATE) -> npt.NDArray[np.float32]:
    """Return a record's second of sound; what is shorter ends in zeros, what is longer is cut.

    Shape: -> [rate].

    Raises:
        FileNotFoundError, AudioError: the file is gone or cannot be read.
    """
    wanted = round(rate * SECONDS)
    if command.path is None:
        return np.zeros(wanted, dtype=np.float32)
    sound, _ = audio.read(command.path, rate)
    start = round(command.start_seconds * rate)
    cut = sound[start : start + wanted] * np.float32(command.gain)
    return np.pad(cut, (0, wanted - len(cut)))


def duplicates(commands: Iterable[Command]) -> list[tuple[Path, ...]]:
    """Return groups of files that hold the same bytes under several names; every file is read.

    Raises:
        FileNotFoundError: a file is gone.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted({one.path for one in commands if one.path and one.label != SILENCE}):
        groups[hashlib.sha256(path.read_bytes()).hexdigest()].append(path)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _spoken(root: Path) -> tuple[list[Command], list[str]]:
    """Every spoken word, sorted by word and name, and notes on the split."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder.")
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")
    files = [path for folder in folders for path in _sounds(folder)]
    if not files:
        raise CorpusError(f"{root}: a copy of Speech Commands has a folder of sound files for each word; none is here.")
    listed, notes = _listed(root)
    spoken = []
    for path in files:
        name = f"{path.parent.name}/{path.name}"
        part = listed.get(_stem(name), "train") if listed else which_part(name)
        spoken.append(Command(path, path.parent.name, path.parent.name, speaker_of(path.name), part))
    if listed:
        other = sum(one.part != which_part(one.path.name) for one in spoken if one.path)
        notes += [f"{other} files are listed in another part than the hash of their names gives"] * (other > 0)
    return spoken, notes


def _sounds(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS and path.name[0] != ".")


def _listed(root: Path) -> tuple[dict[str, Literal["train", "dev", "test"]], list[str]]:
    """The parts that the shipped lists give, by word and name without ending; none where a list is missing."""
    if not all((root / name).is_file() for name in LISTS.values()):
        return {}, ["parts by the hash of the speaker (10 % dev, 10 % test)"]
    found: dict[str, Literal["train", "dev", "test"]] = {}
    for name, part in ((LISTS["dev"], "dev"), (LISTS["test"], "test")):
        for line in (root / name).read_text(encoding="utf-8").splitlines():
            found[_stem(line.strip())] = "dev" if part == "dev" else "test"
    return found, ["parts by the shipped lists"]


def _stem(name: str) -> str:
    # A converted copy has other endings than its lists.
    return name.rpartition(".")[0] or name


def _twelve(root: Path, spoken: list[Command], notes: list[str], silence: float, unknown: float) -> CommandSet:
    wanted = [one for one in spoken if one.word in KEYWORDS]
    if not wanted:
        raise CorpusError(f"{root}: the 12-class protocol needs one of the words {', '.join(KEYWORDS)}; none is here.")
    labels = (SILENCE, UNKNOWN, *KEYWORDS)
    others = [replace(one, label=UNKNOWN) for one in spoken if one.word not in KEYWORDS]
    noises = [(path, audio.info(path).seconds) for path in _noises(root)]
    shuffler = random.Random(SHUFFLE_SEED)
    chosen: list[Command] = []
    for part in PARTS:
        own = [one for one in wanted if one.part == part]
        pool = [one for one in others if one.part == part]
        shuffler.shuffle(pool)
        chosen += own + pool[: math.ceil(len(own) * unknown / 100)]
        chosen += [_silent(part, number, noises) for number in range(math.ceil(len(own) * silence / 100))]
    here = {one.word for one in wanted}
    lacking = [word for word in KEYWORDS if word not in here]
    notes = [
        *notes,
        f"{UNKNOWN}: {unknown:g} % and {SILENCE}: {silence:g} % of the number of keywords in each part, rounded up",
        *([f"no recording of {', '.join(lacking)}"] if lacking else []),
        *([] if noises else [f"no {BACKGROUND}: {SILENCE} is digital silence"]),
    ]
    return CommandSet(tuple(chosen), labels, tuple(notes))


def _noises(root: Path) -> list[Path]:
    return list(_sounds(root / BACKGROUND)) if (root / BACKGROUND).is_dir() else []


def _silent(part: str, number: int, noises: list[tuple[Path, float]]) -> Command:
    """A second of background noise at a drawn level, from the stretch of its file that belongs to the part."""
    kind: Literal["train", "dev", "test"] = "dev" if part == "dev" else "test" if part == "test" else "train"
    if not noises:
        return Command(None, SILENCE, SILENCE, "", kind)
    rng = np.random.default_rng([SHUFFLE_SEED, PARTS.index(part), number])
    path, seconds = noises[number % len(noises)]
    first, last = (share * seconds for share in _NOISE_SHARES[part])
    start = round(float(rng.uniform(first, max(first, last - SECONDS))), 4)
    return Command(path, SILENCE, SILENCE, path.stem, kind, start, round(float(rng.uniform(0, 1)), 4))


def _missing(labels: tuple[str, ...], *usual: int) -> list[str]:
    counts = Counter(usual)
    return [] if counts[len(labels)] else [f"{len(labels)} words; the whole corpus has {' or '.join(map(str, usual))}"]
