"""`speechcnn score` on labels of every set, and on those of none."""

from __future__ import annotations

import pytest

REFERENCES = {
    "FABC0_SX1": ["h#", "sh", "iy", "hv", "ae", "h#"],
    "FABC0_SX2": ["h#", "ax", "q", "ao", "l", "h#", "pau"],
    "MABC0_SI3": ["h#", "d", "ow", "n", "h#"],
}
HYPOTHESES = {
    "FABC0_SX1": ["h#", "sh", "iy", "hv", "eh", "h#"],
    "FABC0_SX2": ["h#", "ax", "ao", "l", "h#"],
    "MABC0_SI3": ["h#", "t", "ow", "m", "h#"],
}


def test_all_unknown_labels_are_listed(run):
    status, _, error = run("r.trn", "h.trn", r={"a": ["aa", "x1"], "b": ["x2"]}, h={"a": ["x3"], "b": []})
    assert status == 2
    for fault in (
        "reference of a: unknown label 'x1'",
        "reference of b: unknown label 'x2'",
        "hypothesis of a: unknown",
    ):
        assert fault in error
    assert "--map none compares them as written" in error


@pytest.mark.parametrize("size", [48, 39])
def test_folded_hypotheses_are_recognised_and_said(data, size):
    fold = {"h#": "sil", "hv": "hh", "ax": "ah" if size == 39 else "ax", "ao": "aa" if size == 39 else "ao"}
    folded = {name: [fold.get(label, label) for label in labels] for name, labels in HYPOTHESES.items()}
    folded["MABC0_SI3"][0] = "sil" if size == 39 else "vcl"
    found = data("r.trn", "h.trn", r=REFERENCES, h=folded)
    assert list(found["systems"][0]["per"]) == ["kaldi", "merged", "nosil"]
    assert f"references in 61 phones, hypotheses in {size} phones" in found["notes"]
    plain = data("r.trn", "h.trn", h=HYPOTHESES)
    assert found["systems"][0]["per"]["kaldi"] == plain["systems"][0]["per"]["kaldi"]


def test_a_phone_set_can_be_told_and_is_checked(run, data):
    assert "61" in data("r.trn", "h.trn", "--map", "61", r=REFERENCES, h=HYPOTHESES)["systems"][0]["per"]
    assert (
        "61"
        not in data("r.trn", "h.trn", "--map", "39", r=REFERENCES, h={n: ["aa"] for n in REFERENCES})["systems"][0][
            "per"
        ]
    )
    status, _, error = run("r.trn", "h.trn", "--map", "39", h=HYPOTHESES)
    assert status == 2
    assert "h.trn: --map 39 asks for the 39 phones, these are none: ao, ax, h#, hv" in error


def test_a_map_turns_own_labels_into_phones(data, tmp_path):
    (tmp_path / "own.map").write_text("S\tsh\nI\tiy\n<noise>\n")
    found = data("r.trn", "h.trn", "--map", "own.map", r={"a": ["sh", "iy"]}, h={"a": ["S", "<noise>", "I"]})
    assert found["systems"][0]["per"]["kaldi"]["hits"] == 2
    assert found["systems"][0]["per"]["kaldi"]["insertions"] == 0


def test_a_map_to_labels_that_are_no_phones_compares_them_as_written(data, tmp_path):
    (tmp_path / "own.map").write_text("sh consonant\niy vowel\n")
    found = data("r.trn", "h.trn", "--map", "own.map", r={"a": ["sh", "iy"]}, h={"a": ["iy", "iy"]})
    assert list(found["systems"][0]["per"]) == ["as written"]
    assert found["systems"][0]["phones"].keys() == {"consonant", "vowel"}
    assert any("no TIMIT phones" in note for note in found["notes"])


def test_words_are_scored_as_written(data):
    found = data("r.trn", "h.trn", "--map", "none", r={"a": ["She", "had"]}, h={"a": ["she", "had"]})
    assert found["systems"][0]["per"]["as written"]["rate"] == 1 / 2


def test_a_map_that_is_no_file_is_told(run):
    status, _, error = run("r.trn", "h.trn", "--map", "40", r=REFERENCES, h=HYPOTHESES)
    assert status == 2
    assert "--map must be auto, 61, 48, 39, none or a file, there is no file 40" in error
