"""Names of classes and of stretches of time; the TIMIT phone sets and the folding between them.

The phone sets are data: ``tables/phones.tsv``, one row for each of the 61 TIMIT phones with its class among 48 and
39 (Lee and Hon, 1989), its broad class, its IPA symbol and an example word.
"""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

PHONE_SET_SIZES = (61, 48, 39)
_LONGEST_NAME = 80  # of an unknown label in a message and in the search for known ones like it

# Spellings met in label files and in other tools -> the spelling of the TIMIT phone code.
_ALIASES = {"axh": "ax-h", "ax_h": "ax-h", "sil": "h#", "hsh": "h#", "#h": "h#", "#": "h#"}


@dataclass(frozen=True)
class Segment:
    """A labelled stretch of time; `start` and `end` are seconds, `end` is exclusive."""

    label: str
    start: float
    end: float
    posterior: float | None = None  # mean probability of the label over the segment, where a model made it

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Labels:
    """An ordered set of class names and the way between names and class numbers.

    Raises:
        ValueError: a name stands twice or is empty.

    >>> Labels(("no", "yes")).encode(["yes", "no"])
    [1, 0]
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if "" in self.names:
            raise ValueError(f"label names must not be empty, got an empty one at {self.names.index('')}")
        twice = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if twice:
            raise ValueError(f"label names must differ, these stand more than once: {', '.join(twice)}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def __getitem__(self, number: int) -> str:
        return self.names[number]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Class number of a name; ValueError with the nearest names when it is unknown."""
        try:
            return self._numbers[name]
        except KeyError:
            raise ValueError(_unknown(name, self.names)) from None

    def encode(self, names: Iterable[str]) -> list[int]:
        """Class numbers of names."""
        return [self.index(name) for name in names]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Names of class numbers; ValueError on a number outside 0..len-1."""
        return [self._name(int(number)) for number in ids]

    def _name(self, number: int) -> str:
        if not 0 <= number < len(self.names):
            raise ValueError(f"class numbers must be from 0 to {len(self.names) - 1}, got {number}")
        return self.names[number]


@dataclass(frozen=True)
class Phone:
    """One row of the phone table."""

    name: str  # among 61
    in_48: str  # "" where the phone is dropped
    in_39: str  # "" where the phone is dropped
    broad_class: str  # vowel, semivowel, nasal, stop, affricate, fricative, closure, silence
    ipa: str  # "" for silences
    example: str  # a word that holds the phone

    def folded(self, size: int) -> str:
        """Name of this phone in the set of 61, 48 or 39 classes, "" where it is dropped."""
        return {61: self.name, 48: self.in_48, 39: self.in_39}[_checked_size(size)]


@cache
def phone_table() -> tuple[Phone, ...]:
    """The 61 TIMIT phones in their order of classes."""
    text = resources.files("speechcnn").joinpath("tables/phones.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(Phone(row["61"], row["48"], row["39"], row["broad_class"], row["ipa"], row["example"]) for row in rows)


@cache
def timit_phones(size: int = 61) -> Labels:
    """The TIMIT phone set of 61, 48 or 39 classes, in order of first appearance in the phone table.

    Raises:
        ValueError: another size.

    >>> len(timit_phones(39)), timit_phones()[0]
    (39, 'aa')
    """
    names = (phone.folded(size) for phone in phone_table())
    return Labels(tuple(dict.fromkeys(name for name in names if name)))


def fold(names: Iterable[str], size: int) -> list[str]:
    """Fold phone names to the set of 61, 48 or 39 classes (Lee and Hon, 1989), without ``q`` below 61.

    The names may come from any of the three sets, also mixed; folding what is folded changes nothing.

    Raises:
        ValueError: a name of no set, a name (``cl``, ``vcl``) that cannot be unfolded, another size.

    >>> fold(["h#", "kcl", "k", "q", "ix"], 39)
    ['sil', 'sil', 'k', 'ih']
    """
    table = _folding(size)
    folded = (_look_up(name, table, size) for name in names)
    return [name for name in folded if name]


def canonical(name: str) -> str:
    """The spelling among the 61 TIMIT phones: lower case, ``axh`` as ``ax-h``, ``sil`` and ``hsh`` as ``h#``.

    Raises:
        ValueError: no such phone; the sentence lists the nearest names.

    >>> canonical("AXH"), canonical("sil")
    ('ax-h', 'h#')
    """
    known = timit_phones(61)
    found = _plain(name)
    if found not in known:
        raise ValueError(_unknown(name, known.names))
    return found


def broad_class(name: str) -> str:
    """Broad class of a phone of any of the three sets: vowel, stop, fricative ... ; ValueError on unknown names."""
    return _look_up(name, _broad_classes(), 61)


def _look_up(name: str, table: dict[str, str], size: int) -> str:
    # The set's own names come first: `sil` is a class of the folded sets and a spelling of h# among 61.
    if name in table:
        return table[name]
    if _plain(name) in table:
        return table[_plain(name)]
    if _plain(name) in _folding(48):
        raise ValueError(f"the folded phone {name!r} stands for several phones and cannot be one of {size}")
    raise ValueError(_unknown(name, tuple(table)))


@cache
def _folding(size: int) -> dict[str, str]:
    _checked_size(size)
    table = {phone.name: phone.folded(size) for phone in phone_table()}
    if size == 61:
        return table
    for phone in phone_table():
        for name in filter(None, (phone.in_48, phone.in_39)):
            table.setdefault(name, phone.folded(size))
    # Closures fold to the silence of 39 classes, but that name folds to the silence of 48, not to a closure.
    return {**table, "sil": "sil"}


@cache
def _broad_classes() -> dict[str, str]:
    table = {phone.name: phone.broad_class for phone in phone_table()}
    return {**table, "vcl": "closure", "cl": "closure", "sil": "silence"}


def _plain(name: str) -> str:
    lower = name.strip().lower()
    return _ALIASES.get(lower, lower)


def _checked_size(size: int) -> int:
    if size not in PHONE_SET_SIZES:
        raise ValueError(f"the TIMIT phone sets have 61, 48 or 39 classes, got {size}")
    return size


def _unknown(name: str, known: Sequence[str]) -> str:
    shown = f"unknown label {name!r:.{_LONGEST_NAME}}"
    near = difflib.get_close_matches(str(name).lower()[:_LONGEST_NAME], known, n=4, cutoff=0.3)
    if near:
        return f"{shown}; the nearest known names are {', '.join(near)}"
    return f"{shown}; known are {', '.join(known[:60])}{' ...' if len(known) > 60 else ''}"
