from __future__ import annotations

import json

import jiwer
import pytest

from speechcnn.labels import timit_phones
from speechcnn.metrics import AS_WRITTEN, CONVENTIONS, ErrorCounts, ScoreError, breakdown, compare, score


def _phones(text):
    return text.split()


REFERENCES = {"fadg0_si1279": _phones("h# sh ix q kcl k h#"), "mdac0_sx451": _phones("h# ao l h# pau")}
HYPOTHESES = {"mdac0_sx451": _phones("h# aa l h#"), "fadg0_si1279": _phones("h# sh ih kcl g h#")}


def test_hand_computed_fractions():
    rates = {name: score(REFERENCES, HYPOTHESES, name).rate for name in CONVENTIONS}
    # 39 phones: k -> g and a lost silence among 6 + 5; merged: k -> g among 6 + 4; no silence: among 3 + 2;
    # 61: ix -> ih, q deleted, k -> g, ao -> aa, pau deleted among 7 + 5.
    assert rates == {"kaldi": 2 / 11, "merged": 1 / 10, "nosil": 1 / 5, "61": 5 / 12}


def test_set_is_the_sum_of_its_utterances_in_the_order_of_the_references():
    found = score(REFERENCES, HYPOTHESES)
    assert list(found.per_utterance) == list(REFERENCES)
    assert found.counts == ErrorCounts(hits=9, substitutions=1, deletions=1)
    assert found.interval.low <= found.rate <= found.interval.high


def test_whole_set_is_jiwers(rng):
    names = timit_phones(39).names
    references = {str(u): [names[i] for i in rng.integers(39, size=30)] for u in range(40)}
    hypotheses = {}
    for name, phones in references.items():
        kept = [phone for phone in phones if rng.random() > 0.1]
        hypotheses[name] = [phone if rng.random() > 0.3 else names[rng.integers(39)] for phone in kept]
    joined = [[" ".join(one) for one in side.values()] for side in (references, hypotheses)]
    peer = jiwer.process_words(*joined)
    ours = score(references, hypotheses)
    assert ours.rate == pytest.approx(peer.wer)
    assert (ours.counts.hits, ours.counts.insertions) == (peer.hits, peer.insertions)


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_every_convention_is_jiwers_rate_of_what_it_prepares(rng, name):
    phones = timit_phones(61).names
    references = {str(u): [phones[i] for i in rng.integers(61, size=rng.integers(8, 30))] for u in range(60)}
    hypotheses = {str(u): [phones[i] for i in rng.integers(61, size=rng.integers(0, 30))] for u in range(60)}
    joined = [[" ".join(CONVENTIONS[name](one)) for one in side.values()] for side in (references, hypotheses)]
    ours, peer = score(references, hypotheses, name), jiwer.process_words(*joined)
    assert ours.rate == pytest.approx(peer.wer)
    assert (ours.counts.hits, ours.counts.substitutions, ours.counts.deletions, ours.counts.insertions) == (
        peer.hits,
        peer.substitutions,
        peer.deletions,
        peer.insertions,
    )


def test_groups_sum_to_the_whole_and_have_their_own_rates():
    whole = score(REFERENCES, HYPOTHESES)
    parts = breakdown(whole, {"fadg0_si1279": "f", "mdac0_sx451": "m", "another": "x"})
    assert list(parts) == ["f", "m"]
    assert [parts["f"].rate, parts["m"].rate] == [1 / 6, 1 / 5]
    assert sum((one.counts for one in parts.values()), ErrorCounts()) == whole.counts
    assert parts["m"].interval.low == parts["m"].interval.high == 1 / 5


def test_an_utterance_without_a_group_is_told():
    with pytest.raises(ValueError, match="every utterance needs a group, 1 have none: mdac0_sx451"):
        breakdown(score(REFERENCES, HYPOTHESES), {"fadg0_si1279": "f"})


def test_figures_are_plain_and_hold_no_infinity():
    found = score({"a": []}, {"a": ["aa"]}).figures()
    assert json.loads(json.dumps(found, allow_nan=False))["rate"] is None
    assert (found["insertions"], found["reference_tokens"]) == (1, 0)
    assert score(REFERENCES, HYPOTHESES).figures()["rate"] == 2 / 11


def test_words_are_scored_as_written():
    found = score({"a": ["Hello", "world"]}, {"a": ["hello", "world"]}, AS_WRITTEN)
    assert (found.rate, found.convention) == (1 / 2, "as written")


def test_all_missing_and_extra_utterances_are_listed():
    with pytest.raises(ScoreError, match="2 have no hypothesis: a, b; 1 have no reference: z") as caught:
        score({"a": [], "b": [], "c": []}, {"c": [], "z": []})
    assert (caught.value.missing, caught.value.extra) == (("a", "b"), ("z",))


def test_a_hypothesis_too_many_is_enough():
    with pytest.raises(ScoreError, match=r"the same utterances; 1 have no reference: z$"):
        score({"a": []}, {"a": [], "z": []})


def test_a_long_list_is_cut_in_the_sentence_and_whole_on_the_error():
    with pytest.raises(ScoreError, match=r"u19 and 5 more$") as caught:
        score({f"u{n}": [] for n in range(25)}, {})
    assert len(caught.value.missing) == 25


def test_every_unknown_phone_is_listed_with_its_side_and_first_utterance():
    references = {"utt6": ["aa", "1"], "utt7": ["aa"], "utt8": ["1"]}
    with pytest.raises(ValueError, match="labels must fit convention kaldi, these do not") as caught:
        score(references, {"utt6": ["aa"], "utt7": ["xx"], "utt8": ["xx", "yy"]})
    _, *faults = str(caught.value).splitlines()
    assert [fault[: fault.rindex("'") + 1] for fault in (one.split(";")[0] for one in faults)] == [
        "reference of utt6: unknown label '1'",
        "hypothesis of utt7: unknown label 'xx'",
        "hypothesis of utt8: unknown label 'yy'",
    ]


def test_comparison_is_the_second_less_the_first():
    first, second = score(REFERENCES, HYPOTHESES), score(REFERENCES, REFERENCES)
    assert compare(first, second).difference == -2 / 11


def test_scores_of_different_conventions_are_not_compared():
    with pytest.raises(ValueError, match="share a convention, got kaldi and nosil"):
        compare(score(REFERENCES, HYPOTHESES), score(REFERENCES, HYPOTHESES, "nosil"))
