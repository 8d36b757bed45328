from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.audio.source import waveform, waveform_blocks


def test_path_pair_and_array_mean_the_same(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = np.round(rng.uniform(-0.5, 0.5, 800) * 32768).astype(np.float32) / 32768
    audio.write(tmp_path / "x.wav", samples, 8000)
    for source, rate in (
        (tmp_path / "x.wav", None),
        (str(tmp_path / "x.wav"), None),
        ((samples, 8000), None),
        (samples, 8000),
    ):
        assert np.array_equal(waveform(source, rate, 8000), samples)
    assert len(waveform(samples, 8000, 16000)) == 1600


def test_channels_are_averaged() -> None:
    stereo = np.stack([np.full(10, 0.2), np.full(10, 0.4)], axis=1)
    assert waveform((stereo, 16000), None, 16000) == pytest.approx(np.full(10, 0.3))


@pytest.mark.parametrize(
    ("source", "rate", "sentence"),
    [
        (np.zeros(10), None, "must come with its rate"),
        (np.zeros((10, 9)), 16000, r"shape \[N\] or \[N, channels\].* got \[10, 9\]"),
        (np.zeros(0), 16000, r"N > 0, got \[0\]"),
        (np.array([0.0, np.nan]), 16000, "NaN or infinity"),
    ],
)
def test_what_is_no_audio(source: np.ndarray, rate: int | None, sentence: str) -> None:
    with pytest.raises(audio.AudioError, match=sentence):
        waveform(source, rate, 16000)


def test_blocks_joined_are_the_waveform(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.uniform(-0.5, 0.5, 9000).astype(np.float32)
    audio.write(tmp_path / "x.wav", samples, 8000)
    for source, rate in ((tmp_path / "x.wav", None), ((samples, 8000), None), (samples, 8000)):
        pieces = list(waveform_blocks(source, rate, 16000, 0.3))
        assert [len(piece) for piece in pieces] == [4800, 4800, 4800, 3600]
        np.testing.assert_allclose(np.concatenate(pieces), waveform(source, rate, 16000), rtol=0, atol=1e-6)
