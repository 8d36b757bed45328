from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from speechcnn.corpora import CorpusError
from speechcnn.corpora.timit_tree import read_phones, sentence_text


def faults_of(path: Path, content: bytes) -> list[tuple[int, str]]:
    path.write_bytes(content)
    return read_phones(path)[1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"0 16\xb2 h#\n", "must hold begin, end and label, got '0 16²"),
        (b"0 " + b"9" * 5000 + b" h#\n", "must hold begin, end and label"),
        (b"0 100 " + b"x" * 1_000_000, "unknown label 'xxx"),
        (b"1" * 4_000_000, "must hold begin"),
        (bytes(range(256)) * 1000, "must hold begin"),
        (b"0 1 h#\n" * 2**20, r"may have 4194304 bytes, it has 7340032"),
    ],
)
def test_what_is_no_label_file_is_a_fault_and_costs_little(tmp_path: Path, content: bytes, sentence: str) -> None:
    start = time.perf_counter()
    faults = faults_of(tmp_path / "a.phn", content)
    assert time.perf_counter() - start < 2
    assert any(sentence in what for _, what in faults)
    assert sum(len(what) for _, what in faults) < 20_000


def test_a_file_of_faults_only_is_not_read_to_its_end(tmp_path: Path) -> None:
    faults = faults_of(tmp_path / "a.phn", b"0 1 nonsense\n" * 100_000)
    assert len(faults) == 21
    assert faults[-1] == (21, "more than 20 faults; the rest was not read")


def test_a_pipe_is_a_fault(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.phn")
    assert "this is a pipe" in read_phones(tmp_path / "a.phn")[1][0][1]
    with pytest.raises(CorpusError, match="this is a pipe"):
        sentence_text(tmp_path / "a.phn")
