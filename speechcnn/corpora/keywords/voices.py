"""Who speaks: espeak's accents and voice variants, parted so that no two splits share a voice.

The test set alone hears one accent (`HELD_OUT_ACCENT`) and one kind of voice that is made in another way (`klatt`),
which stand for the speakers that no training set holds. Flite's few voices, where they are asked for, are heard in
training alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from speechcnn.corpora.synthesis import flite
from speechcnn.corpora.synthesis.sentences import table

SPLITS = ("train", "dev", "test")
HELD_OUT_ACCENT = "en-gb-scotland"
PITCHES, WARPS = (0.75, 1.35), (0.88, 1.14)  # factors on the voice's own pitch, and on all its formants
RATES = (110, 260)  # words per minute
PLAIN = "m3"  # espeak's variant in which words are looked up
FLITE = "flite"  # the family of Flite's voices


@dataclass(frozen=True)
class Voice:
    """One way of speaking."""

    accent: str  # espeak's language
    variant: str  # espeak's, or Flite's voice
    family: str  # how the variant makes sound: formant, klatt, breath, flite
    pitch: float
    warp: float  # all formants are multiplied by it
    words_per_minute: float

    @property
    def name(self) -> str:
        """What espeak calls it; for one of Flite's, the voice whose phonemes it says."""
        return f"{self.accent}+{PLAIN if self.family == FLITE else self.variant}"

    @property
    def rhotic(self) -> bool:
        """Whether the accent's vowels hold the r that is written behind them."""
        return _accents()[self.accent]


def draw_voice(split: str, draw: np.random.Generator, flite_share: float = 0.0) -> Voice:
    """Draw a voice of a split; in training this share of them is Flite's."""
    accents, variants = accents_of(split), variants_of(split)
    if split == "train" and flite_share and draw.random() < flite_share:
        accents, variants = (flite.ACCENT,), tuple((FLITE, name) for name in flite.VOICES)
    family, variant = variants[int(draw.integers(len(variants)))]
    return Voice(
        accent=accents[int(draw.integers(len(accents)))],
        variant=variant,
        family=family,
        pitch=float(np.exp(draw.uniform(*np.log(PITCHES)))),
        warp=float(draw.uniform(*WARPS)),
        words_per_minute=float(np.exp(draw.uniform(*np.log(RATES)))),
    )


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
