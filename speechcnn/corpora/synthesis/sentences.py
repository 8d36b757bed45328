"""Sentences for synthetic corpora: patterns filled with words, the less used words first."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import numpy as np


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Rows of a table of this package, each as column -> value."""
    text = resources.files("speechcnn.tables").joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def sentences(count: int, seed: int) -> list[str]:
    """Make `count` different sentences; the same seed gives the same list, and a longer list begins with a shorter one.

    >>> len(set(sentences(50, seed=0)))
    50
    """
    rng = np.random.default_rng([seed, 1])
    used: dict[str, int] = {}
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(_sentence(rng, used))
    return list(found)


def _sentence(rng: np.random.Generator, used: dict[str, int]) -> str:
    patterns = table("sentences.tsv")
    pattern = patterns[int(rng.integers(len(patterns)))]["pattern"]
    words = [_word(part, rng, used) for part in pattern.split()]
    text = _articles(words)
    mark = "?" if words[0] in {"did", "where", "would"} else "."
    return text[0].upper() + text[1:] + mark


def _word(part: str, rng: np.random.Generator, used: dict[str, int]) -> str:
    choices = _words().get(part)
    if choices is None:
        return part
    drawn = [choices[int(k)] for k in rng.integers(len(choices), size=3)]
    word = min(drawn, key=lambda each: used.get(each, 0))
    used[word] = used.get(word, 0) + 1
    return word


@cache
def _words() -> dict[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    for row in table("words.tsv"):
        classes[row["class"]] = (*classes.get(row["class"], ()), row["word"])
    return classes


def _articles(words: list[str]) -> str:
    after = [*words[1:], ""]
    fixed = [
        "an" if word == "a" and following[:1] in "aeio" and following else word
        for word, following in zip(words, after, strict=True)
    ]
    return " ".join(fixed).replace(" ,", ",")
