"""Hits, substitutions, deletions and insertions between two label sequences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rapidfuzz.distance import Levenshtein

Pair = tuple[str | None, str | None]


@dataclass(frozen=True)
class ErrorCounts:
    """What an alignment found; counts add up, so that a set's rate is the rate of its sum.

    >>> sum([ErrorCounts(hits=3, deletions=1), ErrorCounts(hits=3, insertions=1)], ErrorCounts()).rate
    0.2857142857142857
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference(self) -> int:
        """Number of reference tokens."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis(self) -> int:
        """Number of hypothesis tokens."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference token; without reference tokens 0, or infinite where there are errors."""
        if self.reference:
            return self.errors / self.reference
        return math.inf if self.errors else 0.0

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Pairs (reference, hypothesis) of an alignment with the fewest errors; None faces a lone token.

    Where several alignments have the fewest errors, rapidfuzz's choice is taken, here and in `count`.

    >>> align(["sh", "iy", "hh"], ["s", "iy"])
    [('sh', 's'), ('iy', 'iy'), ('hh', None)]
    """
    pairs: list[Pair] = []
    for block in Levenshtein.opcodes(_whole(reference), _whole(hypothesis)):
        left = reference[block.src_start : block.src_end]
        right = hypothesis[block.dest_start : block.dest_end]
        # A deleted or inserted run faces an empty one; all other runs are of one length.
        pairs.extend(zip_longest(left, right))
    return pairs


def count(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCounts:
    """Error counts of one hypothesis: the alignment with the fewest errors, each error costing one.

    >>> count(["sh", "iy", "hh"], ["s", "iy"])
    ErrorCounts(hits=1, substitutions=1, deletions=1, insertions=0)
    """
    edits = Counter(edit.tag for edit in Levenshtein.editops(_whole(reference), _whole(hypothesis)))
    substitutions, deletions = edits["replace"], edits["delete"]
    hits = len(reference) - substitutions - deletions
    return ErrorCounts(hits, substitutions, deletions, edits["insert"])


def _whole(tokens: Sequence[str]) -> Sequence[str]:
    # A string is a sequence of strings too, and would be scored letter by letter without a word.
    if isinstance(tokens, str):
        raise ValueError(f"labels must be a sequence of strings, got the string {tokens[:40]!r}; split it first")
    return tokens
