"""What is spoken for a detector: its keywords, what sounds like them, their parts, other words, sentences.

Near misses of the training set and of the test set overlap in part only: every third is kept for the test set, so that
the table of near misses tells those that were trained on from those that were not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speechcnn.corpora.keywords import nonsense, sounds
from speechcnn.corpora.keywords.sounds import NearMiss, Phones
from speechcnn.corpora.keywords.speaking import Line, Spoken, speak
from speechcnn.corpora.keywords.voices import NO_SHARES, PLAIN, SPLITS, Voice, accents_of, draw_voice
from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.sentences import sentences, table

N_NEAR, N_JOINED = 45, 25
UNSEEN_EVERY = 3  # near misses that the test set alone hears: each third
CLEAR = 0.6  # a made-up word must sound at least so different from the keyword
OTHER_PHONEMES = tuple(
    "p b t d k g tS dZ f v T s z S h m n l r w j i: I E a A: V U u: 3: eI aI aU oU".split()  # noqa: SIM905
)
LONGEST_KEYWORD = 60  # characters


@dataclass(frozen=True)
class Keyword:
    """A keyword: how it is written, how espeak's accents say it, and what sounds like it."""

    text: str
    spellings: tuple[str, ...]  # what is given to espeak: the text, and phonemes where it has one more pronunciation
    phonemes: tuple[str, ...]  # espeak's, in American English
    phones: tuple[Phones, ...]  # each pronunciation
    near: tuple[NearMiss, ...]
    made_up: tuple[str, ...]  # words that do not exist, one phone off
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """How many lines of each kind a split has: the first four for each keyword, the others in all."""

    keyword: int
    near: int
    part: int
    with_keyword: int  # sentences with the keyword
    other: int  # single words
    sentence: int  # without the keyword
    nonsense: int = 0  # sentences of words that do not exist

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ValueError(f"{name} must be at least 0; got {value}.")
        if not self.keyword:
            raise ValueError("keyword must be at least 1; got 0.")


def prepare(texts: Sequence[str], workers: int | None = None) -> list[Keyword]:
    """Look up how keywords are said and what sounds like them.

    Raises:
        SynthesisError: a keyword that espeak-ng cannot say, is too long, or comes twice; no keyword at all.
    """
    plain = [check_text(text) for text in texts]
    if not plain or len(set(plain)) < len(plain):
        raise SynthesisError(f"keywords must be at least one and all different, got {', '.join(plain) or 'none'}")
    words = vocabulary(workers)
    spoken = speak([Line(text, plain_voice(accent), "keyword") for text in plain for accent in accents_of("test")])
    return [_keyword(text, [one for one in spoken if one.line.text == text], words, plain) for text in plain]


def check_text(text: str) -> str:
    """Return a keyword in lower case with single spaces.

    Raises:
        SynthesisError: it holds other signs than Latin letters, apostrophes, hyphens and spaces, is too long or empty,
            or has a word without a vowel, which espeak-ng would spell out.
    """
    plain = " ".join(text.lower().split())
    letters = unicodedata.normalize("NFD", plain)  # accents stand behind their letters
    if not plain or len(plain) > LONGEST_KEYWORD or not re.fullmatch(r"[a-z\u0300-\u036f '-]+", letters):
        raise SynthesisError(
            f"a keyword must be a word or a phrase of Latin letters, at most {LONGEST_KEYWORD} of them; got {text!r}: "
            "write numbers and signs as words"
        )
    silent = [word for word in re.split(r"[ -]", letters) if not set(word) & set("aeiouy")]
    if silent:
        raise SynthesisError(
            f"espeak-ng cannot say {silent[0]!r} as a word, it would spell it out: write it as it sounds, with vowels"
        )
    return plain


def vocabulary(workers: int | None = None) -> dict[str, Phones]:
    """Return the word lists' words with their phones in American English."""
    words = sorted({row["word"] for name in ("common_words.tsv", "words.tsv") for row in table(name)})
    lines = [Line(word.lower(), plain_voice("en-us"), "other") for word in words]
    return {one.line.text: sounds.phones_of(one.phonemes) for one in speak(lines, workers)}


def plain_voice(accent: str) -> Voice:
    """Return the voice in which words are looked up."""
    return Voice(accent, PLAIN, "formant", 1.0, 1.0, 170.0)


def _keyword(text: str, spoken: Sequence[Spoken], words: Mapping[str, Phones], all_texts: Sequence[str]) -> Keyword:
    said = [sounds.phones_of(one.phonemes) for one in spoken]
    if not said or not all(said) or not any(sounds.kind_of(phone) == "v" for phone in said[0]):
        raise SynthesisError(f"espeak-ng cannot say {text!r}: give a spelling that sounds like it")
    names = tuple(name for name in spoken[0].phonemes if not name.startswith("_"))
    full = full_vowel(text, names)
    phones = tuple(dict.fromkeys([*said, *([sounds.phones_of(full)] if full else [])]))
    others = {word: one for word, one in words.items() if word not in all_texts}
    near = sounds.nearest(phones, others, N_NEAR) + sounds.joined(phones, others, N_JOINED)
    changes = sounds.changed(names, OTHER_PHONEMES)
    spellings = (text, sounds.spoken(full)) if full else (text,)
    made_up = _unlike(changes, phones, CLEAR)
    return Keyword(text, spellings, names, phones, tuple(near), made_up, parts_of(text, names, phones))


