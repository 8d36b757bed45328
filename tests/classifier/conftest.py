"""Clips of three tones, and a small classifier of them."""

from __future__ import annotations

import numpy as np
import pytest

from speechcnn.classifier import AudioClassifier

RATE = 8000
NAMES = ("low", "mid", "high")
SMALL = {"name": "cnn8", "widths": [8, 16], "hidden": 16}
FRONT = {"name": "log_mel", "n_bands": 24, "deltas": 0, "energy": False, "rate": RATE}


def tone(kind: int, rng: np.random.Generator, seconds: float = 0.4, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    hertz = (300, 900, 2500)[kind] * rng.uniform(0.9, 1.1)
    sound = 0.3 * np.sin(2 * np.pi * hertz * time + rng.uniform(0, 6)) + 0.01 * rng.normal(size=len(time))
    return sound.astype(np.float32)


def tones(n: int, seed: int = 0, **options: float) -> tuple[list[tuple[np.ndarray, int]], list[str]]:
    rng = np.random.default_rng(seed)
    return [(tone(i % 3, rng, **options), RATE) for i in range(n)], [NAMES[i % 3] for i in range(n)]


def small(**settings: object) -> AudioClassifier:
    given = {"model": SMALL, "features": FRONT, "epochs": 25, "batch_size": 8, "mixup": "none", "augment": []}
    return AudioClassifier(**{**given, "optimizer": {"name": "adamw", "lr": 0.02}, **settings})


@pytest.fixture(scope="session")
def fitted() -> AudioClassifier:
    return small(validation=0.2).fit(*tones(45))
