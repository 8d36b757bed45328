from __future__ import annotations

import pytest

from speechcnn.labels import timit_phones
from speechcnn.metrics import mapped, phone_set, read_phone_map


@pytest.mark.parametrize("size", [61, 48, 39])
def test_whole_sets_are_recognised(size):
    assert phone_set(timit_phones(size)) == size
    assert phone_set(name.upper() for name in timit_phones(size)) == size


def test_a_61_phone_beside_sil_is_another_spelling_of_61():
    assert phone_set(["sil", "sh", "bcl"]) == 61


def test_phones_without_a_silence_fit_61_as_well():
    assert phone_set(["sh", "iy"]) == 61
    assert phone_set([]) == 61


def test_mixed_and_foreign_labels_are_of_no_set():
    assert phone_set(["vcl", "bcl"]) is None
    assert phone_set(["sil", "hello"]) is None


def test_a_map_takes_its_last_column_and_drops_what_stands_alone():
    table = read_phone_map(";; Lee and Hon\nix ix ih\nq\n\n tcl\tcl  sil\r\n")
    assert table == {"ix": "ih", "q": "", "tcl": "sil"}
    assert mapped({"u": ["ix", "q", "tcl", "zz"]}, table) == {"u": ["ih", "sil", "zz"]}


def test_faults_of_a_map_are_told():
    with pytest.raises(ValueError, match=r"my\.map must have one line a label, .* different targets: a, b"):
        read_phone_map("a x\na y\nb\nb z\nc c\nc c\n", "my.map")
    with pytest.raises(ValueError, match="it holds no line"):
        read_phone_map("\n")
