"""A small recogniser of four phones, not trained, whose scores follow the sound all the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from speechcnn.decoding.hmm import PhoneHmm, estimate_bigram
from speechcnn.labels import Labels
from speechcnn.recognizer import PhoneRecognizer, Recipe

LABELS = Labels(("h#", "aa", "s", "iy"))
MODEL = {"name": "cnn_dnn", "pool": 2, "maps": 6, "span": 3, "hidden": [24], "context": 9}


@pytest.fixture
def make() -> Callable[..., PhoneRecognizer]:
    def recognizer(kind: str = "utterance", model: dict = MODEL, deltas: int = 2) -> PhoneRecognizer:
        torch.manual_seed(3)
        recipe = Recipe({"name": "log_mel", "n_bands": 8, "deltas": deltas, "rate": 8000}, {"kind": kind}, model)
        bigram = estimate_bigram([["h#", "aa", "s", "iy", "h#"], ["h#", "s", "aa", "h#"]], LABELS)
        hmm = PhoneHmm.estimate([np.repeat(np.arange(12), 4)], LABELS, bigram)
        made = PhoneRecognizer(recipe, LABELS, hmm)
        with torch.no_grad():
            for parameter in made.model.parameters():
                parameter.mul_(3)
        if kind == "corpus":
            made.normalizer.fit([made.extract(noise(9), 8000)])
        return made

    return recognizer


@pytest.fixture
def sound() -> Callable[..., np.ndarray]:
    return noise


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise of changing colour and loudness at 8 kHz."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal(round(8000 * seconds))
    colour = np.repeat(rng.uniform(-0.95, 0.95, len(white) // 800 + 1), 800)[: len(white)]
    level = np.repeat(rng.uniform(0.005, 0.1, len(white) // 800 + 1), 800)[: len(white)]
    return (level * (white + colour * np.roll(white, 1))).astype(np.float32)
