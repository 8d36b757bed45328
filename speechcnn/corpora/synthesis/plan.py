"""What a synthetic corpus consists of: how many speakers and sentences, who speaks, in which room.

Every draw is a pure function of (seed, split, speaker), so neither the order of the work nor the number of
workers changes a byte.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechcnn.corpora.synthesis.sentences import sentences, table

SPLITS = ("train", "dev", "test")

NARROW, WIDE = 0.03, 0.20  # largest warps of vocal tracts


class Size(NamedTuple):
    """How large a split is."""

    speakers: int
    utterances: int  # of each
    largest_warp: float = WIDE


# Dev and test speakers go beyond the vocal tracts that training covers, as people do. In the size `varied` training
# covers them all: the counter-example, in which pooling over frequency has less to give.
SIZES: dict[str, dict[str, Size]] = {
    "tiny": {"train": Size(2, 3, NARROW), "dev": Size(1, 2), "test": Size(1, 2)},
    "quick": {"train": Size(4, 16, NARROW), "dev": Size(2, 8), "test": Size(4, 8)},
    "default": {"train": Size(8, 48, NARROW), "dev": Size(6, 16), "test": Size(12, 16)},
    "varied": {"train": Size(24, 16), "dev": Size(6, 16), "test": Size(12, 16)},
    "timit": {"train": Size(462, 8, NARROW), "dev": Size(50, 8), "test": Size(24, 8)},
}


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
    names = _names(sum(one.speakers for one in counts.values()), seed)
    return [
        _speaker(split, number, counts[split], seed, names.pop())
        for split in SPLITS
        for number in range(counts[split].speakers)
    ]


def script(size: str, seed: int) -> dict[str, list[Sentence]]:
    """The sentences of every speaker by split, speakers' lists one behind the other; all texts differ."""
    counts = counts_of(size)
    totals = {split: counts[split].speakers * counts[split].utterances for split in SPLITS}
    texts = [Sentence(f"{'sx' if n % 8 < 5 else 'si'}{n + 1}", text)
             for n, text in enumerate(sentences(sum(totals.values()), seed))]  # fmt: skip
    ends = np.cumsum([totals[split] for split in SPLITS])
    return {split: texts[end - totals[split] : end] for split, end in zip(SPLITS, ends, strict=True)}


def counts_of(size: str) -> dict[str, Size]:
    """Speakers, utterances a speaker and their vocal tracts, by split; SynthesisError lists the known sizes."""
    if size not in SIZES:
        raise SynthesisError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return SIZES[size]


def _speaker(split: str, number: int, size: Size, seed: int, letters: str) -> Speaker:
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
        warp=_warp(split, number, size, seed),
        pitch=float(rng.uniform(0.85, 1.15)),
        words_per_minute=float(rng.uniform(150, 200)),
        reverberation_seconds=float(rng.uniform(0.12, 0.35)),
        direct_db=float(rng.uniform(6, 14)),
        snr_db=float(rng.uniform(15, 30)),
        noise_slope=float(rng.uniform(0, 1.5)),
        level_db=float(rng.uniform(-32, -22)),
        key=key,
    )


def _warp(split: str, number: int, size: Size, seed: int) -> float:
    # Evenly spread over the range and dealt out in a drawn order: few speakers still cover it all.
    order = np.random.default_rng((seed, SPLITS.index(split) + 2)).permutation(size.speakers)
    place = (order[number] + 0.5) / size.speakers
    return round(float(1 + size.largest_warp * (2 * place - 1)), 4)


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
