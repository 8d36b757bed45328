"""Spoken lines and backgrounds laid out in time: what a microphone would hear, with the times of all that was said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from speechcnn.corpora.keywords.speaking import RATE, Spoken
from speechcnn.labels import Segment

BACKGROUNDS = ("none", "babble", "music")
GAP_SECONDS = (0.04, 0.9)  # between lines, drawn evenly on a logarithmic scale
EDGE_SECONDS = 0.02  # kept of the silence around a line
LEVEL_DB, SPREAD_DB = -26.0, 4.0  # of a line against full scale, and how far it may be off
# Recordings of words carry their rooms' noise, which begins and ends with them; some lines carry a noise of their own,
# so that none is taken for a word because noise begins.
FLOOR_SHARE, FLOOR_DB, FLOOR_SLOPE = 0.3, (10.0, 40.0), (0.0, 2.0)

PIECES, PIECE_SECONDS = 32, 15  # of music in an album

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """A line in a scene, with its times in seconds: those of the keyword where it is one, else of the speech."""

    text: str
    kind: str
    keyword: str
    start: float
    end: float
    accent: str = ""
    family: str = ""
    phones: tuple[Segment, ...] = ()  # of the line, where they are known


@dataclass(frozen=True)
class Scene:
    """A recording made of lines.

    Shape: samples [N] at 16 kHz.
    """

    id: str
    samples: Samples
    said: tuple[Said, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE


def lay_out(spoken: Sequence[Spoken], seconds: float, name: str, seed: Sequence[int]) -> Iterator[Scene]:
    """Deal lines out to scenes of about so many seconds, in drawn order, with drawn gaps and levels."""
    draw = np.random.default_rng([*seed, 21])
    pieces: list[Samples] = []
    said: list[Said] = []
    length = number = 0
    for place in draw.permutation(len(spoken)):
        gap = _gap(draw)
        line, before = _cut(spoken[place])
        pieces += [gap, _levelled(_floored(line, draw), draw)]
        said.append(_said(spoken[place], (length + len(gap)) / RATE - before))
        length += len(gap) + len(line)
        if length >= seconds * RATE:
            yield _scene(f"{name}-{number}", pieces, said, draw)
            pieces, said, length, number = [], [], 0, number + 1
    if said:
        yield _scene(f"{name}-{number}", pieces, said, draw)


def _scene(name: str, pieces: Sequence[Samples], said: Sequence[Said], draw: np.random.Generator) -> Scene:
    return Scene(name, np.concatenate([*pieces, _gap(draw)]), tuple(said))


def _gap(draw: np.random.Generator) -> Samples:
    return np.zeros(int(RATE * np.exp(draw.uniform(*np.log(GAP_SECONDS)))), np.float32)


def _cut(spoken: Spoken) -> tuple[Samples, float]:
    """Return a line without the silence around it, and how many seconds were cut off before."""
    start = max(0, int((spoken.speech[0] - EDGE_SECONDS) * RATE))
    end = int((spoken.speech[1] + EDGE_SECONDS) * RATE)
    return spoken.samples[start:end], start / RATE


def _floored(samples: Samples, draw: np.random.Generator) -> Samples:
    """Return some lines with a noise of their own."""
    if draw.random() >= FLOOR_SHARE or not len(samples):
        return samples
    power = draw.uniform(*FLOOR_SLOPE)
    spectrum = np.fft.rfft(draw.standard_normal(len(samples)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1 + len(samples) * 50 // RATE) ** (power / 2)
    noise = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    return under(samples, noise, float(draw.uniform(*FLOOR_DB)))


def _levelled(samples: Samples, draw: np.random.Generator) -> Samples:
    gain = 10 ** ((LEVEL_DB + draw.uniform(-SPREAD_DB, SPREAD_DB)) / 20) / (rms(samples) + 1e-9)
    return (samples * gain).astype(np.float32)


def _said(spoken: Spoken, offset: float) -> Said:
    start, end = spoken.span or spoken.speech
    line = spoken.line
    phones = tuple(Segment(one.label, one.start + offset, one.end + offset) for one in spoken.phones)
    voice = line.voice
    return Said(line.text, line.kind, line.keyword, start + offset, end + offset, voice.accent, voice.family, phones)


def under(samples: Samples, background: Samples, snr_db: float) -> Samples:
    """Return samples with a background so many decibels below them.

    Shape: [N], [N] -> [N].
    """
    return (samples + background * (rms(samples) / (rms(background) + 1e-9) * 10 ** (-snr_db / 20))).astype(np.float32)


def babble(n_samples: int, voices: Sequence[Spoken], draw: np.random.Generator, talkers: int = 6) -> Samples:
    """Return several people speaking at once, from lines that hold no keyword.

    Shape: -> [n_samples].
    """
    total = np.zeros(n_samples, np.float32)
    for _ in range(talkers):
        at = int(draw.integers(-RATE, RATE))
        while at < n_samples:
            line = voices[int(draw.integers(len(voices)))].samples
            first = max(0, -at)
            piece = line[first : first + max(0, n_samples - max(at, 0))]
            total[max(at, 0) : max(at, 0) + len(piece)] += piece / (rms(line) + 1e-9)
            at += len(line) + int(draw.integers(RATE // 3))
    return total


def music(n_samples: int, draw: np.random.Generator, album: int = 0) -> Samples:
    """Return a stretch of one of an album's pieces, repeated where it is too short.

    Shape: -> [n_samples].
    """
    whole = piece(album, int(draw.integers(PIECES)))
    start = int(draw.integers(max(1, len(whole) - n_samples + 1)))
    return np.resize(whole[start:], n_samples)


@lru_cache(2 * PIECES)
def piece(album: int, number: int) -> Samples:
    """Return chords of decaying harmonic tones of a pentatonic scale over a beat; it must not be changed.

    Shape: -> [N].
    """
    draw, n_samples = np.random.default_rng([album, number, 22]), PIECE_SECONDS * RATE
    total = np.zeros(n_samples, np.float32)
    beat = int(RATE * draw.uniform(0.15, 0.5))
    root, slope = 55 * 2 ** draw.uniform(0, 2), draw.uniform(0.8, 2.0)
    scale = np.array([0, 3, 5, 7, 10, 12, 15, 17, 19, 22])
    for start in range(0, n_samples, beat):
        n = min(n_samples - start, 3 * beat)
        seconds = np.arange(n) / RATE
        for note in draw.choice(scale, int(draw.integers(1, 4)), replace=False):
            total[start : start + n] += _tone(seconds, root * 2 ** (note / 12), slope, draw)
        drum = draw.standard_normal(min(n, RATE // 20)) * draw.uniform(0, 2)
        total[start : start + len(drum)] += drum * np.linspace(1, 0, len(drum)) ** 2
    return total


def _tone(seconds: NDArray[np.float64], hertz: float, slope: float, draw: np.random.Generator) -> NDArray[np.float64]:
    harmonics = np.arange(1, 1 + min(8, int(RATE / 2 / hertz)))
    phases = draw.uniform(0, 2 * np.pi, len(harmonics))
    waves = np.sin(2 * np.pi * hertz * harmonics[:, None] * seconds + phases[:, None])
    return (waves / harmonics[:, None] ** slope).sum(0) * np.exp(-seconds * draw.uniform(1, 8))


def rms(samples: NDArray[np.floating]) -> float:
    """Return the root mean square; 0 of nothing."""
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean())) if samples.size else 0.0
