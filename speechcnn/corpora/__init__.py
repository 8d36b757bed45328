"""Corpora as plain records: an utterance, a corpus with its split, and the error that lists every fault.

``timit`` reads TIMIT-style trees, ``check`` is the corpus doctor, ``synthesis`` makes a TIMIT-style corpus from text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from speechcnn.labels import Segment

_LISTED = 20


@dataclass(frozen=True)
class Utterance:
    """One recording with its labels; reading the audio is left to whoever needs it."""

    id: str  # unique in the corpus, e.g. FCJF0_SX37
    path: Path  # the sound file
    segments: tuple[Segment, ...]  # in order of time, seconds
    speaker: str
    dialect: str = ""
    text: str = ""  # the sentence as words, where the corpus has it

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the segments in order of time."""
        return tuple(segment.label for segment in self.segments)


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong in a corpus; `line` is 0 where the whole file is meant."""

    path: Path
    line: int
    what: str

    @classmethod
    def of(cls, path: Path, error: Exception) -> Fault:
        """Return the fault that an error tells of."""
        what = getattr(error, "strerror", None) or str(error)
        return cls(path, 0, what.removeprefix(f"{path}: "))

    def __str__(self) -> str:
        place = f"{self.path}, line {self.line}" if self.line else f"{self.path}"
        return f"{place}: {self.what}"


@dataclass(frozen=True)
class Corpus:
    """Utterances in three parts that share no speaker, and the rule that parted them in words."""

    train: tuple[Utterance, ...]
    dev: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    split_rule: str
    notes: tuple[str, ...] = field(default=())  # what a reader of the results ought to know
    faults: tuple[Fault, ...] = field(default=())  # of the utterances that were left out


class CorpusError(ValueError):
    """A corpus that cannot be used; the message lists its faults, at most 20 of them, one a line.

    Attributes:
        faults: every fault as a sentence, also those that the message leaves out.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__(listing(self.faults))


def listing(faults: Iterable[str], limit: int = _LISTED) -> str:
    """Faults one a line; beyond `limit` only their number."""
    every = tuple(faults)
    rest = len(every) - limit
    return "\n".join([*every[:limit], *([f"and {rest} more"] if rest > 0 else [])])
