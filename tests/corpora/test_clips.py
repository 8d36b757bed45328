from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speechcnn.corpora import CorpusError
from speechcnn.corpora.clips import Clip, ClipSet, assign_folds, check_classes, sources_of


def test_folds_keep_sources_whole_and_classes_even(rng: np.random.Generator) -> None:
    sources = [f"s{number}" for number in rng.integers(60, size=300)]
    labels = [["ab"[int(source[1:]) % 2]] for source in sources]
    folds = np.array(assign_folds(labels, sources, 5, seed=1))
    assert all(len(set(folds[np.array(sources) == source])) == 1 for source in set(sources))
    for label in "ab":
        counts = np.bincount(folds[[one == [label] for one in labels]], minlength=5)
        assert counts.max() - counts.min() <= 4
    assert assign_folds(labels, sources, 5, seed=1) == folds.tolist()
    assert assign_folds(labels, sources, 5, seed=2) != folds.tolist()


def test_names_tell_sources_unless_they_only_count() -> None:
    assert sources_of(["bark-1", "bark-2", "howl-1"]) == ["bark", "bark", "howl"]
    assert sources_of(["a_nohash_0", "a_nohash_1", "b_nohash_0"]) == ["a", "a", "b"]
    assert sources_of(["dog_01", "dog_02"]) == ["dog_01", "dog_02"]


def test_a_set_keeps_its_own_folds() -> None:
    clips = tuple(Clip(Path(f"{n}.wav"), ("ab"[n % 2],), str(n), str(n % 3)) for n in range(6))
    assert ClipSet(clips, "x").with_folds(2).folds == ("0", "1", "2")
    drawn = ClipSet(tuple(Clip(c.path, c.labels, c.source) for c in clips), "x").with_folds(2)
    assert drawn.folds == ("1", "2")
    assert "no folds" in drawn.notes[0]


@pytest.mark.parametrize(("labels", "sentence"), [
    ([], "needs clips"),
    ([["dog"], ["dog"]], r"at least 2 classes, got 1 class \(dog\)"),
    ([["dog"], ["dog"], ["cat"]], "each class needs at least 2 clips; fewer have cat"),
    ([[f"clip{n}"] for n in range(10_000)], "10000 of 10000 classes have fewer than 2 clips. Is there a folder"),
])  # fmt: skip
def test_classes_that_cannot_be_learnt(labels: list, sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        check_classes(labels)


def test_more_folds_than_sources() -> None:
    with pytest.raises(CorpusError, match="from 2 to the number of sources, 1; got 2"):
        assign_folds([["a"], ["b"]], ["s", "s"], 2)
