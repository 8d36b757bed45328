"""Named ways to prepare phone sequences for scoring: "PER on TIMIT" is several different numbers.

A convention is applied to the reference and to the hypothesis alike. Every printed rate names the one used.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from speechcnn.labels import fold

SILENCE = "sil"  # the one silence of the 39 classes


@dataclass(frozen=True)
class Convention:
    """A named preparation of label sequences before they are aligned; call it with a sequence."""

    name: str
    description: str  # one line for the report
    transform: Callable[[Sequence[str]], list[str]]

    def __call__(self, labels: Sequence[str]) -> list[str]:
        """The labels as they are to be aligned."""
        return self.transform(labels)


def fold_to_39(labels: Sequence[str]) -> list[str]:
    """The 39 classes of Lee and Hon (1989) without ``q``, from 61 or 48 classes or already folded."""
    return fold(labels, 39)


def fold_and_merge(labels: Sequence[str]) -> list[str]:
    """The 39 classes with each run of silences merged into one silence; other repeated phones stay.

    >>> fold_and_merge(["h#", "h#", "ih", "ix", "kcl", "k", "q", "pau"])
    ['sil', 'ih', 'ih', 'sil', 'k', 'sil']
    """
    merged: list[str] = []
    for phone, run in groupby(fold_to_39(labels)):
        merged.extend([phone] if phone == SILENCE else run)
    return merged


def fold_without_silence(labels: Sequence[str]) -> list[str]:
    """The 39 classes less silence, closures included."""
    return [phone for phone in fold_to_39(labels) if phone != SILENCE]


def keep_61(labels: Sequence[str]) -> list[str]:
    """The 61 classes, spelled as in the phone table; ``q`` counts."""
    return fold(labels, 61)


CONVENTIONS: dict[str, Convention] = {
    one.name: one
    for one in (
        Convention("kaldi", "folded to 39, q dropped, silence scored, nothing merged", fold_to_39),
        Convention("merged", "folded to 39, q dropped, adjacent silences merged", fold_and_merge),
        Convention("nosil", "folded to 39, q and silence dropped", fold_without_silence),
        Convention("61", "61 phones, nothing folded or dropped", keep_61),
    )
}

# For words and for labels that are no TIMIT phones; not in the table of phone conventions.
AS_WRITTEN = Convention("as written", "labels compared as they are written", list)

# Reference tokens of the licensed TIMIT test sets: the core test (24 speakers, 192 utterances) and the usual
# development set (50 speakers, 400 utterances), both without the SA sentences.
_EXPECTED_TOKENS = {
    ("test", "kaldi"): 7215,
    ("test", "merged"): 7193,
    ("test", "nosil"): 5754,
    ("dev", "kaldi"): 15057,
    ("dev", "merged"): 15002,
    ("dev", "nosil"): 12049,
}


def convention(name: str) -> Convention:
    """The phone convention of that name.

    Raises:
        ValueError: no such convention; the sentence lists them.
    """
    try:
        return CONVENTIONS[name]
    except KeyError:
        near = difflib.get_close_matches(name, CONVENTIONS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {name!r}{hint}") from None


def expected_tokens(split: str, convention: str) -> int | None:
    """Reference tokens of the licensed TIMIT corpus in ``dev`` or ``test`` (``core``), None where unknown.

    >>> expected_tokens("core", "kaldi"), expected_tokens("dev", "kaldi"), expected_tokens("train", "kaldi")
    (7215, 15057, None)
    """
    return _EXPECTED_TOKENS.get(("test" if split == "core" else split, convention))
