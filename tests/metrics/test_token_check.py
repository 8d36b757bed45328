from __future__ import annotations

import pytest

from speechcnn.metrics import check_tokens

CORE = {"kaldi": 7215, "merged": 7193, "nosil": 5754, "61": 7333}
DEV = {"kaldi": 15057, "merged": 15002, "nosil": 12049}


@pytest.mark.parametrize(("part", "tokens", "utterances"), [("core", CORE, 192), ("dev", DEV, 400)])
def test_totals_of_the_licensed_corpus_agree(part, tokens, utterances):
    found = check_tokens(part, tokens, utterances)
    assert found.agrees
    assert found.sentence.endswith("as in the licensed corpus")
    assert f"{tokens['kaldi']} (kaldi), {tokens['merged']} (merged), {tokens['nosil']} (nosil)" in found.sentence


def test_every_known_total_must_agree():
    assert not check_tokens("core", {**CORE, "merged": 7192}, 192).agrees


@pytest.mark.parametrize(
    ("part", "kaldi", "utterances", "shared", "cause"),
    [
        ("core", 9000, 240, 48, "48 SA sentences are among the references"),
        ("core", 7000, 186, 0, "the references hold 186 utterances, the standard set 192"),
        ("core", 7193, 192, 0, "adjacent silences were merged"),
        ("core", 6831, 192, 0, "silences at the beginning and end were taken"),
        ("core", 5754, 192, 0, "silences were taken from"),
        ("core", 7333, 192, 0, "q was kept"),
        ("core", 7193 + 1, 192, 0, "not those of the licensed corpus"),
        ("dev", 7215, 400, 0, "not those of the licensed corpus"),
        ("dev", 15002, 400, 0, "adjacent silences were merged"),
    ],
)
def test_a_difference_names_its_likely_cause(part, kaldi, utterances, shared, cause):
    found = check_tokens(part, {"kaldi": kaldi}, utterances, shared)
    assert not found.agrees
    assert cause in found.sentence
    assert (
        f"{kaldi} (kaldi); the licensed corpus has {CORE['kaldi'] if part == 'core' else DEV['kaldi']}"
        in found.sentence
    )
