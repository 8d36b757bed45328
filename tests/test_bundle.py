from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from speechcnn import bundle
from speechcnn.bundle import Bundle, BundleError

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


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """Where a flip leaves a readable file (zip comments, dates), the content must be the written one."""
    path = written(tmp_path)
    original = path.read_bytes()
    for place in range(0, len(original), 7):
        path.write_bytes(original[:place] + bytes([original[place] ^ 16]) + original[place + 1 :])
        with contextlib.suppress(BundleError):
            found = bundle.read(path)
            assert found.card == {"format": 1, **CONTENT.card}
            assert found.tensors["model.w"].tolist() == [0, 1, 2, 3]


def zipped(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


class Marker:
    def __reduce__(self) -> tuple:
        return (open, ("marker", "w"))


def members(tmp_path: Path, **replaced: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(written(tmp_path)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()} | replaced
    sums = {name: bundle.digest(content[name]) for name in (bundle.CARD, bundle.WEIGHTS)}
    return list((content | {bundle.MANIFEST: json.dumps(sums).encode()}).items())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda p: b"", "not a zip"),
        (lambda p: b"RIFF....WAVE", "not a zip"),
        (lambda p: zipped(members(p)[:2]), "must hold"),
        (lambda p: zipped([*members(p), ("../evil", b"x")]), "nothing else"),
        (lambda p: zipped([*members(p), (bundle.CARD, b"{}")]), "nothing else"),
        (lambda p: zipped(members(p), zipfile.ZIP_DEFLATED), "compressed"),
        (lambda p: zipped(members(p, **{bundle.CARD: b'{"format": 2}'})), "format is not 1"),
        (lambda p: zipped(members(p, **{bundle.CARD: b"[" * 100_000})), "not a whole"),
        (lambda p: zipped(members(p, **{bundle.WEIGHTS: pickle.dumps(Marker())})), "not a whole"),
        (lambda p: zipped([(n, c + b" ") if n == bundle.CARD else (n, c) for n, c in members(p)]), "manifest"),
    ],
)
def test_what_is_not_a_whole_model_file_is_refused(tmp_path, monkeypatch, make, cause: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.speechcnn"
    path.write_bytes(make(tmp_path))
    with pytest.raises(BundleError, match=cause):
        bundle.read(path)
    assert not (tmp_path / "marker").exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such model file"):
        bundle.read(tmp_path / "none.speechcnn")
