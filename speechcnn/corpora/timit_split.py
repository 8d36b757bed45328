"""Which speaker of a TIMIT-style tree trains, tunes and tests, and the rule in words.

The lists are data, ``tables/speakers.tsv``: 462 training speakers, the 24 of the NIST core test, the 50 of TEST that
are used for development by tradition (Halberstadt, 1998), and the other 94 of TEST, which are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from speechcnn.corpora.timit_tree import PARTS, Entry

STANDARD_COUNTS = {"train": 3696, "dev": 400, "test": 192}
_DEV_SHARE = 8  # one TRAIN speaker of so many is taken where TEST cannot give any


@dataclass(frozen=True)
class Split:
    """Speakers of each part, the rule, and what stands out."""

    speakers: dict[str, frozenset[str]]  # by train, dev, test
    rule: str
    notes: tuple[str, ...] = ()

    def part_of(self, entry: Entry) -> str:
        """The part an entry belongs to, "" when it is left out (also every SA sentence)."""
        if entry.shared:
            return ""
        return next((part for part in PARTS if entry.speaker in self.speakers[part]), "")


@cache
def speaker_lists() -> dict[str, frozenset[str]]:
    """Names of the TIMIT speakers by list: train (462), dev (50), core (24), other (94)."""
    rows = _rows()
    parts = ("train", "dev", "core", "other")
    return {part: frozenset(row["speaker"] for row in rows if row["part"] == part) for part in parts}


@cache
def core_dialects() -> dict[str, str]:
    """Dialect region of each speaker of the core test (NIST readme of 1990, table 3)."""
    return {row["speaker"]: row["dialect"] for row in _rows() if row["dialect"]}


def split(entries: Sequence[Entry], dev: Collection[str] = (), test: Collection[str] = ()) -> Split:
    """Part the speakers of a tree: by its dev folder, by the TIMIT lists, or by a stated rule of what is there.

    Where speakers are named for `dev` or `test`, they alone are, wherever they stand, and all others train.

    Raises:
        ValueError: too few speakers for three parts, or named ones that are not there; the sentence says which.
    """
    if dev or test:
        return _by_names(entries, {name.upper() for name in dev}, {name.upper() for name in test})
    found = {part: {entry.speaker for entry in entries if entry.part == part and not entry.shared} for part in PARTS}
    if not found["train"]:
        raise ValueError("no training speakers: a folder train/ with speakers must stand beside test/")
    if found["dev"]:
        return _by_folders(found)
    lists = speaker_lists()
    if found["test"] >= lists["dev"] | lists["core"] and found["train"] & lists["train"]:
        return _by_lists(found, entries)
    return _by_what_is_there(found, entries)


def _rows() -> list[dict[str, str]]:
    text = resources.files("speechcnn").joinpath("tables/speakers.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def spread(entries: Sequence[Entry]) -> list[str]:
    """Return all speakers that have sentences of their own, ordered by sex, dialect and name."""
    return _spread({entry.speaker for entry in entries if not entry.shared}, entries)


def _by_names(entries: Sequence[Entry], dev: set[str], test: set[str]) -> Split:
    every = spread(entries)
    unknown, both = sorted((dev | test) - set(every)), sorted(dev & test)
    if unknown:
        raise ValueError(f"no such speakers: {', '.join(unknown)}; there are {', '.join(every)}")
    if both:
        raise ValueError(f"speakers named for dev and for test: {', '.join(both)}; each must be in one part only")
    if not test:
        raise ValueError("speakers are named for dev but none for test")
    train = [name for name in every if name not in dev | test]
    if not dev and len(train) > 1:
        dev = set(_every(train, _DEV_SHARE))
        train = [name for name in train if name not in dev]
    if not train or not dev:
        raise ValueError(f"too few speakers: there are {len(every)}, and {len(dev)} for dev and {len(test)} for test")
    speakers = {"train": frozenset(train), "dev": frozenset(dev), "test": frozenset(test)}
    named = f"dev {', '.join(sorted(dev))}; test {', '.join(sorted(test))}"
    return Split(speakers, f"the speakers named: {named}; all others train; no SA sentences ({_counted(speakers)})")


def _by_folders(found: dict[str, set[str]]) -> Split:
    if not found["test"]:
        raise ValueError("no test speakers: a folder test/ with speakers must stand beside train/ and dev/")
    speakers = {part: frozenset(found[part]) for part in PARTS}
    return Split(speakers, f"the folders train/, dev/ and test/ as they stand ({_counted(speakers)})")


def _by_lists(found: dict[str, set[str]], entries: Sequence[Entry]) -> Split:
    lists = speaker_lists()
    speakers = {"train": lists["train"] & found["train"], "dev": lists["dev"], "test": lists["core"]}
    rule = f"the TIMIT speaker lists: 462 train, 50 dev, 24 core test, without SA sentences ({_counted(speakers)})"
    made = Split(speakers, rule)
    parts = [made.part_of(entry) for entry in entries]
    counts = {part: parts.count(part) for part in PARTS}
    notes = []
    if len(speakers["train"]) != len(lists["train"]):
        notes.append(f"{len(speakers['train'])} of the 462 training speakers are there")
    unlisted = sorted(found["train"] - lists["train"])
    if unlisted:
        notes.append(f"left out, in the train folder but not in the list of training speakers: {', '.join(unlisted)}")
    if counts != STANDARD_COUNTS:
        notes.append(f"the standard split has {_numbers(STANDARD_COUNTS)} utterances, here are {_numbers(counts)}")
    return Split(speakers, rule, tuple(notes))


def _by_what_is_there(found: dict[str, set[str]], entries: Sequence[Entry]) -> Split:
    train, test = _spread(found["train"], entries), _spread(found["test"], entries)
    if len(test) >= 2:
        parts = (train, test[1::2], test[::2])
        rule = "train/ for training; the speakers of test/, ordered by sex, dialect and name, in turn to test and dev"
    elif test:
        dev = _every(train, _DEV_SHARE)
        parts = ([name for name in train if name not in dev], dev, test)
        rule = "test/ for testing; of the speakers of train/, ordered by sex, dialect and name, every eighth for dev"
    else:
        taken = _every(train, _DEV_SHARE // 2, at_least=2)
        parts = ([name for name in train if name not in taken], taken[1::2], taken[::2])
        rule = (
            "no test/: of the speakers of train/, ordered by sex, dialect and name, every fourth, "
            "in turn to test and dev"
        )
    if not all(parts):
        raise ValueError(
            "too few speakers for training, development and test: "
            f"at least three are needed, train/ has {len(train)}, test/ has {len(test)}"
        )
    speakers = {part: frozenset(names) for part, names in zip(PARTS, parts, strict=True)}
    notes = (
        "not the whole TIMIT (462 train, 50 dev and 24 core test speakers): results compare with no published figure",
    )
    return Split(speakers, f"{rule}; without SA sentences ({_counted(speakers)})", notes)


def _spread(names: Iterable[str], entries: Sequence[Entry]) -> list[str]:
    """Names by sex (the first letter), dialect and name, so that taking every n-th spreads over both."""
    dialects = {entry.speaker: entry.dialect for entry in entries}
    return sorted(names, key=lambda name: (name[0], dialects[name], name))


def _every(names: list[str], step: int, at_least: int = 1) -> list[str]:
    count = min(max(at_least, len(names) // step), len(names) - 1)
    return [names[(2 * number + 1) * len(names) // (2 * count)] for number in range(count)]


def _counted(speakers: dict[str, frozenset[str]]) -> str:
    return f"{_numbers({part: len(names) for part, names in speakers.items()})} speakers"


def _numbers(counts: dict[str, int]) -> str:
    return " / ".join(str(counts[part]) for part in PARTS)
