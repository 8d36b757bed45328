from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn import bundle, load
from speechcnn.bundle import Bundle, BundleError

DATA = Path(__file__).parents[1] / "data"
CONTENT = Bundle({"task": "phones", "labels": ["æ"]}, {"model.w": torch.arange(4.0), "hmm.prior": torch.ones(2)})


def written(tmp_path: Path) -> Path:
    bundle.write(tmp_path / "m.speechcnn", CONTENT)
    return tmp_path / "m.speechcnn"


def test_round_trip(tmp_path: Path) -> None:
    found = bundle.read(written(tmp_path))
    assert found.card == {"format": 1, **CONTENT.card}
    assert found.group("model")["w"].tolist() == [0, 1, 2, 3]
    assert list(found.group("hmm")) == ["prior"]
    assert [p.name for p in tmp_path.iterdir()] == ["m.speechcnn"]


def test_same_model_same_bytes(tmp_path: Path) -> None:
    first = written(tmp_path).read_bytes()
    assert written(tmp_path).read_bytes() == first


def test_the_layout_is_that_of_a_zip_of_the_standard_library(tmp_path: Path) -> None:
    path = written(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(tmp_path / "again.zip", "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    original = path.read_bytes()
    for place in range(len(original)):
        path.write_bytes(original[:place] + bytes([original[place] ^ 1 << place % 8]) + original[place + 1 :])
        with pytest.raises(BundleError):
            bundle.read(path)


@pytest.mark.parametrize("kept", [0, 3, 40, 500, -23, -22, -1])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BundleError, match="not a whole speechcnn model file"):
        bundle.read(path)


def test_a_size_that_lies_costs_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[18:26] = struct.pack("<2L", 4_000_000, 4_000_000)
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.json is cut off or too large"):
        bundle.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such model file"):
        bundle.read(tmp_path / "none.speechcnn")


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    before = written(tmp_path).read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(bundle.os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        bundle.write(tmp_path / "m.speechcnn", Bundle({"task": "other"}, CONTENT.tensors))
    assert [p.name for p in tmp_path.iterdir()] == ["m.speechcnn"]
    assert (tmp_path / "m.speechcnn").read_bytes() == before


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not finite in model\.w"):
        bundle.write(tmp_path / "m.speechcnn", Bundle({}, {"model.w": torch.tensor([1.0, float("nan")])}))
    assert not list(tmp_path.iterdir())


def test_figures_without_a_value_become_null(tmp_path: Path) -> None:
    card = {"measured": {"per": float("nan"), "others": [float("inf"), 1.5]}}
    bundle.write(tmp_path / "m.speechcnn", Bundle(card, CONTENT.tensors))
    assert bundle.read(tmp_path / "m.speechcnn").card["measured"] == {"per": None, "others": [None, 1.5]}


def test_a_newer_format_asks_for_a_newer_program(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bundle, "FORMAT", 2)
    path = written(tmp_path)
    monkeypatch.undo()
    with pytest.raises(BundleError, match="format is 2, this version reads 1 to 1; it was written by a newer version"):
        bundle.read(path)


def test_older_formats_are_brought_to_the_present_one_step_by_step(tmp_path: Path, monkeypatch) -> None:
    path = written(tmp_path)

    def renamed(old: Bundle) -> Bundle:
        return Bundle({**old.card, "format": 2, "names": old.card["labels"]}, old.tensors)

    def shifted(old: Bundle) -> Bundle:
        return Bundle({**old.card, "format": 3}, {name: tensor + 1 for name, tensor in old.tensors.items()})

    monkeypatch.setattr(bundle, "FORMAT", 3)
    monkeypatch.setattr(bundle, "MIGRATIONS", {1: renamed, 2: shifted})
    found = bundle.read(path)
    assert found.card["names"] == ["æ"]
    assert found.group("model")["w"].tolist() == [1, 2, 3, 4]


def test_a_file_of_the_first_format_is_read_for_ever() -> None:
    recognizer = load(DATA / "format_1.speechcnn")
    assert list(recognizer.labels) == ["h#", "aa", "s"]
    assert recognizer.card["measured"] == {"per": 0.25}
    samples = np.sin(2 * np.pi * 300 * np.arange(4000) / 8000).astype(np.float32)
    scores = recognizer.log_posteriors(recognizer.extract(samples, 8000))
    expected = [-1.3372, -3.0483, -2.1562]  # what the version that wrote the file computed
    np.testing.assert_allclose(scores[20, :3], expected, atol=1e-3)
    assert [segment.label for segment in recognizer.transcribe(samples, 8000)]


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path: Path) -> None:
    load(DATA / "format_1.speechcnn").save(tmp_path / "again.speechcnn")
    assert (tmp_path / "again.speechcnn").read_bytes() == (DATA / "format_1.speechcnn").read_bytes()


def test_what_does_not_make_a_model_is_refused_before_the_weights_are_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().replace(CONTENT.tensors["model.w"].numpy().tobytes(), bytes(16)))

    def refuse(outline: Bundle) -> None:
        assert outline.card["labels"] == ["æ"]
        assert {name: (t.device.type, list(t.shape)) for name, t in outline.tensors.items()} == {
            "model.w": ("meta", [4]),
            "hmm.prior": ("meta", [2]),
        }
        raise ValueError("not mine")

    with pytest.raises(BundleError, match="not mine"):
        bundle.read(path, refuse)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed after it was written"):
        bundle.read(path)


