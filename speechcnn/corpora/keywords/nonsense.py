"""Sentences of words that do not exist: every phone beside every other, and no word to be learnt by heart.

A network that hears real words alone learns phones together with the words that they stand in; what sounds half like
a known word is then taken for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TypeVar

import numpy as np

from speechcnn.corpora.keywords import sounds
from speechcnn.corpora.keywords.sounds import Phones

T = TypeVar("T")

# What English syllables are made of, in espeak's phonemes.
ONSETS = "p b t d k g tS dZ f v T s z S h m n l r w j".split()  # noqa: SIM905
ONSET_PAIRS = [*product("pbkgf", "l"), *product("pbtdkgfT", "r"), *product("s", "ptkmnlw"), *product("tk", "w")]
VOWELS = "I E a A: V U u: 3: i: eI aI aU oU 0 O: OI @".split()  # noqa: SIM905
CODAS = "p b t d k g tS dZ f v T s z S m n N l".split()  # noqa: SIM905
CODA_PAIRS = [*product("nl", "td"), *product("tk", "s"), ("s", "t"), ("m", "p"), ("n", "z")]
NO_ONSET, NO_CODA, PAIR = 0.15, 0.45, 0.17  # how often
MOST_SYLLABLES, FEWEST_WORDS, MOST_WORDS = 3, 3, 8


def sentence(draw: np.random.Generator, taboo: Sequence[Phones]) -> str:
    """Return a few nonsense words as text that espeak speaks, none with the phones of a keyword in a row."""
    words = [_word(draw, taboo) for _ in range(int(draw.integers(FEWEST_WORDS, MOST_WORDS + 1)))]
    return " ".join(map(sounds.spoken, words))


def _word(draw: np.random.Generator, taboo: Sequence[Phones]) -> list[str]:
    while True:
        n_syllables = int(draw.integers(1, MOST_SYLLABLES + 1))
        stressed = int(draw.integers(n_syllables))
        word = [name for number in range(n_syllables) for name in _syllable(draw, number == stressed)]
        if not any(sounds.holds(sounds.phones_of(word), one) for one in taboo):
            return word


def _syllable(draw: np.random.Generator, stressed: bool) -> list[str]:
    vowel = ("'" if stressed else "") + _pick(VOWELS, draw)
    return [*_edge(ONSETS, ONSET_PAIRS, NO_ONSET, draw), vowel, *_edge(CODAS, CODA_PAIRS, NO_CODA, draw)]


def _edge(
    singles: Sequence[str], pairs: Sequence[tuple[str, ...]], none: float, draw: np.random.Generator
) -> tuple[str, ...]:
    chance = draw.random()
    if chance < none:
        return ()
    return _pick(pairs, draw) if chance < none + PAIR else (_pick(singles, draw),)


def _pick(choices: Sequence[T], draw: np.random.Generator) -> T:
    return choices[int(draw.integers(len(choices)))]
