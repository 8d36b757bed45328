"""What stands where in a TIMIT-style tree, in any case and layout, and what a .phn file says.

The tree is `[any folders]/{train|dev|test}/[dr1..8]/SPEAKER/SENTENCE.{wav,phn,txt}` (NIST readme of 1990). Only path
components below the root count, and the one nearest to the file decides, so no folder above can move a speaker.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from speechcnn.corpora import CorpusError
from speechcnn.labels import canonical

RATE = 16000  # samples per second that label files count in, whatever the rate of the sound file
PARTS = ("train", "dev", "test")
_AUDIO = re.compile(r"(\.(wav|flac|sph|nist|ogg|opus))+$", re.IGNORECASE)
_DIALECT = re.compile(r"dr\d+", re.IGNORECASE)
_SAMPLES = re.compile(r"[0-9]{1,15}")  # str.isdigit would also take a superscript two
_MOST_BYTES, _MOST_FAULTS = 2**22, 20  # of a label file: TIMIT's longest has 2000 bytes
_SHARED_SENTENCE = re.compile(r"sa\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One sentence of one speaker: the files that belong to it."""

    part: str  # train, dev or test
    dialect: str  # DR1 ... DR8, "" where the tree has none
    speaker: str  # upper case
    sentence: str  # upper case
    audio: tuple[Path, ...]  # more than one where a copy stands beside the original
    phones: Path | None
    text: Path | None

    @property
    def id(self) -> str:
        """Speaker and sentence, the same in every layout."""
        return f"{self.speaker}_{self.sentence}"

    @property
    def shared(self) -> bool:
        """Whether this is an SA sentence, which every speaker reads."""
        return bool(_SHARED_SENTENCE.fullmatch(self.sentence))

    @property
    def place(self) -> Path:
        """The file by which to name this entry."""
        return next(path for path in (*self.audio, self.phones) if path)


@dataclass(frozen=True)
class PhoneLine:
    """One line of a label file; `begin` and `end` are samples at 16 kHz, `end` is exclusive."""

    line: int
    begin: int
    end: int
    label: str


def scan(root: Path) -> list[Entry]:
    """All sentences below a root, in order of part, speaker and sentence; empty when there is no corpus."""
    groups: dict[tuple[Path, str], list[tuple[str, Path]]] = {}
    for path in _files(root):
        kind, sentence = _kind(path.name)
        if kind and _part(path.relative_to(root).parts):
            groups.setdefault((path.parent, sentence.upper()), []).append((kind, path))
    entries = (_entry(root, folder, sentence, files) for (folder, sentence), files in groups.items())
    found = [entry for entry in entries if entry.audio or entry.phones]
    return sorted(found, key=lambda entry: (PARTS.index(entry.part), entry.id, entry.place))


def twice(entries: Iterable[Entry]) -> list[tuple[Entry, Entry]]:
    """Pairs of entries of the same speaker and sentence in different folders."""
    first: dict[str, Entry] = {}
    pairs = ((first.setdefault(entry.id, entry), entry) for entry in entries)
    return [(one, other) for one, other in pairs if one is not other]


def speakers_in_two_parts(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Speakers that stand in more than one part, with the parts."""
    parts: dict[str, set[str]] = {}
    for entry in entries:
        parts.setdefault(entry.speaker, set()).add(entry.part)
    return {speaker: sorted(found, key=PARTS.index) for speaker, found in parts.items() if len(found) > 1}


def read_phones(path: Path) -> tuple[list[PhoneLine], list[tuple[int, str]]]:
    """The segments of a .phn file with canonical names, and its faults as (line number, sentence).

    Line ends of every system, tabs, repeated and trailing blanks and empty lines are taken. Gaps are no fault here.
    """
    lines: list[PhoneLine] = []
    faults: list[tuple[int, str]] = []
    try:
        content = _text(path)
    except CorpusError as error:
        return [], [(0, str(error))]
    for number, text in enumerate(content.splitlines(), start=1):
        if not text.strip():
            continue
        if len(faults) >= _MOST_FAULTS:
            faults.append((number, f"more than {_MOST_FAULTS} faults; the rest was not read"))
            break
        try:
            line = _phone_line(number, text)
            _check_order(line, lines)
            lines.append(line)
        except ValueError as error:
            faults.append((number, str(error)))
    if not lines and not faults:
        faults.append((0, "the label file is empty"))
    return lines, faults


def without_audio_suffix(name: str) -> str:
    """A name or path without the endings of a sound file, also ``.WAV.wav``."""
    return _AUDIO.sub("", name)


def sentence_text(path: Path | None) -> str:
    """The words of a .txt file without its two sample counts; "" when there is none."""
    if path is None:
        return ""
    return re.sub(r"^\s*\d+\s+\d+\s+", "", _text(path)).strip()


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise CorpusError(f"{path}: a label file is needed, this is a pipe, a device or a folder")
    if path.stat().st_size > _MOST_BYTES:
        raise CorpusError(f"{path}: a label file may have {_MOST_BYTES} bytes, it has {path.stat().st_size}")
    return path.read_text(encoding="latin-1")


def _phone_line(number: int, text: str) -> PhoneLine:
    fields = text.split()
    if len(fields) != 3 or not (_SAMPLES.fullmatch(fields[0]) and _SAMPLES.fullmatch(fields[1])):
        raise ValueError(f"a line must hold begin, end and label, got {text.strip()[:60]!r}")
    begin, end = int(fields[0]), int(fields[1])
    if end <= begin:
        raise ValueError(f"the end of a segment must lie behind its begin, got {begin} to {end}")
    return PhoneLine(number, begin, end, canonical(fields[2]))


def _check_order(line: PhoneLine, before: list[PhoneLine]) -> None:
    if before and line.begin < before[-1].end:
        raise ValueError(
            f"segments must not overlap: this one begins at {line.begin}, the one before ends at {before[-1].end}"
        )


def _files(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _kind(name: str) -> tuple[str, str]:
    """What a file is by its name, and the sentence it belongs to."""
    stem = without_audio_suffix(name)
    if stem != name:
        return "audio", stem
    stem, _, suffix = name.rpartition(".")
    kind = {"phn": "phones", "txt": "text"}.get(suffix.lower(), "")
    return (kind, stem) if stem else ("", "")


def _part(components: tuple[str, ...]) -> str:
    below = (component.lower() for component in reversed(components[:-1]))
    return next((component for component in below if component in PARTS), "")


def _entry(root: Path, folder: Path, sentence: str, files: list[tuple[str, Path]]) -> Entry:
    components = (*folder.relative_to(root).parts, sentence)
    dialects = [component.upper() for component in components[:-1] if _DIALECT.fullmatch(component)]
    by_kind = {kind: [path for found, path in files if found == kind] for kind in ("audio", "phones", "text")}
    return Entry(
        part=_part(components),
        dialect=dialects[-1] if dialects else "",
        speaker=folder.name.upper(),
        sentence=sentence,
        audio=tuple(by_kind["audio"]),
        phones=next(iter(by_kind["phones"]), None),
        text=next(iter(by_kind["text"]), None),
    )
