from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.corpora import leaks
from speechcnn.corpora.clips import Clip, ClipSet

RATE = 8000


def noise(rng: np.random.Generator, level: float = 0.1) -> np.ndarray:
    return np.clip(level * rng.normal(size=RATE // 2), -1, 1)


def written(folder: Path, sounds: list[np.ndarray], labels: list[str], folds: list[str], sources=None) -> ClipSet:
    clips = []
    for number, (samples, label, fold) in enumerate(zip(sounds, labels, folds, strict=True)):
        path = folder / f"{number}.wav"
        audio.write(path, samples, RATE)
        clips.append(Clip(path, (label,), sources[number] if sources else str(number), fold))
    return ClipSet(tuple(clips), "test")


def test_parted_sources_and_duplicates_are_found(tmp_path: Path, rng: np.random.Generator) -> None:
    one, two, three = (noise(rng) for _ in range(3))
    near = 0.5 * one + 1e-4 * rng.normal(size=len(one))
    corpus = written(tmp_path, [one, one, near, two, three], list("aabab"), list("12212"), ["s", "s", "t", "u", "u"])
    report = leaks.audit(corpus)
    assert report.parted == (("s", ("1", "2")), ("u", ("1", "2")))
    found = {(pair.first.stem, pair.second.stem): pair for pair in report.pairs}
    assert found.keys() == {("0", "1"), ("0", "2"), ("1", "2")}
    assert found["0", "1"].likeness == 1
    assert found["0", "1"].across
    assert 0.998 < found["0", "2"].likeness < 1
    assert found["0", "2"].labels_differ
    assert "clips that are the same: 1 pairs; nearly the same: 2 pairs" in str(report)


@pytest.mark.parametrize(("level", "suspicious"), [(0.01, True), (0.1, False)])
def test_a_class_given_away_by_its_level(
    tmp_path: Path, rng: np.random.Generator, level: float, suspicious: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "TREES", 30)
    labels = ["loud", "soft", "other"] * 12
    sounds = [noise(rng, level if label == "soft" else 0.1) + (0.05 if label == "other" and suspicious else 0)
              for label in labels]  # fmt: skip
    report = leaks.audit(written(tmp_path, sounds, labels, [str(n % 4) for n in range(36)]))
    assert report.shortcut is not None
    assert report.shortcut.chance == pytest.approx(1 / 3)
    assert report.shortcut.suspicious == suspicious
    if suspicious:
        assert {name for name, _ in report.shortcut.traits[:5]} & {"level_db", "peak_db", "offset"}


def test_traits_of_a_known_clip() -> None:
    time = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    samples = np.concatenate([np.zeros(800, np.float32), tone, np.zeros(400, np.float32)])
    found = dict(zip(leaks.TRAITS, leaks.traits_of(samples, RATE), strict=True))
    assert found["leading_silence"] == pytest.approx(0.1, abs=0.001)
    assert found["trailing_silence"] == pytest.approx(0.05, abs=0.001)
    assert found["peak_db"] == pytest.approx(-6.02, abs=0.01)
    assert found["seconds"] == pytest.approx(1.15)
    assert found["zeros"] == pytest.approx(1200 / 9200, abs=0.12)
    assert found["low_hz"] < 1000 < found["high_hz"] < 2500


def test_a_bad_file_is_reported(tmp_path: Path, rng: np.random.Generator) -> None:
    corpus = written(tmp_path, [noise(rng), noise(rng)], ["a", "b"], ["", ""])
    corpus.clips[1].path.write_bytes(b"no sound")
    report = leaks.audit(corpus)
    assert report.n_clips == 1
    assert report.shortcut is None
    assert [fault.path for fault in report.faults] == [corpus.clips[1].path]


def test_silent_clips_are_no_pairs_unless_they_are_the_same(tmp_path: Path) -> None:
    corpus = written(tmp_path, [np.zeros(RATE), np.zeros(RATE // 2)], ["a", "b"], ["1", "2"])
    assert (
        leaks.alike(corpus.clips, np.stack([leaks.fingerprint(np.zeros(n, np.float32)) for n in (RATE, 9)]), "ab") == []
    )
