"""Who speaks: espeak's accents and voice variants, parted so that no two splits share a voice.

The test set alone hears one accent (`HELD_OUT_ACCENT`) and one kind of voice that is made in another way (`klatt`),
which stand for the speakers that no training set holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from speechcnn.corpora.synthesis.sentences import table

SPLITS = ("train", "dev", "test")
HELD_OUT_ACCENT = "en-gb-scotland"
PITCHES, WARPS = (0.75, 1.35), (0.88, 1.14)  # factors on the voice's own pitch, and on all its formants
RATES = (110, 260)  # words per minute


@dataclass(frozen=True)
class Voice:
    """One way of speaking."""

    accent: str  # espeak's language
    variant: str
    family: str  # how the variant makes sound: formant, klatt, breath
    pitch: float
    warp: float  # all formants are multiplied by it
    words_per_minute: float

    @property
    def name(self) -> str:
        """What espeak calls it."""
        return f"{self.accent}+{self.variant}"


def draw_voice(split: str, draw: np.random.Generator) -> Voice:
    """Draw a voice of a split."""
    accents, variants = accents_of(split), variants_of(split)
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
    names = (row["espeak"] for row in table("accents.tsv"))
    return tuple(name for name in names if split == "test" or name != HELD_OUT_ACCENT)


@cache
def variants_of(split: str) -> tuple[tuple[str, str], ...]:
    """Return the (family, variant) of the voices of a split."""
    rows = table("keyword_voices.tsv")
    return tuple((row["family"], row["variant"]) for row in rows if row["split"] == split)