def rebuilt(tmp_path: Path, change) -> Path:
    """The kept file with another card and other tensors, and sums that fit."""
    found = bundle.read(DATA / "format_1.speechcnn")
    card, tensors = json.loads(json.dumps(found.card)), dict(found.tensors)
    change(card, tensors)
    bundle.write(tmp_path / "changed.speechcnn", Bundle(card, tensors))
    return tmp_path / "changed.speechcnn"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c, t: c["model"].update(hidden=[10**9]), "parameters; at most 268435456 are taken"),
        (lambda c, t: c["model"].update(maps=10**12), "parameters; at most"),
        (lambda c, t: c["model"].update(hidden=[5]), r"first.weight must be float32 \[5, \d+\], is float32 \[4"),
        (lambda c, t: c["model"].update(_target_="os.system"), "model._target_ is not known"),
        (lambda c, t: c["model"].update(name="os.system"), "model.name must be one of"),
        (lambda c, t: c.update(model=[1]), "model must be keys with values; got"),
        (lambda c, t: c["features"].update(n_bands=10**8), "n_bands must be from 1 to 256"),
        (lambda c, t: c["features"].update(deltas=10**9), "deltas must be"),
        (lambda c, t: c.update(labels=[]), "labels must not be empty"),
        (lambda c, t: c.update(labels=["a", 1, "b"]), "labels must be"),
        (lambda c, t: c.update(labels=["a", "a", "b"]), "stand more than once: a"),
        (lambda c, t: c.update(n_states=1), r"layers.0.weight must be float32 \[3, 4\], is float32 \[9, 4\]"),
        (lambda c, t: c["decoder"].update(lm_scale=1e9), "lm_scale must be from -1000 to 1000"),
        (lambda c, t: c["decoder"].update(scale=1), "decoder.scale is not known. Did you mean lm_scale"),
        (lambda c, t: c.pop("decoder"), "decoder"),
        (lambda c, t: c.update(task="poems"), "a model for 'poems'"),
        (lambda c, t: t.pop("model.first.bias"), r"first.bias must be float32 \[4\], is absent"),
        (lambda c, t: t.update({"model.more": torch.ones(1)}), r"more must be absent, is float32 \[1\]"),
        (lambda c, t: t.update({"code.more": torch.ones(1)}), "tensors.code is not known"),
        (lambda c, t: t.update({"hmm.log_prior": torch.ones(9)}), r"log_prior must be float64 \[9\], is float32"),
        (lambda c, t: t.pop("hmm.bigram"), "bigram"),
        (lambda c, t: t.update({"normalizer.mean": torch.ones(3)}), r"mean must be float32 \[2, 9, 1\]"),
    ],
)
def test_parts_that_do_not_fit_together_are_named(tmp_path: Path, change, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        load(rebuilt(tmp_path, change))
    assert "changed.speechcnn" in str(caught.value)
