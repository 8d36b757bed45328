from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechcnn import audio
from speechcnn.audio import LIMITS, AudioError, isolation


@pytest.fixture
def recording(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "long.flac"
    soundfile.write(path, 0.1 * rng.standard_normal((200_000, 2)), 16000)
    return path


def test_an_isolated_read_returns_the_same_samples(recording: Path) -> None:
    apart, rate = audio.read(recording, isolated=True)
    np.testing.assert_array_equal(apart, audio.read(recording)[0])
    assert (rate, apart.dtype) == (16000, np.float32)
    assert len(audio.read(recording, 8000, isolated=True)[0]) == 100_000


def test_refusals_are_those_of_a_usual_read(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("These are words.")
    with pytest.raises(AudioError, match=r"text\.wav: not a sound file"):
        audio.read(tmp_path / "text.wav", isolated=True)
    with pytest.raises(FileNotFoundError, match=r"absent\.wav: no such sound file"):
        audio.read(tmp_path / "absent.wav", isolated=True)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (replace(LIMITS, process_bytes=2**25), "decoding may take 33554432 bytes, this needs more|did not survive"),
        (replace(LIMITS, process_seconds=0.01), "decoding may take 0.01 s, this took longer"),
        (replace(LIMITS, seconds=3.0), "sound may last 3 s"),
    ],
)
def test_limits_hold_in_the_process(recording: Path, limits: audio.AudioLimits, sentence: str) -> None:
    with pytest.raises(AudioError, match=sentence) as caught:
        audio.read(recording, limits=limits, isolated=True)
    assert str(recording) in str(caught.value)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"did not survive this file \(SIGSEGV\)"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("import sys; sys.stderr.write('[1]')", "did not survive"),
        ("import sys; sys.stderr.write('x' * 100_000_000)", "did not survive"),
        ('import sys; sys.stderr.write(\'{"kind": "samples", "value": {"rate": 1, "n_samples": 5}}\')', "promised"),
        (
            "import sys; sys.stdout.buffer.write(bytes([0, 0, 192, 127]));"
            'sys.stderr.write(\'{"kind": "samples", "value": {"rate": 1, "n_samples": 1}}\')',
            "promised",
        ),
    ],
)
def test_a_crash_of_the_decoder_is_a_sentence(recording: Path, monkeypatch, script: str, sentence: str) -> None:
    monkeypatch.setattr(isolation, "COMMAND", ("-c", script))
    with pytest.raises(AudioError, match=sentence) as caught:
        audio.read(recording, isolated=True)
    assert str(recording) in str(caught.value)


def test_nothing_of_the_working_folder_is_imported(recording: Path, monkeypatch) -> None:
    for name in ("numpy", "json", "speechcnn"):
        (recording.parent / f"{name}.py").write_text("open('marker', 'w')\n")
    monkeypatch.chdir(recording.parent)
    assert len(audio.read(recording, isolated=True)[0]) == 200_000
    assert not (recording.parent / "marker").exists()


def test_the_process_is_light() -> None:
    script = "import speechcnn.audio.worker, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"torch", "torchaudio", "scipy", "librosa", "hydra"} & set(done.stdout.split()) == set()
