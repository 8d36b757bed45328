"""The reader of TIMIT-style corpora: one for every layout, case and copy of the tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from speechcnn import audio
from speechcnn.corpora import Corpus, CorpusError, Fault, Utterance, checksums
from speechcnn.corpora.timit_split import Split, split, spread
from speechcnn.corpora.timit_tree import (
    RATE,
    Entry,
    PhoneLine,
    read_phones,
    scan,
    sentence_text,
    speakers_in_two_parts,
    twice,
)
from speechcnn.labels import Segment

# Labels that end this much behind the sound are cut to it; more means that they belong to another sound.
_OVERHANG_SECONDS = 0.01
# Labels of less than this share of the sound belong to another one too, or the header lies about the rate.
_LEAST_COVERED = 0.6


@dataclass
class _Finding:
    """What reading has met so far."""

    sums: checksums.Checksums
    faults: list[Fault] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def blame(self, path: Path, what: str, line: int = 0) -> None:
        self.faults.append(Fault(path, line, what))


def read(
    root: str | Path,
    keep_going: bool = False,
    leave_out: Collection[Path] = (),
    dev_speakers: Collection[str] = (),
    test_speakers: Collection[str] = (),
) -> Corpus:
    """Read a TIMIT-style tree into utterances, parted by speaker, without the SA sentences.

    Labels get their canonical names among the 61 phones. Segments cover the whole sound: the last is drawn out to its
    end, the first to its begin, and a gap goes to the segment before it. The sound itself is not decoded.

    Args:
        root: the folder that holds the corpus.
        keep_going: leave unusable utterances out and return their faults with the corpus, instead of raising.
        leave_out: files whose utterances are left out unread.
        dev_speakers: names of those to tune on, wherever they stand in the tree.
        test_speakers: names of those to test on; where any are named, all that are not named train.

    Raises:
        CorpusError: no corpus, no labels, or anything unusable in it; every fault is listed.
    """
    folder = Path(root)
    entries = _entries(folder)
    try:
        parted = split(entries, dev_speakers, test_speakers)
    except ValueError as error:
        raise CorpusError(f"{folder}: {error}") from None
    unread = {path.absolute() for path in leave_out}
    used = [entry for entry in entries if parted.part_of(entry) and unread.isdisjoint(_files(entry))]
    finding, tree_faults = _Finding(checksums.read(folder)), _tree_faults(used)
    read_entries = [(parted.part_of(entry), utterance) for entry, utterance in _utterances(used, finding)]
    if tree_faults or (finding.faults and not keep_going):
        raise CorpusError([*tree_faults, *map(str, finding.faults)])
    parts = {part: tuple(found for place, found in read_entries if place == part) for part in parted.speakers}
    notes, faults = _notes(parted, entries, finding), tuple(finding.faults)
    return Corpus(parts["train"], parts["dev"], parts["test"], parted.rule, notes, faults)


def speakers(root: str | Path) -> list[str]:
    """Return the names of all speakers of a tree, ordered by sex, dialect and name.

    Raises:
        CorpusError: no corpus.
    """
    return spread(_entries(Path(root)))


def _entries(root: Path) -> list[Entry]:
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; corpus.root must be the folder that holds a TIMIT-style tree")
    entries = scan(root)
    if not entries:
        raise CorpusError(
            f"{root}: no corpus here; a TIMIT-style tree has train/ and test/ folders (any case, any depth) "
            "with dr1/SPEAKER/SENTENCE.wav and .phn below them"
        )
    if not any(entry.phones for entry in entries):
        raise CorpusError(f"{root}: {len(entries)} sound files but no label files; beside each .wav a .phn is needed")
    return entries


def _files(entry: Entry) -> list[Path]:
    return [path.absolute() for path in (*entry.audio, entry.phones) if path]


def _tree_faults(entries: Sequence[Entry]) -> list[str]:
    repeated = [f"{other.id} stands twice: {one.place} and {other.place}" for one, other in twice(entries)]
    divided = [
        f"speaker {speaker} stands in {' and '.join(parts)}; a speaker must be in one part only"
        for speaker, parts in speakers_in_two_parts(entries).items()
    ]
    return repeated + divided


def _utterances(entries: Sequence[Entry], finding: _Finding) -> Iterator[tuple[Entry, Utterance]]:
    for entry in entries:
        sound = _sound(entry, finding)
        lines = _lines(entry, finding)
        if sound and lines:
            path, seconds = sound
            segments = _segments(entry, lines, seconds, finding)
            if segments and _unchanged(entry, path, finding):
                yield entry, Utterance(entry.id, path, segments, entry.speaker, entry.dialect, _text(entry, finding))


def _text(entry: Entry, finding: _Finding) -> str:
    """The words, which nothing depends on: where they cannot be read there are none."""
    try:
        return sentence_text(entry.text)
    except OSError:
        finding.notes["text files cannot be read; their sentences are shown without words"] += 1
        return ""


def _unchanged(entry: Entry, sound: Path, finding: _Finding) -> bool:
    """Whether the files are those that the list of checksums names, where there is one."""
    changed = [path for path in (sound, entry.phones) if path and not finding.sums.hold_for(path)]
    for path in changed:
        finding.blame(path, checksums.CHANGED)
    return not changed


def _sound(entry: Entry, finding: _Finding) -> tuple[Path, float] | None:
    """The first sound file of an entry that opens, and its length in seconds."""
    if not entry.audio:
        finding.blame(entry.place, "labels without a sound file beside them")
    faults = []
    for path in entry.audio:
        try:
            found = audio.info(path)
        except (audio.AudioError, OSError) as error:
            faults.append(Fault.of(path, error))
            continue
        if found.rate != RATE:
            finding.notes[f"sound files have {found.rate} Hz instead of {RATE} and must be resampled"] += 1
        return path, found.seconds
    finding.faults.extend(faults)
    return None


def _lines(entry: Entry, finding: _Finding) -> list[PhoneLine]:
    if entry.phones is None:
        finding.blame(entry.place, "no label file (.phn) beside this sound")
        return []
    try:
        lines, faults = read_phones(entry.phones)
    except OSError as error:
        finding.faults.append(Fault.of(entry.phones, error))
        return []
    for line, what in faults:
        finding.blame(entry.phones, what, line)
    return [] if faults else lines


def _segments(entry: Entry, lines: Sequence[PhoneLine], seconds: float, finding: _Finding) -> tuple[Segment, ...]:
    last, place = lines[-1].end / RATE, entry.phones or entry.place
    if last > seconds + _OVERHANG_SECONDS or lines[-1].begin / RATE >= seconds or last < _LEAST_COVERED * seconds:
        finding.blame(place, f"labels end at {last:.3f} s, the sound at {seconds:.3f} s", lines[-1].line)
        return ()
    gaps = sum(line.end != following.begin for line, following in pairwise(lines))
    if gaps or lines[0].begin:
        finding.notes["label files have gaps: each goes to the segment before it"] += 1
    begins = [0.0, *(line.begin / RATE for line in lines[1:]), seconds]
    return tuple(
        Segment(line.label, begin, end) for line, begin, end in zip(lines, begins[:-1], begins[1:], strict=True)
    )


def _notes(parted: Split, entries: Sequence[Entry], finding: _Finding) -> tuple[str, ...]:
    shared = sum(entry.shared for entry in entries)
    left_out = len({entry.speaker for entry in entries} - frozenset().union(*parted.speakers.values()))
    notes = list(parted.notes)
    if shared:
        notes.append(f"{shared} SA sentences left out")
    if left_out:
        notes.append(f"{left_out} speakers in no part")
    return (*notes, *(f"{count} {what}" for what, count in sorted(finding.notes.items())))
