from __future__ import annotations

import numpy as np
import pytest

from speechcnn.labels import Labels, Segment, broad_class, canonical, fold, phone_table, timit_phones

# Typed from Lee and Hon (1989), apart from the table in the package: what differs between 61, 48 and 39.
LEE_HON_39 = {
    "aa": "ao", "ah": "ax ax-h", "er": "axr", "hh": "hv", "ih": "ix", "l": "el", "m": "em", "n": "en nx",
    "ng": "eng", "sh": "zh", "uw": "ux", "sil": "bcl dcl gcl pcl tcl kcl pau epi h#",
}  # fmt: skip
LEE_HON_48 = {
    "ax": "ax-h", "er": "axr", "hh": "hv", "m": "em", "n": "nx", "ng": "eng", "uw": "ux",
    "vcl": "bcl dcl gcl", "cl": "pcl tcl kcl", "sil": "pau h#",
}  # fmt: skip


def expected(name: str, groups: dict[str, str]) -> list[str]:
    if name == "q":
        return []
    return next(([new] for new, old in groups.items() if name in old.split()), [name])


@pytest.mark.parametrize("size", [61, 48, 39])
def test_phone_sets_have_their_size_and_no_name_twice(size):
    assert len(timit_phones(size)) == len(set(timit_phones(size))) == size


@pytest.mark.parametrize(("size", "groups"), [(39, LEE_HON_39), (48, LEE_HON_48)])
def test_every_phone_folds_as_in_lee_and_hon(size, groups):
    for name in timit_phones(61):
        assert fold([name], size) == expected(name, groups), name


def test_folding_through_48_equals_folding_directly():
    every = timit_phones(61).names
    assert fold(fold(every, 48), 39) == fold(every, 39)


@pytest.mark.parametrize("size", [61, 48, 39])
def test_folding_twice_changes_nothing(size):
    once = fold(timit_phones(61), size)
    assert fold(once, size) == once
    assert set(once) == set(timit_phones(size).names)


def test_glottal_stop_stays_at_61_and_is_dropped_below():
    assert fold(["ae", "q", "t"], 61) == ["ae", "q", "t"]
    assert fold(["ae", "q", "t"], 48) == fold(["ae", "q", "t"], 39) == ["ae", "t"]


def test_canonical_spelling():
    spellings = ["axh", "AX-H", "sil", "hsh", "H#", " iy "]
    assert [canonical(name) for name in spellings] == ["ax-h", "ax-h", "h#", "h#", "h#", "iy"]


def test_fold_understands_other_spellings():
    assert fold(["AXH", "SIL", "ZH", "vcl"], 39) == ["ah", "sil", "sh", "sil"]
    assert fold(["sil"], 61) == ["h#"]


def test_unknown_phone_is_answered_with_near_names():
    with pytest.raises(ValueError, match=r"unknown label 'axx'.*ax, "):
        canonical("axx")
    with pytest.raises(ValueError, match="unknown label ''"):
        fold([""], 39)


def test_folded_closure_cannot_be_unfolded():
    with pytest.raises(ValueError, match="'cl' stands for several phones"):
        fold(["cl"], 61)


def test_other_set_sizes_are_refused():
    with pytest.raises(ValueError, match="61, 48 or 39 classes, got 40"):
        fold(["aa"], 40)


def test_table_is_complete():
    rows = phone_table()
    assert {row.broad_class for row in rows} == {
        "vowel", "semivowel", "nasal", "stop", "affricate", "fricative", "closure", "silence",
    }  # fmt: skip
    assert all(row.example for row in rows)
    assert [row.name for row in rows if not row.ipa] == ["epi", "h#", "pau"]
    assert [broad_class(name) for name in ("cl", "sil", "iy", "AXH")] == ["closure", "silence", "vowel", "vowel"]


def test_labels_translate_both_ways():
    labels = Labels(("a", "b", "c"))
    assert labels.encode(["c", "a"]) == [2, 0]
    assert labels.decode(np.array([2, 0])) == ["c", "a"]
    assert (list(labels), labels[1], labels.index("b"), "d" in labels) == (["a", "b", "c"], "b", 1, False)


def test_labels_refuse_what_they_cannot_name():
    labels = Labels(("yes", "no"))
    with pytest.raises(ValueError, match="unknown label 'yess'; the nearest known names are yes"):
        labels.encode(["yess"])
    with pytest.raises(ValueError, match="from 0 to 1, got -1"):
        labels.decode([-1])


@pytest.mark.parametrize(("names", "sentence"), [(("a", "b", "a"), "more than once: a"), (("a", ""), "empty one at 1")])
def test_labels_must_differ_and_be_named(names, sentence):
    with pytest.raises(ValueError, match=sentence):
        Labels(names)


def test_segment_duration():
    assert Segment("iy", 0.25, 0.75).duration == 0.5
