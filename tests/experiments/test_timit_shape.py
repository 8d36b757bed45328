"""The table on a tree with TIMIT's 630 speakers under their real names, ten sentences each; only the sound is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.corpora.timit import read
from speechcnn.corpora.timit_split import speaker_lists

ROOT = Path(__file__).parents[2]
SENTENCES = ("SA1", "SA2", "SI1", "SI2", "SI3", "SX1", "SX2", "SX3", "SX4", "SX5")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TRAIN/DR1/FABC0/SX1.{WAV,PHN,TXT}: a fifth of a second of noise, the same in every file."""
    root = tmp_path_factory.mktemp("timit")
    sound = root / "one.wav"
    audio.write(sound, (0.1 * np.random.default_rng(0).standard_normal(3200)).astype(np.float32), 16000)
    content = {".WAV": sound.read_bytes(), ".PHN": b"0 800 h#\n800 1600 iy\n1600 2400 q\n2400 3200 h#\n",
               ".TXT": b"0 3200 she\n"}  # fmt: skip
    sound.unlink()
    for part, speakers in speaker_lists().items():
        for number, speaker in enumerate(sorted(speakers)):
            folder = root / ("TRAIN" if part == "train" else "TEST") / f"DR{number % 8 + 1}" / speaker
            folder.mkdir(parents=True)
            for sentence in SENTENCES:
                for ending, data in content.items():
                    (folder / f"{sentence}{ending}").write_bytes(data)
    return root


@pytest.mark.slow
def test_the_split_is_the_standard_one(tree: Path) -> None:
    corpus = read(tree)
    sets = {"train": corpus.train, "dev": corpus.dev, "test": corpus.test}
    assert {name: len(own) for name, own in sets.items()} == {"train": 3696, "dev": 400, "test": 192}
    found = {name: {one.speaker for one in own} for name, own in sets.items()}
    lists = speaker_lists()
    assert found == {"train": lists["train"], "dev": lists["dev"], "test": lists["core"]}
    assert [len(found[name]) for name in ("train", "dev", "test")] == [462, 50, 24]
    assert not [one for own in sets.values() for one in own if "_SA" in one.id]


@pytest.mark.slow
def test_the_same_command_makes_the_table_and_explains_the_totals(tree: Path, tmp_path: Path) -> None:
    given = ("quick=true", f"corpus.root={tree}", "rows=[dnn]", "model.hidden=[4]", "training.epochs=1", "folder=table",
             "decoding.lm_scales=[1.0]", "decoding.insertion_penalties=[0.0]")  # fmt: skip
    command = [sys.executable, str(ROOT / "recipes" / "pooling_table.py"), *given]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "of 192 test utterances" in done.stdout
    # Three tokens of 39 in each: h#, iy, h#; q is dropped.
    assert "reference tokens of the TIMIT core test set: 576 (kaldi)" in done.stdout
    assert "the licensed corpus has 7215 (kaldi)" in done.stdout
    assert "likely cause: the labels are not those of the licensed corpus" in done.stdout
