from __future__ import annotations

import pytest

from speechcnn.corpora.timit_ids import TimitId, common_ids, named_set, timit_id
from speechcnn.corpora.timit_split import core_dialects, speaker_lists


@pytest.mark.parametrize(
    "text",
    ["FADG0_SI1279", "fadg0-si1279", "fadg0/si1279", "FADG0.SI1279", "FADG0_SI1279.WAV", "a/b/FADG0/SI1279.WAV.wav",
     "x_fadg0_si1279", "C:\\timit\\fadg0\\si1279.wav"],
)  # fmt: skip
def test_ids_of_every_manner_name_one_utterance(text):
    assert timit_id(text) == TimitId("FADG0", "SI1279", "")
    assert timit_id(text).id == "FADG0_SI1279"


@pytest.mark.parametrize(
    "text", ["dr4-fadg0-sa1", "TEST/DR4/FADG0/SA1", "timit/test/dr4/fadg0/sa1.wav", "DR4_FADG0_SA1"]
)
def test_a_dialect_before_the_speaker_is_read(text):
    found = timit_id(text)
    assert (found.dialect, found.sex, found.shared) == ("DR4", "f", True)


@pytest.mark.parametrize(
    "text", ["", "call", "FADG_SI1279", "XADG0_SI1279", "FADG0_SB1", "FADG0", "FADG0SI1279", "AFADG0_SI1"]
)
def test_other_ids_are_not_timits(text):
    assert timit_id(text) is None


def test_other_ids_lose_the_ending_of_a_sound_file_and_the_folders_when_names_differ():
    assert common_ids(["a/one.wav", "b/two.flac"]) == {"a/one.wav": "one", "b/two.flac": "two"}
    assert common_ids(["a/one.wav", "b/one.wav"]) == {"a/one.wav": "a/one", "b/one.wav": "b/one"}
    assert common_ids(["v1.2", "v1.3"]) == {"v1.2": "v1.2", "v1.3": "v1.3"}


def test_ids_that_become_one_are_all_listed():
    with pytest.raises(ValueError, match=r"faks0_sx1 both name FAKS0_SX1; call\.wav and call both name call"):
        common_ids(["FAKS0_SX1", "faks0_sx1", "call.wav", "call"])


def test_speakers_are_of_the_smallest_list_that_holds_them():
    lists = speaker_lists()
    assert [named_set(lists[part]) for part in ("core", "dev", "other", "train")] == ["core", "dev", "test", "train"]
    assert named_set(["mdab0", "felc0"]) == "core"
    assert named_set(lists["core"] | lists["dev"]) == "test"
    assert named_set(lists["core"] | lists["train"]) == ""
    assert named_set([]) == ""


def test_core_test_has_two_men_and_a_woman_of_each_region():
    found = core_dialects()
    assert found.keys() == speaker_lists()["core"]
    sexes = sorted((dialect, speaker[0]) for speaker, dialect in found.items())
    assert sexes == sorted((f"DR{n}", sex) for n in range(1, 9) for sex in "FMM")