def _unlike(changes: Sequence[Sequence[str]], phones: Sequence[Phones], least: float) -> tuple[str, ...]:
    """Return as text the phonemes that lie at least so far from each pronunciation of the keyword."""
    far = [one for one in changes if min(sounds.distance(each, sounds.phones_of(one)) for each in phones) >= least]
    return tuple(sounds.spoken(one) for one in far)


def full_vowel(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the pronunciation in which a schwa of the first syllable has its full vowel ("hello"), or nothing."""
    full = {"e": "E", "a": "a", "o": "0", "u": "V"}
    first = next((letter for letter in text if letter in "aeiou"), "")
    place = next((n for n, name in enumerate(names) if sounds.kind_of(sounds.phones_of([name])[0]) == "v"), None)
    if place is None or names[place] != "@" or first not in full:
        return ()
    return (*names[:place], full[first], *names[place + 1 :])


def parts_of(text: str, names: Sequence[str], phones: Sequence[Phones]) -> tuple[str, ...]:
    """Return what a keyword cut short sounds like: its words left alone, its beginnings and its ends.

    What some accent says for the whole word is no part of it: "'ello".
    """
    words = text.split()
    if len(words) > 1:
        cuts = [" ".join(words[:n]) for n in range(1, len(words))] + [" ".join(words[n:]) for n in range(1, len(words))]
        return tuple(dict.fromkeys(cuts))
    n = len(names)
    heads = [names[:cut] for cut in range(max(2, n // 2), n - (n < 4))]
    tails = [names[cut:] for cut in range(1 + (n < 4), n - 1)]
    return _unlike([cut for cut in [*heads, *tails] if n > 3 or len(cut) > 1], phones, sounds.HOMOPHONE)


def near_of(keyword: Keyword, split: str) -> list[str]:
    """Return the near misses that a split hears."""
    texts = [one.text for one in keyword.near]
    return texts if split == "test" else [text for n, text in enumerate(texts) if (n + 1) % UNSEEN_EVERY]


def lines(
    split: str, keywords: Sequence[Keyword], counts: Counts, seed: int, shares: Mapping[str, float] = NO_SHARES
) -> list[Line]:
    """Return everything that a split says, in a fixed order; no voice and no sentence is another split's.

    Args:
        split: train, dev or test.
        keywords: what is to be found.
        counts: how many lines of each kind.
        seed: decides everything.
        shares: of the training lines that other programs than espeak say, by program.
    """
    draw = np.random.default_rng([seed, SPLITS.index(split), 11])

    def voice() -> Voice:
        return draw_voice(split, draw, shares)

    taboo = {word for keyword in keywords for word in keyword.text.split()}
    found = [line for keyword in keywords for line in _of_keyword(split, keyword, counts, draw, voice, taboo, seed)]
    words = [row["word"] for row in table("common_words.tsv") if row["word"] not in taboo]
    near = {text for keyword in keywords for text in (one.text for one in keyword.near)}
    words = [word for word in words if word not in near]
    found += [Line(pick(words, draw), voice(), "other") for _ in range(counts.other)]
    found += [Line(text, voice(), "sentence") for text in texts_of(split, counts.sentence, seed, taboo, 12)]
    said = [phones for keyword in keywords for phones in keyword.phones]
    found += [Line(nonsense.sentence(draw, said), voice(), "sentence") for _ in range(counts.nonsense)]
    return found


def _of_keyword(
    split: str,
    keyword: Keyword,
    counts: Counts,
    draw: np.random.Generator,
    voice: Callable[[], Voice],
    taboo: set[str],
    seed: int,
) -> list[Line]:
    found = []
    for number in range(counts.keyword):
        spelling = keyword.spellings[number % len(keyword.spellings)]
        found.append(Line(spelling, voice(), "keyword", keyword.text, spelling))
    near = near_of(keyword, split)
    found += [Line(near[n % len(near)], voice(), "near") for n in range(counts.near)]
    cuts = [*keyword.parts, *keyword.made_up]
    for number in range(counts.part if cuts else 0):
        # Half are parts of the word, half are words that differ in one phone.
        choices = keyword.parts if number % 2 and keyword.parts else keyword.made_up or keyword.parts
        found.append(Line(pick(choices, draw), voice(), "part"))
    for text in texts_of(split, counts.with_keyword, seed, taboo, 13):
        spelling = pick(keyword.spellings, draw)
        found.append(Line(put_in(text, spelling, draw), voice(), "with", keyword.text, spelling))
    return found


def pick(choices: Sequence[str], draw: np.random.Generator) -> str:
    """Draw one of some texts."""
    return choices[int(draw.integers(len(choices)))]


def texts_of(split: str, count: int, seed: int, taboo: set[str], branch: int) -> list[str]:
    """Return sentences of a split without the words that are taboo; splits take different ones."""
    every = sentences(len(SPLITS) * (2 * count + 50), seed * 100 + branch)
    mine = every[SPLITS.index(split) :: len(SPLITS)]
    return [text for text in mine if not taboo & set(re.findall(r"[a-z']+", text.lower()))][:count]


def put_in(sentence: str, keyword: str, draw: np.random.Generator) -> str:
    """Put a keyword into a sentence: at its beginning, at its end, or between two words."""
    words = sentence.rstrip(".?").split()
    place = int(draw.integers(len(words) + 1))
    return " ".join([*words[:place], keyword, *words[place:]])
