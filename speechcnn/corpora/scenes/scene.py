"""One recording: a background, and sounds laid into it at known times, levels and bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speechcnn.corpora.scenes.plan import Clips, Item, Scenes
from speechcnn.corpora.scenes.sounds import SOUNDS, Generator, Samples, Sound, sound
from speechcnn.corpora.synthesis.acoustics import RATE, coloured_noise
from speechcnn.events import Event

SAME_CLASS_GAP_SECONDS = 0.5  # between two sounds of one class, so that they stay two
GAP_SECONDS = 0.15  # between any two sounds where none may overlap
_TRIES = 20  # to find a place for a sound, before the scene goes without it
_BACKGROUND_DB = (-45.0, -32.0)
_PEAK = 0.95


@dataclass(frozen=True)
class Scene:
    """A recording of samples [N] in -1..1 at 16 kHz and what happens in it, in order of time."""

    samples: Samples
    events: tuple[Event, ...]


def make(recipe: Clips | Scenes, item: Item) -> Scene:
    """Make the recording of a recipe's item."""
    rng = np.random.default_rng(item.key)
    background = _background(round(recipe.seconds * RATE), rng)
    labels = [item.label] if isinstance(recipe, Clips) else _labels(recipe, rng)
    overlap = isinstance(recipe, Scenes) and recipe.overlap
    return _mixed(background, _placed(labels, len(background), overlap, rng), recipe, rng)


def _labels(recipe: Scenes, rng: Generator) -> list[str]:
    count = int(rng.integers(0, recipe.most_sounds + 1))
    return [str(label) for label in rng.choice(list(SOUNDS), count)]


def _placed(labels: list[str], n: int, overlap: bool, rng: Generator) -> list[tuple[int, Sound]]:
    """Draw each sound and the sample at which it starts."""
    placed: list[tuple[int, Sound]] = []
    for label in labels:
        new = sound(label, rng)
        for start in rng.integers(0, n - len(new.samples) + 1, _TRIES).tolist():
            if all(_apart(start, new, *other, overlap) for other in placed):
                placed.append((start, new))
                break
    return sorted(placed, key=lambda one: one[0])


def _apart(start: int, new: Sound, other_start: int, other: Sound, overlap: bool) -> bool:
    """Say whether two sounds may stand where they do."""
    if overlap and new.label != other.label:
        return True
    gap = RATE * (SAME_CLASS_GAP_SECONDS if new.label == other.label else GAP_SECONDS)
    return start >= other_start + len(other.samples) + gap or other_start >= start + len(new.samples) + gap


def _mixed(background: Samples, placed: list[tuple[int, Sound]], recipe: Clips | Scenes, rng: Generator) -> Scene:
    """Add the sounds, each at a drawn ratio of its own power to that of the background beneath it."""
    heard, events = background.copy(), []
    for start, one in placed:
        end = start + len(one.samples)
        beneath = np.sqrt((background[start:end] ** 2).mean())
        heard[start:end] += one.samples * beneath * 10 ** (_snr_db(recipe, rng) / 20)
        events.append(Event(one.label, start / RATE, end / RATE, round(one.low_hz, 1), round(one.high_hz, 1)))
    return Scene(heard * min(1.0, _PEAK / np.abs(heard).max()), tuple(events))


def _snr_db(recipe: Clips | Scenes, rng: Generator) -> float:
    return float(rng.uniform(recipe.lowest_snr_db, recipe.highest_snr_db))


def _background(n: int, rng: Generator) -> Samples:
    """Noise of drawn colour and slowly changing level; in every second recording with a hum of the mains."""
    noise = coloured_noise(n, rng.uniform(0, 1.5), rng)
    level_db = np.interp(np.arange(n), np.linspace(0, n, 5), rng.uniform(-2, 2, 5))
    hum = rng.choice([50.0, 60.0]) * 2 * np.pi * np.arange(n) / RATE
    noise += rng.choice([0.0, rng.uniform(0.1, 0.5)]) * (np.sin(hum) + 0.5 * np.sin(3 * hum))
    return noise * 10 ** ((rng.uniform(*_BACKGROUND_DB) + level_db) / 20)
