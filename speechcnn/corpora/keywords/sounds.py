"""How alike two words sound: an edit distance over phones that is small where phones are alike.

Phones have three features from 0 to 1 in the table phone_features.tsv. Vowels: openness, backness, and how far they
glide or are coloured by r. Consonants: place from the lips backwards, manner (stop, fricative, nasal, approximant),
voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from speechcnn.corpora.synthesis.espeak import MARKS, marked_as
from speechcnn.corpora.synthesis.phones import symbols
from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.sentences import table
from speechcnn.labels import Segment, fold

LEAST_CHANGE = 0.2  # between any two different phones of a kind; 1 is the most
LEFT_OUT = 0.6  # cost of a phone that is missing or added
WEAK_LEFT_OUT = 0.4  # of one that is easily missed
WEAK = frozenset(("ax", "ix", "hh", "q"))
HOMOPHONE = 0.3  # a word nearer than this sounds the same

Phones = tuple[str, ...]


@dataclass(frozen=True)
class NearMiss:
    """A text that sounds like a keyword."""

    text: str
    distance: float  # summed costs of the phones changed, 0 for the same sound


def phones_of(mnemonics: Iterable[str]) -> Phones:
    """Return espeak's phonemes as TIMIT phones, without stress and pauses; unknown ones stand as they are."""
    plain = (name.lstrip(MARKS) for name in mnemonics if not name.startswith("_"))
    return tuple(phone for name in plain for phone in _timit(name))


def timed(mnemonics: Sequence[str], starts: Sequence[float], end: float, rhotic: bool) -> tuple[Segment, ...]:
    """Return espeak's phonemes and pauses as segments of the 39 TIMIT phones, one behind the other until `end`.

    A phoneme of several phones is shared out evenly among them; a phoneme without a TIMIT phone is left out. Where the
    accent is `rhotic`, vowels hold the r that is written behind them.
    """
    ends = [*starts[1:], end] if starts else []
    return tuple(
        segment
        for name, start, stop in zip(mnemonics, starts, ends, strict=True)
        for segment in _shared(_folded(name, rhotic), start, stop)
    )


def _shared(phones: Phones, start: float, end: float) -> Iterator[Segment]:
    step = (end - start) / max(1, len(phones))
    for number, phone in enumerate(phones):
        yield Segment(phone, start + number * step, start + (number + 1) * step)


@cache
def _folded(mnemonic: str, rhotic: bool) -> Phones:
    if mnemonic.startswith("_"):
        return tuple(fold(["pau"], 39))
    try:
        return tuple(fold([phone for phone, _ in symbols(mnemonic, rhotic)], 39))
    except SynthesisError:  # the table lacks it
        return ()


@cache
def _timit(name: str) -> Phones:
    for row in table("espeak_to_timit.tsv"):
        if row["espeak"] == name:
            return tuple(part.partition(":")[0] for part in row["plain"].split())
    return (name,)


@cache
def _features() -> Mapping[str, tuple[str, tuple[float, ...]]]:
    return {
        row["phone"]: (row["kind"], (float(row["first"]), float(row["second"]), float(row["third"])))
        for row in table("phone_features.tsv")
    }


def kind_of(phone: str) -> str:
    """Return whether a phone is a vowel ("v") or a consonant ("c"); "" for an unknown one."""
    return _features().get(phone, ("", ()))[0]


@cache
def change(first: str, second: str) -> float:
    """Return what it costs to hear one phone for another: 0 for the same, 1 between vowels and consonants."""
    if first == second:
        return 0.0
    known = _features()
    if first not in known or second not in known or known[first][0] != known[second][0]:
        return 1.0
    return min(1.0, LEAST_CHANGE + (1 - LEAST_CHANGE) * math.dist(known[first][1], known[second][1]))


def left_out(phone: str) -> float:
    """Return what it costs to miss a phone, or to hear one that is not there."""
    return WEAK_LEFT_OUT if phone in WEAK else LEFT_OUT


def distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Return the least cost of turning one phone sequence into another (Wagner and Fischer, 1974).

    >>> distance(("h", "eh", "l"), ("h", "eh", "l"))
    0.0
    """
    row = [0.0]
    for phone in second:
        row.append(row[-1] + left_out(phone))
    for phone in first:
        above, row = row, [row[0] + left_out(phone)]
        for column, other in enumerate(second):
            row.append(
                min(
                    above[column] + change(phone, other), above[column + 1] + left_out(phone), row[-1] + left_out(other)
                )
            )
    return row[-1]


def nearest(targets: Sequence[Phones], words: Mapping[str, Phones], count: int) -> list[NearMiss]:
    """Return the texts that sound most like any pronunciation of a keyword, those that sound the same left out."""
    found = [NearMiss(text, min(distance(target, phones) for target in targets)) for text, phones in words.items()]
    return sorted((one for one in found if one.distance >= HOMOPHONE), key=lambda one: (one.distance, one.text))[:count]


def joined(targets: Sequence[Phones], words: Mapping[str, Phones], count: int, candidates: int = 40) -> list[NearMiss]:
    """Return pairs of words ("hell no") that sound most like a keyword, one like its beginning, one like its end."""
    cuts = [(target[:n], target[n:]) for target in targets for n in range(1, len(target))]
    heads = _closest({head for head, _ in cuts}, words, candidates)
    tails = _closest({tail for _, tail in cuts}, words, candidates)
    pairs = {f"{head} {tail}": words[head] + words[tail] for head in heads for tail in tails if head != tail}
    pairs = {text: phones for text, phones in pairs.items() if not any(holds(phones, one) for one in targets)}
    return nearest(targets, pairs, count)


def holds(phones: Phones, part: Phones) -> bool:
    """Say whether some phones stand in others in a row."""
    return any(phones[at : at + len(part)] == part for at in range(len(phones) - len(part) + 1))


def _closest(targets: Iterable[Phones], words: Mapping[str, Phones], count: int) -> list[str]:
    parts = sorted(targets)
    near = {text: min(distance(part, phones) for part in parts) for text, phones in words.items()}
    return sorted(near, key=lambda text: (near[text], text))[:count]


def changed(mnemonics: Sequence[str], others: Iterable[str]) -> list[tuple[str, ...]]:
    """Return a pronunciation with one phoneme replaced, in every way.

    Args:
        mnemonics: espeak's phonemes of the keyword, with stress marks.
        others: phonemes to put in; each replaces those of its kind.
    """
    plain = [name for name in mnemonics if not name.startswith("_")]
    return [
        (*plain[:place], marked_as(name, other), *plain[place + 1 :])
        for place, name in enumerate(plain)
        for other in others
        if _replaces(_timit(other)[0], _timit(name.lstrip(MARKS))[0])
    ]


def _replaces(new: str, old: str) -> bool:
    return new != old and kind_of(new) == kind_of(old)


def spoken(mnemonics: Iterable[str]) -> str:
    """Return phonemes as text that espeak speaks: "[[j@l'oU]]"."""
    return f"[[{''.join(mnemonics)}]]"
