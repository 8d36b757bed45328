from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from speechcnn.corpora import CorpusError, checksums
from speechcnn.corpora.check import check


def test_what_changed_or_is_missing_is_found_and_what_is_not_listed_is_not_judged(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(name.encode())
    checksums.write(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"A.wav")
    (tmp_path / "b.wav").unlink()
    (tmp_path / "d.wav").write_bytes(b"new")
    assert [(fault.path.name, fault.what[:20]) for fault in checksums.faults(tmp_path)] == [
        ("b.wav", "the file is missing,"),
        ("a.wav", "the file is not the "),
    ]
    sums = checksums.read(tmp_path)
    assert [sums.hold_for(tmp_path / f"{name}.wav") for name in "acd"] == [False, True, True]


def test_the_lines_of_find_and_sha256sum_are_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my file.wav").write_bytes(b"sound")
    digest = hashlib.sha256(b"sound").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  ./sub/my file.wav\n{digest} *x.wav\n")
    assert dict(checksums.read(tmp_path).sums) == {
        tmp_path / "sub" / "my file.wav": digest,
        tmp_path / "x.wav": digest,
    }


def test_a_list_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("0123  a.wav\n")
    with pytest.raises(CorpusError, match="SHA256SUMS, line 1: a line must hold a SHA-256 sum and a path"):
        checksums.read(tmp_path)


def test_the_corpus_doctor_compares_them(small_tree: Path) -> None:
    assert check(small_tree).faults == ()
    checksums.write(small_tree)
    path = small_tree / "train/dr1/fabc0/sx1.txt"
    path.write_text("0 8000 other words\n")
    assert [(fault.path, fault.what) for fault in check(small_tree).faults] == [(path, checksums.CHANGED)]
