"""The corpus doctor: finds every fault of a TIMIT-style tree at once, decoding every sound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from speechcnn import audio
from speechcnn.corpora import Fault, checksums
from speechcnn.corpora.timit_split import split
from speechcnn.corpora.timit_tree import (
    PARTS,
    RATE,
    Entry,
    PhoneLine,
    read_phones,
    scan,
    sentence_text,
    speakers_in_two_parts,
    twice,
)


@dataclass(frozen=True)
class Report:
    """What the doctor found: the faults in order of their place, counts, and remarks that are no faults."""

    faults: tuple[Fault, ...]
    n_utterances: int = 0  # all sentences, also those that no part uses
    n_speakers: int = 0
    n_segments: int = 0
    seconds: float = 0.0  # of sound that could be decoded
    n_split: tuple[int, int, int] = (0, 0, 0)  # utterances for training, development, test
    split_rule: str = ""
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report as lines of text: summary, remarks, faults."""
        parts = " / ".join(f"{count} {part}" for count, part in zip(self.n_split, PARTS, strict=True))
        summary = [
            f"{self.n_utterances} utterances, {self.n_speakers} speakers, "
            f"{self.n_segments} segments, {self.seconds / 60:.1f} minutes",
            f"split: {parts} utterances{f', by {self.split_rule}' if self.split_rule else ''}",
        ]
        verdict = f"{len(self.faults)} faults" if self.faults else "no faults"
        return [
            *summary,
            *(f"note: {note}" for note in self.notes),
            verdict,
            *(str(fault) for fault in self.faults),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


@dataclass
class _Examination:
    rate: int
    faults: list[Fault] = field(default_factory=list)
    sounds: dict[bytes, Path] = field(default_factory=dict)  # digest of the samples -> where they were met first
    n_segments: int = 0
    seconds: float = 0.0

    def blame(self, path: Path, what: str, line: int = 0) -> None:
        self.faults.append(Fault(path, line, what))


def check(root: str | Path, rate: int = RATE, progress: Callable[[int, int], None] | None = None) -> Report:
    """Examine a TIMIT-style tree; bad data never raises, it is reported.

    Looked for: missing partners, sounds that cannot be read, are truncated or have another rate, labels that are
    unknown, overlap, leave gaps or end behind the sound, sentences and sounds that stand twice, speakers and
    texts on both sides of the split, and files that are not those of a list of checksums at the root.

    Args:
        root: the folder that holds the corpus.
        rate: samples per second that every sound file should have.
        progress: called with (done, total) after every utterance.
    """
    folder = Path(root)
    if not folder.is_dir():
        return Report((Fault(folder, 0, "no such folder"),))
    entries = scan(folder)
    if not entries:
        return Report((Fault(folder, 0, "no corpus here: no train/ or test/ folder with sound and label files"),))
    examination = _Examination(rate)
    for done, entry in enumerate(entries, start=1):
        _examine(entry, examination)
        if progress:
            progress(done, len(entries))
    _examine_tree(entries, examination)
    examination.faults += checksums.faults(folder)
    return _report(folder, entries, examination)


def _report(root: Path, entries: Sequence[Entry], found: _Examination) -> Report:
    n_shared = sum(entry.shared for entry in entries)
    notes = [f"{n_shared} SA sentences, which no part uses"] if n_shared else []
    rule, n_split = "", (0, 0, 0)
    try:
        parted = split(entries)
    except ValueError as error:
        found.blame(root, str(error))
    else:
        rule, parts = parted.rule, [parted.part_of(entry) for entry in entries]
        n_split = (parts.count("train"), parts.count("dev"), parts.count("test"))
        notes += parted.notes
    n_speakers = len({entry.speaker for entry in entries})
    faults = tuple(sorted(found.faults))
    return Report(faults, len(entries), n_speakers, found.n_segments, found.seconds, n_split, rule, tuple(notes))


def _examine(entry: Entry, found: _Examination) -> None:
    seconds = _examine_sounds(entry, found)
    if entry.phones is None:
        found.blame(entry.place, "no label file (.phn) beside this sound")
        return
    try:
        lines, faults = read_phones(entry.phones)
    except OSError as error:
        found.blame(entry.phones, f"cannot be read: {error.strerror}")
        return
    for line, what in faults:
        found.blame(entry.phones, what, line)
    found.n_segments += len(lines)
    if lines:
        # A line at fault is missing among the lines: what looks like a gap there is none.
        _examine_times(entry.phones, lines, None if faults else seconds, found, gaps=not faults)


def _examine_times(
    path: Path, lines: Sequence[PhoneLine], seconds: float | None, found: _Examination, gaps: bool
) -> None:
    if gaps and lines[0].begin:
        found.blame(path, f"gap: the first segment must begin at 0, it begins at {lines[0].begin}", lines[0].line)
    for before, line in pairwise(lines) if gaps else ():
        if line.begin > before.end:
            found.blame(path, f"gap: nothing from {before.end} to {line.begin}", line.line)
    if seconds is not None and lines[-1].end / RATE > seconds:
        what = f"labels end behind the sound: at {lines[-1].end / RATE:.4f} s, the sound at {seconds:.4f} s"
        found.blame(path, what, lines[-1].line)


def _examine_sounds(entry: Entry, found: _Examination) -> float | None:
    """Decode every sound file of an entry; the length in seconds of the first that could be, else None."""
    if not entry.audio:
        found.blame(entry.place, "labels without a sound file beside them")
    decoded = [sound for path in entry.audio for sound in _decoded(path, found)]
    if not decoded:
        return None
    lengths, digests = zip(*decoded, strict=True)
    if len(set(lengths)) > 1:
        names = ", ".join(path.name for path in entry.audio)
        found.blame(entry.place, f"sound files of one sentence differ in length: {names}")
    for digest in set(digests):
        first = found.sounds.setdefault(digest, entry.place)
        if first != entry.place:
            found.blame(entry.place, f"the same sound as {first}")
    found.seconds += lengths[0]
    return lengths[0]


def _decoded(path: Path, found: _Examination) -> Iterator[tuple[float, bytes]]:
    """Length in seconds and digest of a sound, nothing when it cannot be read."""
    try:
        samples, rate = audio.read(path)
    except (audio.AudioError, OSError) as error:
        found.blame(path, str(error).removeprefix(f"{path}: "))
        return
    if rate != found.rate:
        found.blame(path, f"the rate must be {found.rate} Hz, it is {rate} Hz")
    if not samples.any():
        found.blame(path, "nothing but digital silence")
    yield len(samples) / rate, hashlib.blake2b(samples.tobytes(), digest_size=16).digest()


def _examine_tree(entries: Sequence[Entry], found: _Examination) -> None:
    for one, other in twice(entries):
        found.blame(other.place, f"{other.id} stands twice, also as {one.place}")
    for speaker, parts in speakers_in_two_parts(entries).items():
        place = next(entry.place for entry in entries if entry.speaker == speaker)
        found.blame(place.parent, f"speaker {speaker} stands in {' and '.join(parts)}; one part only is allowed")
    _examine_texts(entries, found)


def _examine_texts(entries: Sequence[Entry], found: _Examination) -> None:
    """A sentence that is trained and tested leaks its text; SA sentences do, therefore no part uses them."""
    own = [entry for entry in entries if not entry.shared and entry.text]
    texts = {entry.id: sentence_text(entry.text).lower() for entry in own}
    trained = {texts[entry.id]: entry for entry in own if entry.part == "train" and texts[entry.id]}
    for entry in own:
        if entry.part != "train" and texts[entry.id] in trained:
            place = trained[texts[entry.id]].place
            found.blame(entry.place, f"the same sentence is in the training part: {place}")
