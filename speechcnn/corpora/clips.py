"""Labelled clips as plain records, and folds in which clips of one recording never stand on two sides."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechcnn.corpora import CorpusError, Fault

MOST_LISTED = 8  # classes or sources that a message names

# What marks a piece of a longer recording at the end of its name: take 3 of dog.wav is dog_3.wav or dog-part-03.wav.
_PIECE = re.compile(r"(?:[-_. ](?:nohash|take|part|piece|seg|segment|chunk|slice|clip))?[-_. ]\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class Clip:
    """One sound file with what is heard in it; reading it is left to whoever needs the sound."""

    path: Path
    labels: tuple[str, ...]  # one class, or several where classes may sound together
    source: str  # the recording that it was cut from; clips of one source belong together
    fold: str = ""  # of the corpus's own division; "" where it has none

    @property
    def label(self) -> str:
        """The classes as one text."""
        return "+".join(self.labels)


@dataclass(frozen=True)
class ClipSet:
    """The clips of a corpus, by which layout they were read, and the files that were left out."""

    clips: tuple[Clip, ...]
    layout: str
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted."""
        return tuple(sorted({label for clip in self.clips for label in clip.labels}))

    @property
    def folds(self) -> tuple[str, ...]:
        """The names of the folds, in order of their numbers."""
        return tuple(sorted({clip.fold for clip in self.clips} - {""}, key=lambda name: (len(name), name)))

    @property
    def multi(self) -> bool:
        """Whether some clip has not exactly one class."""
        return any(len(clip.labels) != 1 for clip in self.clips)

    def with_folds(self, n_folds: int, seed: int = 0) -> ClipSet:
        """Return the set with its own folds or, where it has none, with folds that keep each source together.

        Raises:
            CorpusError: some clips have a fold and others none, or fewer than two sources.
        """
        missing = [clip for clip in self.clips if not clip.fold]
        if not missing:
            return self
        if len(missing) < len(self.clips):
            raise CorpusError(f"every clip needs a fold or none may have one; {missing[0].path} has none.")
        given = assign_folds([clip.labels for clip in self.clips], [clip.source for clip in self.clips], n_folds, seed)
        clips = tuple(
            Clip(clip.path, clip.labels, clip.source, str(fold + 1))
            for clip, fold in zip(self.clips, given, strict=True)
        )
        note = f"the corpus has no folds; {n_folds} were drawn (seed {seed}), each source within one"
        return ClipSet(clips, self.layout, (*self.notes, note), self.faults)


def assign_folds(labels: Sequence[Sequence[str]], sources: Sequence[str], n_folds: int, seed: int = 0) -> list[int]:
    """Return a fold number for each clip: sources stay whole, classes are spread as evenly as that allows.

    Sources are taken in random order, the largest first; each goes where its classes are rarest so far.

    Raises:
        CorpusError: fewer sources than folds, or fewer than two folds.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, source in enumerate(sources):
        members[source].append(number)
    if not 2 <= n_folds <= len(members):
        raise CorpusError(f"folds must be from 2 to the number of sources, {len(members)}; got {n_folds}.")
    names = sorted({label for one in labels for label in one})
    place = {name: number for number, name in enumerate(names)}
    held = np.zeros((n_folds, len(names)))
    shuffled = np.random.default_rng(seed).permutation(sorted(members)).tolist()
    folds = [0] * len(labels)
    for source in sorted(shuffled, key=lambda one: -len(members[one])):
        counts = np.zeros(len(names))
        for number in members[source]:
            counts[[place[label] for label in labels[number]]] += 1
        # The clips of its own classes that a fold holds, then all: classes even first, sizes next.
        load = (held @ counts) * 1e6 + held.sum(1)
        chosen = int(load.argmin())
        held[chosen] += counts
        for number in members[source]:
            folds[number] = chosen
    return folds


def sources_of(stems: Sequence[str]) -> list[str]:
    """Return the recording that each clip of one class was cut from, as far as file names tell.

    A number at the end of a name counts the pieces of a recording, unless all names of the class differ in nothing
    else: then it counts the clips.

    >>> sources_of(["bark-1", "bark-2", "howl-1"]), sources_of(["dog_01", "dog_02"])
    (['bark', 'bark', 'howl'], ['dog_01', 'dog_02'])
    """
    cut = [_PIECE.sub("", stem) for stem in stems]
    return list(stems) if len(set(cut)) == 1 else cut


def check_classes(labels: Sequence[Sequence[str]], least: int = 2) -> None:
    """Raise a CorpusError unless there are two classes, each with enough clips to learn from and to test on.

    Raises:
        CorpusError: no clip, one class, or classes of fewer than `least` clips, which are named.
    """
    counts = Counter(label for one in labels for label in one)
    if not labels:
        raise CorpusError("a classifier needs clips to learn from, got none.")
    if len(counts) < 2:
        raise CorpusError(
            f"a classifier needs at least 2 classes, got {len(counts)} class ({', '.join(counts) or 'none'})."
        )
    rare = sorted(name for name, count in counts.items() if count < least)
    if len(rare) > len(counts) / 2 and len(counts) > MOST_LISTED:
        raise CorpusError(
            f"{len(rare)} of {len(counts)} classes have fewer than {least} clips. Is there a folder or a label for "
            f"every file ({', '.join(rare[:3])} ...)? A class is what several clips have in common."
        )
    if rare:
        more = f" and {len(rare) - MOST_LISTED} more" if len(rare) > MOST_LISTED else ""
        raise CorpusError(
            f"each class needs at least {least} clips; fewer have {', '.join(rare[:MOST_LISTED])}{more}. "
            "Add clips, or leave these classes out."
        )
