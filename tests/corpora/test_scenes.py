"""Made sounds and scenes: the promised band, class, time and level; the same bytes; resuming and refusals."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.corpora.scenes import SOUNDS, Clips, SceneError, Scenes, make_clips, make_scenes, scene, tree
from speechcnn.corpora.scenes.sounds import RATE, sound
from speechcnn.transcripts import read_audacity, read_dcase

FEW = Scenes(train=4, dev=2, test=2, seconds=6.0, seed=5)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("scenes") / "few"
    make_scenes(root, FEW, workers=2)
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("label", SOUNDS)
def test_a_sound_lies_in_its_band_and_differs_from_the_next(label):
    drawn = [sound(label, np.random.default_rng(seed)) for seed in range(10)]
    for one in drawn:
        power = np.abs(np.fft.rfft(one.samples)) ** 2
        hertz = np.fft.rfftfreq(len(one.samples), 1 / RATE)
        inside = power[(hertz >= one.low_hz) & (hertz <= one.high_hz)].sum() / power.sum()
        assert 0.975 < inside < 0.999
        assert np.isfinite(one.samples).all()
        assert (one.samples**2).mean() == pytest.approx(1)
    assert len({len(one.samples) for one in drawn}) == 10
    assert len({round(one.low_hz) for one in drawn} | {round(one.high_hz) for one in drawn}) > 5


@pytest.mark.parametrize("label", ["chirp_up", "chirp_down"])
def test_a_chirp_goes_the_way_of_its_name(label):
    for seed in range(10):
        samples = sound(label, np.random.default_rng(seed)).samples
        crossings = [np.sum(np.diff(np.sign(part)) != 0) for part in np.array_split(samples, 4)]
        assert (crossings[-1] > 1.3 * crossings[0]) == (label == "chirp_up")


def test_a_sound_stands_where_and_as_loud_as_its_event_says():
    recipe = Scenes(lowest_snr_db=20, highest_snr_db=20, overlap=False)
    for item in list(recipe.items())[:12]:
        made = scene.make(recipe, item)
        for one in made.events:
            first, end = round(one.onset * RATE), round(one.offset * RATE)
            # 20 dB above the background with up to 4 dB of slow change in it.
            around = made.samples[max(first - 2000, 0) : first]
            if len(around) == 2000:
                ratio = 10 * np.log10((made.samples[first:end] ** 2).mean() / (around**2).mean())
                assert 14 < ratio < 26
        assert np.abs(made.samples).max() < 0.951


def test_sounds_of_one_class_never_meet_and_without_overlap_none_do():
    for overlap in (True, False):
        recipe = Scenes(most_sounds=12, overlap=overlap)
        met = 0
        for item in list(recipe.items())[:20]:
            own = scene.make(recipe, item).events
            pairs = [(a, b) for n, a in enumerate(own) for b in own[n + 1 :]]
            assert not [a for a, b in pairs if a.label == b.label and b.onset < a.offset + 0.49]
            met += sum(b.onset < a.offset for a, b in pairs)
        assert (met > 8) == overlap


def test_scenes_draw_every_class_and_some_are_empty():
    made = [scene.make(Scenes(), item).events for item in list(Scenes().items())[:80]]
    counts = Counter(one.label for own in made for one in own)
    assert counts.keys() == SOUNDS.keys()
    assert min(counts.values()) > 8
    assert any(not own for own in made)


def test_the_tables_hold_every_scene_of_a_part_as_its_label_track(scenes):
    for part, n_scenes in (("train", 4), ("dev", 2), ("test", 2)):
        table = read_dcase((scenes / f"{part}.tsv").read_text())
        assert list(table) == [f"{part}/{number:05d}.wav" for number in range(n_scenes)]
        for name, own in table.items():
            assert own == read_audacity((scenes / name).with_suffix(".txt").read_text())
            assert audio.info(scenes / name).n_samples == 6 * RATE
            assert all(one.offset <= 6 and one.band for one in own)


def test_same_bytes_with_one_worker_and_after_deleting_files(scenes, tmp_path):
    root = tmp_path / "again"
    make_scenes(root, FEW, workers=1)
    assert files(root) == files(scenes)
    (root / "dev" / "00001.wav").unlink()
    (root / "train" / "00000.txt").unlink()
    (root / "test.tsv").unlink()
    calls: list[tuple[int, int]] = []
    make_scenes(root, FEW, progress=lambda done, total: calls.append((done, total)))
    assert files(root) == files(scenes)
    assert calls == [(7, 8), (8, 8)]


def test_what_a_killed_maker_left_is_gone_on_with_and_nothing_is_seen_before_the_end(scenes, tmp_path):
    root, left = tmp_path / "new", tmp_path / ".new.unfinished"
    shutil.copytree(scenes, left)
    for name in ("SHA256SUMS", "train/00002.wav"):
        (left / name).unlink()
    (left / "dev" / ".00001.wav.77.unfinished").touch()
    seen: list[bool] = []
    make_scenes(root, FEW, progress=lambda *_: seen.append(root.exists()))
    assert seen == [False]
    assert files(root) == files(scenes)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_sums_are_those_of_the_standard_tool(scenes):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=scenes, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_clips_are_folders_of_classes_with_even_folds(tmp_path):
    recipe = Clips(per_class=4, folds=2, seconds=3.0)
    make_clips(tmp_path / "clips", recipe, workers=2)
    with (tmp_path / "clips" / "meta.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["filename", "fold", "target", "category"]
    assert Counter((row["category"], row["fold"]) for row in rows) == {(n, f): 2 for n in SOUNDS for f in "12"}
    for row in rows:
        path = tmp_path / "clips" / row["filename"]
        assert path.parent.name == row["category"] == list(SOUNDS)[int(row["target"])]
        (own,) = read_audacity(path.with_suffix(".txt").read_text())
        assert own.label == row["category"]
        assert audio.info(path).seconds == 3.0


def test_another_recipe_foreign_files_and_bad_counts_are_refused(scenes, tmp_path):
    with pytest.raises(SceneError, match="choose another folder"):
        make_scenes(scenes, replace(FEW, seed=6))
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SceneError, match=r"holds other files and no clips\.json"):
        make_clips(tmp_path)
    with pytest.raises(ValueError, match=r"seconds must be 3 or more, got 1"):
        Scenes(seconds=1)
    with pytest.raises(ValueError, match=r"lowest_snr_db must not be above"):
        Clips(lowest_snr_db=30)


def test_a_worker_that_dies_is_told_and_the_next_call_goes_on(scenes, tmp_path, monkeypatch):
    real = subprocess.Popen
    dying = [sys.executable, "-c", "import os; os.abort()"]
    with monkeypatch.context() as patch:
        patch.setattr(tree.subprocess, "Popen", lambda command, **options: real(dying, **options))
        with pytest.raises(SceneError, match="not complete: a worker died"):
            make_scenes(tmp_path / "new", FEW, workers=1)
    make_scenes(tmp_path / "new", FEW)
    assert files(tmp_path / "new") == files(scenes)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(SceneError, match="cannot write the scenes at"):
        make_scenes(tmp_path / "file" / "new", FEW, workers=1)


def test_making_sounds_loads_no_torch():
    script = "import speechcnn.corpora.scenes.worker, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
