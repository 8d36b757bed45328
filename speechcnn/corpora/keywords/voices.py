"""Who speaks: espeak's accents and voice variants, parted so that no two splits share a voice.

The test set alone hears one accent (`HELD_OUT_ACCENT`) and one kind of voice that is made in another way (`klatt`),
which stand for the speakers that no training set holds. The voices of other programs, where they are asked for, are
heard in training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from speechcnn.corpora.synthesis import flite, mbrola
from speechcnn.corpora.synthesis.sentences import table

SPLITS = ("train", "dev", "test")
HELD_OUT_ACCENT = "en-gb-scotland"
PITCHES, WARPS = (0.75, 1.35), (0.88, 1.14)  # factors on the voice's own pitch, and on all its formants
RATES = (110, 260)  # words per minute
PLAIN = "m3"  # espeak's variant in which words are looked up
NO_SHARES: Mapping[str, float] = MappingProxyType({})


class Speaker(NamedTuple):
    """A voice of another program than espeak, the accent whose phonemes it says, and how many times it is drawn."""

    name: str
    accent: str
    times: int = 1


PROGRAMS = MappingProxyType(
    {
        "flite": tuple(Speaker(name, "en-us") for name in flite.VOICES),
        "mbrola": tuple(Speaker(one.name, one.accent, one.times) for one in mbrola.VOICES.values()),
    }
)
CHECKS: dict[str, Callable[[], None]] = {"flite": flite.check_flite, "mbrola": mbrola.check_mbrola}


@dataclass(frozen=True)
class Voice:
    """One way of speaking."""

    accent: str  # espeak's language
    variant: str  # espeak's, or another program's voice
    family: str  # how the variant makes sound: formant, klatt, breath; or the other program
    pitch: float
    warp: float  # all formants are multiplied by it
    words_per_minute: float

    @property
    def name(self) -> str:
        """What espeak calls it; for another program's, the voice whose phonemes it says."""
        return f"{self.accent}+{PLAIN if self.program else self.variant}"

    @property
    def program(self) -> str:
        """The program other than espeak that speaks, or none."""
        return self.family if self.family in PROGRAMS else ""

    @property
    def rhotic(self) -> bool:
        """Whether the accent's vowels hold the r that is written behind them."""
        return _accents()[self.accent]


def draw_voice(split: str, draw: np.random.Generator, shares: Mapping[str, float] = NO_SHARES) -> Voice:
    """Draw a voice of a split; in training these shares of them are the other programs'."""
    if split == "train" and (family := _draw_program(shares, draw)):
        speakers = [one for one in PROGRAMS[family] for _ in range(one.times)]
        variant, accent, _ = speakers[int(draw.integers(len(speakers)))]
    else:
        variants, accents = variants_of(split), accents_of(split)
        family, variant = variants[int(draw.integers(len(variants)))]
        accent = accents[int(draw.integers(len(accents)))]
    return Voice(
        accent=accent,
        variant=variant,
        family=family,
        pitch=float(np.exp(draw.uniform(*np.log(PITCHES)))),
        warp=float(draw.uniform(*WARPS)),
        words_per_minute=float(np.exp(draw.uniform(*np.log(RATES)))),
    )


def _draw_program(shares: Mapping[str, float], draw: np.random.Generator) -> str:
    if not any(shares.values()):
        return ""
    place = draw.random()
    for program, share in shares.items():
        if place < share:
            return program
        place -= share
    return ""


@cache
def accents_of(split: str) -> tuple[str, ...]:
    """Return espeak's accents of English that a split hears."""
    return tuple(name for name in _accents() if split == "test" or name != HELD_OUT_ACCENT)


@cache
def _accents() -> dict[str, bool]:
    return {row["espeak"]: row["rhotic"] == "yes" for row in table("accents.tsv")}


@cache
def variants_of(split: str) -> tuple[tuple[str, str], ...]:
    """Return the (family, variant) of the voices of a split."""
    rows = table("keyword_voices.tsv")
    return tuple((row["family"], row["variant"]) for row in rows if row["split"] == split)
