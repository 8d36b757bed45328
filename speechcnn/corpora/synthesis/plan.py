"""What a synthetic corpus consists of: how many speakers and sentences, who speaks, in which room.

Every draw is a pure function of (seed, split, speaker), so neither the order of the work nor the number of
workers changes a byte.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from speechcnn.corpora.synthesis.sentences import sentences, table

SPLITS = ("train", "dev", "test")

# size -> split -> (speakers, utterances of each)
SIZES: dict[str, dict[str, tuple[int, int]]] = {
    "tiny": {"train": (2, 3), "dev": (1, 2), "test": (1, 2)},
    "quick": {"train": (4, 16), "dev": (2, 8), "test": (4, 8)},
    "default": {"train": (8, 48), "dev": (6, 16), "test": (12, 16)},
    "varied": {"train": (24, 16), "dev": (6, 16), "test": (12, 16)},
    "timit": {"train": (462, 8), "dev": (50, 8), "test": (24, 8)},
}

# Largest vocal-tract warp of a split: dev and test speakers go beyond what training covers, as people do. In the size
# `varied` training covers them all: the counter-example, in which pooling over frequency has less to give.
WARPS = {"train": 0.03, "dev": 0.20, "test": 0.20}
COVERING = "varied"


SUFFIXES = (".phn", ".wrd", ".txt", ".wav")  # the recording last: where it stands, the labels stand


class SynthesisError(ValueError):
    """A synthetic corpus cannot be made; the sentence says why and what to do."""


@dataclass(frozen=True)
class Speaker:
    """One synthetic voice and the room and channel it is heard through."""

    id: str  # TIMIT-shaped: sex, three letters, digit
    split: str
    region: int  # 1..8, the accent
    voice: str  # espeak's accent+variant
    rhotic: bool  # the accent's vowel symbols contain their r
    warp: float  # all formants are multiplied by it
    pitch: float  # factor on the variant's own pitch
    words_per_minute: float
    reverberation_seconds: float  # time to fall by 60 dB
    direct_db: float  # direct sound over reverberation
    snr_db: float
    noise_slope: float  # noise power falls as frequency ** -slope
    level_db: float  # root mean square against full scale
    key: tuple[int, int, int]  # (seed, split, number): the root of this speaker's random draws


@dataclass(frozen=True)
class Sentence:
    """One utterance to make."""

    id: str  # sx12, si7
    text: str


def folder(root: Path, speaker: Speaker) -> Path:
    """Where the files of a speaker stand: train/dr1/fabc0."""
    return root / speaker.split / f"dr{speaker.region}" / speaker.id


def speakers(size: str, seed: int) -> list[Speaker]:
    """All speakers of a corpus; no two splits share a voice variant.

    Raises:
        SynthesisError: an unknown size.
    """
    counts = counts_of(size)
    names = _names(sum(n for n, _ in counts.values()), seed)
    return [
        _speaker(split, number, counts[split][0], seed, names.pop(), largest_warp(size, split))
        for split in SPLITS
        for number in range(counts[split][0])
    ]


def script(size: str, seed: int) -> dict[str, list[Sentence]]:
    """The sentences of every speaker by split, speakers' lists one behind the other; all texts differ."""
    counts = counts_of(size)
    totals = {split: counts[split][0] * counts[split][1] for split in SPLITS}
    texts = [Sentence(f"{'sx' if n % 8 < 5 else 'si'}{n + 1}", text)
             for n, text in enumerate(sentences(sum(totals.values()), seed))]  # fmt: skip
    ends = np.cumsum([totals[split] for split in SPLITS])
    return {split: texts[end - totals[split] : end] for split, end in zip(SPLITS, ends, strict=True)}


def largest_warp(size: str, split: str) -> float:
    """How far the vocal tracts of a split lie from the voice's own at most, as a share."""
    return WARPS["test" if size == COVERING else split]


def counts_of(size: str) -> dict[str, tuple[int, int]]:
    """Speakers and utterances a speaker, by split; SynthesisError lists the known sizes."""
    if size not in SIZES:
        raise SynthesisError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return SIZES[size]


def _speaker(split: str, number: int, count: int, seed: int, letters: str, largest_warp: float) -> Speaker:
    key = (seed, SPLITS.index(split) + 2, number)
    rng = np.random.default_rng(key)
    sex = "f" if number % 5 in (1, 3) else "m"
    accent = table("accents.tsv")[number % 8]
    variants = _variants(split, sex)
    return Speaker(
        id=sex + letters,
        split=split,
        region=int(accent["region"]),
        voice=f"{accent['espeak']}+{variants[(number // 2) % len(variants)]}",
        rhotic=accent["rhotic"] == "yes",
        warp=_warp(split, number, count, seed, largest_warp),
        pitch=float(rng.uniform(0.85, 1.15)),
        words_per_minute=float(rng.uniform(150, 200)),
        reverberation_seconds=float(rng.uniform(0.12, 0.35)),
        direct_db=float(rng.uniform(6, 14)),
        snr_db=float(rng.uniform(15, 30)),
        noise_slope=float(rng.uniform(0, 1.5)),
        level_db=float(rng.uniform(-32, -22)),
        key=key,
    )


def _warp(split: str, number: int, count: int, seed: int, largest: float) -> float:
    # Evenly spread over the range and dealt out in a drawn order: few speakers still cover it all.
    order = np.random.default_rng((seed, SPLITS.index(split) + 2)).permutation(count)
    place = (order[number] + 0.5) / count
    return round(float(1 + largest * (2 * place - 1)), 4)


@cache
def _variants(split: str, sex: str) -> tuple[str, ...]:
    rows = table("voices.tsv")
    return tuple(row["variant"] for row in rows if row["split"] == split and row["sex"] == sex)


def _names(count: int, seed: int) -> list[str]:
    letters = np.array(list(string.ascii_lowercase))
    rng = np.random.default_rng([seed, 0])
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault("".join(rng.choice(letters, 3)))
    return [f"{name}{rng.integers(10)}" for name in found]
