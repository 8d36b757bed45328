"""The leak audit of a labelled set of clips: what would let a classifier look better than it listens.

Three leaks are looked for: clips of one recording on two sides of the folds; clips that are the same, or nearly; and
shortcuts, classes that can be told by how a clip was made (level, length, rate, silence, band limits) and not by what
is heard in it. The last is measured: a random forest that is given those alone, over the corpus's folds.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechcnn import audio
from speechcnn.corpora import Fault
from speechcnn.corpora.clips import Clip, ClipSet

TRAITS = (
    "level_db", "peak_db", "crest_db", "seconds", "rate", "leading_silence", "trailing_silence", "zeros",
    "offset", "low_hz", "high_hz",
)  # fmt: skip
SILENCE = 10 ** (-60 / 20)  # of full scale
BAND_LIMIT_DB = 60.0  # below the strongest part of the mean spectrum, where a band is said to end
ALIKE = 0.998  # correlation of two clips' coarse spectrograms from which on they are nearly the same
SLICES, BANDS, BLOCK = 48, 24, 512  # of a coarse spectrogram; clips compared at a time
TREES = 200
SHORTCUT_TIMES = 2.0  # times chance, from which on a shortcut score is worth a warning

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two clips that are alike."""

    first: Path
    second: Path
    likeness: float  # 1 for the same samples
    across: bool  # whether they stand in different folds
    labels_differ: bool


@dataclass(frozen=True)
class Shortcut:
    """How well the class can be told without listening."""

    accuracy: float  # over the folds
    chance: float  # of always naming the most frequent class
    traits: tuple[tuple[str, float], ...]  # which of them tell, and their shares in the forest's decisions

    @property
    def suspicious(self) -> bool:
        """Whether it is far above chance."""
        return self.accuracy > SHORTCUT_TIMES * self.chance


@dataclass(frozen=True)
class LeakReport:
    """What the audit found."""

    n_clips: int
    parted: tuple[tuple[str, tuple[str, ...]], ...]  # sources that stand in several folds, with those
    pairs: tuple[Pair, ...]
    shortcut: Shortcut | None  # None without two folds
    faults: tuple[Fault, ...] = ()  # clips that could not be read

    def lines(self) -> list[str]:
        """The report as lines of text."""
        exact = [pair for pair in self.pairs if pair.likeness == 1]
        across, differ = sum(pair.across for pair in self.pairs), sum(pair.labels_differ for pair in self.pairs)
        lines = [
            f"{self.n_clips} clips audited",
            f"sources in several folds: {len(self.parted)}" + _listed(source for source, _ in self.parted),
            f"clips that are the same: {len(exact)} pairs; nearly the same: {len(self.pairs) - len(exact)} pairs; "
            f"{across} of them across folds, {differ} with different labels",
            *(f"  {pair.first} = {pair.second} ({pair.likeness:.4f})" for pair in self.pairs[:10]),
        ]
        if self.shortcut:
            told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.shortcut.traits[:4])
            verdict = "far above chance: the recordings give the class away" if self.shortcut.suspicious else "harmless"
            lines.append(
                f"shortcut score: {100 * self.shortcut.accuracy:.1f} % without listening, chance is "
                f"{100 * self.shortcut.chance:.1f} %; {verdict} ({told})"
            )
        return lines + [f"could not be read: {fault}" for fault in self.faults]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def audit(
    corpus: ClipSet, seed: int = 0, progress: Callable[[int, int], None] = lambda done, total: None
) -> LeakReport:
    """Audit a set of clips; bad files never raise, they are reported.

    Args:
        corpus: the clips, with folds as the classifier will be judged on them.
        seed: of the random forest.
        progress: called with (done, total) after each clip.
    """
    traits, prints, sums, kept, faults = [], [], [], [], []
    for done, clip in enumerate(corpus.clips, 1):
        heard = read(clip)
        if isinstance(heard, Fault):
            faults.append(heard)
        else:
            samples, rate = heard
            traits.append(traits_of(samples, rate))
            prints.append(fingerprint(samples))
            sums.append(hashlib.sha256(samples.tobytes()).hexdigest())
            kept.append(clip)
        progress(done, len(corpus.clips))
    pairs = alike(kept, np.array(prints), sums) if kept else []
    shortcut = shortcut_score(kept, np.array(traits), seed) if kept else None
    return LeakReport(len(kept), tuple(parted_sources(kept)), tuple(pairs), shortcut, tuple(faults))


def unreadable(corpus: ClipSet) -> list[Fault]:
    """Return the faults of all clips that cannot be read."""
    return [heard for heard in map(read, corpus.clips) if isinstance(heard, Fault)]


def read(clip: Clip) -> tuple[Samples, int] | Fault:
    """Return a clip's samples and rate, or why there are none.

    Shape: -> [N].
    """
    try:
        return audio.read(clip.path)
    except (audio.AudioError, OSError) as error:
        return Fault.of(clip.path, error)


