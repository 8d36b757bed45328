from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechcnn.corpora.synthesis import phones
from speechcnn.corpora.synthesis.sentences import table

PHN = "0 3200 h#\n3200 6400 iy\n6400 8000 h#\n"
Sentence = Callable[..., Path]


@pytest.fixture
def sentence(tmp_path: Path, rng: np.random.Generator) -> Sentence:
    """Write one sentence, `sentence("train/dr1/fabc0/sx1")`: half a second of noise, three phones, a text."""

    def write(
        place: str, phn: str | None = PHN, text: str | None = None, seconds: float = 0.5, rate: int = 16000
    ) -> Path:
        stem = tmp_path / place
        stem.parent.mkdir(parents=True, exist_ok=True)
        wav = stem.with_name(stem.name + ".wav")
        soundfile.write(wav, 0.1 * rng.standard_normal(round(seconds * rate)), rate)
        if phn is not None:
            stem.with_name(stem.name + ".phn").write_bytes(phn.encode())
        stem.with_name(stem.name + ".txt").write_text(f"0 8000 {text or place}\n")
        return wav

    return write


@pytest.fixture
def small_tree(sentence: Sentence, tmp_path: Path) -> Path:
    """Two training speakers, one each for development and test, two sentences and an SA sentence each."""
    for part, speaker in (("train", "fabc0"), ("train", "mabc0"), ("dev", "fdef0"), ("test", "mghi0")):
        for name in ("sa1", "sx1", "si2"):
            sentence(f"{part}/dr1/{speaker}/{name}", text=f"{speaker} says {name}")
    return tmp_path


@pytest.fixture(scope="session")
def espeak_phones() -> set[str]:
    """Every TIMIT phone that one of espeak's phonemes stands for, in any accent."""
    rows = [row["espeak"] for row in table("espeak_to_timit.tsv")]
    return {phone for name in rows for rhotic in (False, True) for phone, _ in phones.symbols(name, rhotic)}
