from __future__ import annotations

import pytest

from speechcnn.labels import timit_phones
from speechcnn.metrics import AS_WRITTEN, CONVENTIONS, convention, expected_tokens


def _phones(text):
    return text.split()


SPOKEN = _phones("h# pau q sh ix hv eh dcl jh ih dcl d ah kcl k s ux q en gcl g r ao h#")
FOLDED = _phones("sil sil sh ih hh eh sil jh ih sil d ah sil k s uw n sil g r aa sil")
MERGED = _phones("sil sh ih hh eh sil jh ih sil d ah sil k s uw n sil g r aa sil")
NO_SILENCE = _phones("sh ih hh eh jh ih d ah k s uw n g r aa")


@pytest.mark.parametrize(
    ("name", "expected"), [("kaldi", FOLDED), ("merged", MERGED), ("nosil", NO_SILENCE), ("61", SPOKEN)]
)
def test_hand_folded_sentence(name, expected):
    assert CONVENTIONS[name](SPOKEN) == expected


def test_a_silence_split_by_a_dropped_stop_is_one_run():
    assert CONVENTIONS["merged"](["kcl", "q", "h#", "aa"]) == ["sil", "aa"]


def test_repeated_phones_that_are_not_silence_stay():
    assert CONVENTIONS["merged"](["aa", "ao", "aa"]) == ["aa", "aa", "aa"]


@pytest.mark.parametrize("name", ["kaldi", "merged", "nosil"])
@pytest.mark.parametrize("size", [61, 48, 39])
def test_every_phone_set_folds_into_the_39(name, size):
    assert set(CONVENTIONS[name](timit_phones(size).names)) <= set(timit_phones(39))


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_conventions_are_idempotent(name):
    once = CONVENTIONS[name](SPOKEN)
    assert CONVENTIONS[name](once) == once


def test_only_61_keeps_the_spelling_of_the_table():
    assert CONVENTIONS["61"](["AXH", "hsh"]) == ["ax-h", "h#"]
    assert AS_WRITTEN(["Hello", "hsh"]) == ["Hello", "hsh"]


def test_unknown_convention_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"kaldi, merged, nosil, 61, got 'kalid'; did you mean kaldi\?"):
        convention("kalid")


def test_known_token_totals():
    core = [expected_tokens("core", name) for name in CONVENTIONS]
    assert core == [7215, 7193, 5754, None]
    assert [expected_tokens("dev", name) for name in CONVENTIONS] == [15057, 15002, 12049, None]
    assert expected_tokens("train", "kaldi") is None