def parted_sources(clips: Sequence[Clip]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the sources whose clips stand in several folds, with those folds."""
    folds: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        folds[clip.source].add(clip.fold)
    return sorted((source, tuple(sorted(found))) for source, found in folds.items() if len(found) > 1)


def traits_of(samples: Samples, rate: int) -> list[float]:
    """Return what can be said of a clip without listening, in the order of `TRAITS`.

    Shape: [N] -> [11].
    """
    level, peak = float(np.sqrt(np.mean(samples.astype(float) ** 2))), float(np.abs(samples).max())
    heard = np.flatnonzero(np.abs(samples) > SILENCE)
    first, last = (heard[0], heard[-1]) if len(heard) else (len(samples), len(samples) - 1)
    low, high = band_limits(samples, rate)
    return [
        _decibels(level), _decibels(peak), _decibels(peak) - _decibels(level), len(samples) / rate, float(rate),
        first / rate, (len(samples) - 1 - last) / rate, float(np.mean(samples == 0)), float(samples.mean()), low, high,
    ]  # fmt: skip


def band_limits(samples: Samples, rate: int, size: int = 1024) -> tuple[float, float]:
    """Return the lowest and highest frequency of the mean spectrum that is not far below its strongest part, in Hz."""
    frames = np.resize(samples, max(size, len(samples)))
    frames = frames[: len(frames) // size * size].reshape(-1, size) * np.hanning(size).astype(np.float32)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(0)
    inside = np.flatnonzero(power > power.max() * 10 ** (-BAND_LIMIT_DB / 10))
    if not len(inside):
        return 0.0, 0.0
    return float(inside[0] * rate / size), float(inside[-1] * rate / size)


def fingerprint(samples: Samples) -> NDArray[np.float32]:
    """Return a clip's coarse spectrogram as a vector of length 1, its level and its mean spectrum taken out.

    Copies at another level, rate or format have nearly the same one; pieces cut elsewhere have not.

    Shape: [N] -> [SLICES * BANDS].
    """
    size = max(2 * BANDS, len(samples) // SLICES)
    frames = np.resize(samples, SLICES * size).reshape(SLICES, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], BANDS + 1).astype(int))
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-8)
    bands = np.pad(bands, ((0, 0), (0, BANDS - bands.shape[1])))
    vector = (bands - bands.mean(0)).ravel()
    length = np.linalg.norm(vector)
    return (vector / length if length > 1e-6 else vector * 0).astype(np.float32)


def alike(clips: Sequence[Clip], prints: NDArray[np.float32], sums: Sequence[str]) -> list[Pair]:
    """Return the pairs of clips whose samples are the same or whose coarse spectrograms nearly are, likest first."""
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(clips), BLOCK):
        likeness = prints[start : start + BLOCK] @ prints.T
        for row, column in np.argwhere(likeness >= ALIKE):
            if start + row < column:
                found[(int(start + row), int(column))] = min(float(likeness[row, column]), 0.9999)
    by_sum: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(sums):
        by_sum[one].append(number)
    found |= {(group[0], other): 1.0 for group in by_sum.values() for other in group[1:]}
    pairs = [_pair(clips[i], clips[j], likeness) for (i, j), likeness in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def shortcut_score(clips: Sequence[Clip], traits: NDArray[np.float64], seed: int = 0) -> Shortcut | None:
    """Return how well the corpus's folds can be classified by traits alone; None without two folds.

    Shape: traits [n, 11].
    """
    from sklearn.ensemble import RandomForestClassifier

    labels, folds = np.array([clip.label for clip in clips]), np.array([clip.fold for clip in clips])
    names = sorted(set(folds.tolist()))
    if len(names) < 2:
        return None
    right, shares = 0, np.zeros(len(TRAITS))
    for fold in names:
        forest = RandomForestClassifier(TREES, random_state=seed, min_samples_leaf=2)
        forest.fit(traits[folds != fold], labels[folds != fold])
        right += int((forest.predict(traits[folds == fold]) == labels[folds == fold]).sum())
        shares += forest.feature_importances_ / len(names)
    order = np.argsort(-shares)
    chance = max(int((labels == label).sum()) for label in set(labels.tolist())) / len(labels)
    return Shortcut(right / len(labels), chance, tuple((TRAITS[i], float(shares[i])) for i in order))


def _pair(first: Clip, second: Clip, likeness: float) -> Pair:
    return Pair(first.path, second.path, likeness, first.fold != second.fold, first.labels != second.labels)


def _decibels(value: float) -> float:
    return 20 * float(np.log10(max(value, 1e-7)))


def _listed(names: Iterable[str], most: int = 5) -> str:
    every = list(names)
    return f" ({', '.join(every[:most])}{', ...' if len(every) > most else ''})" if every else ""
