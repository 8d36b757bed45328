from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.corpora import CorpusError, folders


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, np.full(80, 0.1), 8000)
    return path


def test_a_folder_per_class(tmp_path: Path) -> None:
    for name in ("dog/bark-1.wav", "dog/bark-2.wav", "dog/howl.wav", "cat/kitchen/a.wav", "cat/kitchen/b.wav"):
        sound(tmp_path / name)
    (tmp_path / "dog" / "notes.txt").write_text("no sound")
    (tmp_path / "dog" / "odd.mp3").write_bytes(b"no sound either")
    (tmp_path / "empty").mkdir()
    found = folders.read(tmp_path)
    assert found.classes == ("cat", "dog")
    assert [(clip.label, clip.source) for clip in found.clips] == [
        ("cat", "cat/kitchen/"), ("cat", "cat/kitchen/"), ("dog", "dog/bark"), ("dog", "dog/bark"), ("dog", "dog/howl"),
    ]  # fmt: skip
    assert found.notes == ("folders without sound files: empty",)
    assert [fault.path.name for fault in found.faults] == ["odd.mp3"]


@pytest.mark.parametrize(("table", "audio_folder"), [("meta.csv", "."), ("meta/esc50.csv", "audio")])
def test_esc_by_its_table(tmp_path: Path, table: str, audio_folder: str) -> None:
    names = ["1-100-A-0.wav", "1-100-B-0.wav", "2-200-A-10.wav"]
    for name in names:
        sound(tmp_path / audio_folder / name)
    (tmp_path / table).parent.mkdir(exist_ok=True)
    rows = [f"{name},{name[0]},{name.split('-')[3][:-4]},{'dog' if '-0.' in name else 'rain'}" for name in names]
    (tmp_path / table).write_text("\n".join(["filename,fold,target,category", *rows]) + "\n")
    found = folders.read(tmp_path)
    assert [(clip.label, clip.source, clip.fold) for clip in found.clips] == [
        ("dog", "100", "1"), ("dog", "100", "1"), ("rain", "200", "2")
    ]  # fmt: skip
    assert found.folds == ("1", "2")


def test_urbansound8k_by_its_table(tmp_path: Path) -> None:
    sound(tmp_path / "audio/fold5/100032-3-0-0.wav")
    (tmp_path / "metadata").mkdir()
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    row = "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark"
    (tmp_path / "metadata/UrbanSound8K.csv").write_text(f"{header}\n{row}\n")
    (clip,) = folders.read(tmp_path).clips
    assert (clip.label, clip.source, clip.fold) == ("dog_bark", "100032", "5")


def test_a_table_with_several_classes(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / "sounds" / name)
    table = tmp_path / "mine.tsv"
    table.write_text("path\tlabel\tspeaker\nsounds/a.wav\tdog; rain\tann\nsounds/b.wav\train\tbob\n")
    found = folders.read(table)
    assert [(clip.labels, clip.source) for clip in found.clips] == [(("dog", "rain"), "ann"), (("rain",), "bob")]
    assert found.multi


def test_every_fault_of_a_table_is_listed(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    table = tmp_path / "labels.csv"
    table.write_text("file,label\na.wav,\nmissing.wav,dog\nb.wav\n")
    with pytest.raises(CorpusError) as caught:
        folders.read(tmp_path)
    text = str(caught.value)
    assert "line 2: a clip without a class" in text
    assert "missing.wav: no such file (labels.csv, line 3)" in text
    assert "line 4: a row must hold every column" in text


@pytest.mark.parametrize(("text", "sentence"), [
    ("name,label\n", "a column must name the file"),
    ("file,kind\n", "a column must name the class"),
    ("file,label\n", "no rows below the header"),
])  # fmt: skip
def test_a_table_without_what_it_needs(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(CorpusError, match=sentence):
        folders.read(tmp_path)


def test_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder or table"):
        folders.read(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no folders with sound files"):
        folders.read(tmp_path)
