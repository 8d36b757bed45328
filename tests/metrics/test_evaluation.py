from __future__ import annotations

import pytest

from speechcnn.metrics import AS_WRITTEN, CONVENTIONS, confusions, evaluate, score


def _phones(text):
    return text.split()


REFERENCES = {"fadg0_si1279": _phones("h# sh ix q kcl k h#"), "mdac0_sx451": _phones("h# ao l h# pau")}
HYPOTHESES = {"mdac0_sx451": _phones("h# aa l h#"), "fadg0_si1279": _phones("h# sh ih kcl g h#")}
SPEAKERS = {name: name[:5] for name in REFERENCES}


def test_it_holds_what_the_single_functions_give():
    found = evaluate(REFERENCES, HYPOTHESES, speakers=SPEAKERS, groups={"sex": {n: n[0] for n in REFERENCES}}, seed=3)
    assert found.scores == {name: score(REFERENCES, HYPOTHESES, name, SPEAKERS, seed=3) for name in CONVENTIONS}
    assert found.headline is found.scores["kaldi"]
    assert {group: one.rate for group, one in found.groups["sex"].items()} == {"f": 1 / 6, "m": 1 / 5}
    assert (found.confusions.matrix == confusions(REFERENCES, HYPOTHESES, "kaldi").matrix).all()


def test_the_first_convention_is_the_headline():
    found = evaluate(REFERENCES, HYPOTHESES, [AS_WRITTEN])
    assert found.headline.convention == "as written"
    assert "ax" not in found.confusions.labels
    assert "q" in found.confusions.labels


def test_no_convention_is_refused():
    with pytest.raises(ValueError, match="at least one convention"):
        evaluate(REFERENCES, HYPOTHESES, [])
