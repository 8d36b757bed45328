from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speechcnn.audio import AudioError
from speechcnn.classifier import AudioClassifier
from speechcnn.corpora import CorpusError
from tests.classifier.conftest import RATE, small, tones


def test_every_bad_clip_is_named_at_once(tmp_path: Path) -> None:
    X, y = tones(6)
    (tmp_path / "text.wav").write_text("no sound at all, only words")
    X[1] = (np.array([0.0, np.nan]), RATE)
    X[2] = (np.zeros(0), RATE)
    X[3] = tmp_path / "text.wav"
    X[4] = tmp_path / "missing.wav"
    X[5] = np.zeros(100)
    with pytest.raises(AudioError) as caught:
        small().fit(X, y)
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 of 6 clips cannot be used:"
    for line, words in zip(lines[1:], ("clip 1: ", "clip 2: ", "text.wav: ", "missing.wav: ", "clip 5: "), strict=True):
        assert words in line
    assert "NaN" in lines[1]
    assert "must come with its rate" in lines[5]


@pytest.mark.parametrize(("labels", "sentence"), [
    (["a"] * 6, r"at least 2 classes, got 1 class \(a\)"),
    (["a"] * 5 + ["b"], "each class needs at least 2 clips; fewer have b"),
    (["a", "b"] * 2, "X and y must have the same length: 6 clips came with 4 entries of y"),
    (None, "requires y to be passed"),
    ([0.5, 1.5, 2.5] * 2, "Unknown label type"),
])  # fmt: skip
def test_labels_that_cannot_be_learnt(labels: list | None, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        small().fit(tones(6)[0], labels)


def test_a_folder_for_every_file(tmp_path: Path) -> None:
    y = [f"clip {number}" for number in range(10_000)]
    with pytest.raises(CorpusError, match=r"10000 of 10000 classes have fewer than 2 clips\. Is there a folder"):
        small().fit(["x.wav"] * 10_000, y)


def test_an_unknown_class_at_score(fitted: AudioClassifier) -> None:
    with pytest.raises(ValueError, match="does not know siren; its 3 classes are high, low, mid"):
        fitted.score(tones(3)[0], ["low", "siren", "mid"])


def test_mixed_rates_are_brought_to_one(fitted: AudioClassifier) -> None:
    X, _ = tones(2)
    twice = (np.repeat(X[0][0], 2), 2 * RATE)
    assert fitted.predict([X[0], twice]).tolist() == ["low", "low"]


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"task": "both"}, "task must be 'single' or 'multi'"),
    ({"model": "resnet1000"}, "model.name must be one of"),
    ({"short": "loop"}, "short must be one of repeat, pad; got 'loop'"),
    ({"window_seconds": -1}, "window_seconds must be above 0"),
    ({"validation": 1.0}, "validation must be a share"),
    ({"batch_size": 0}, "batch_size must be at least 1"),
    ({"epochs": 0}, "epochs must be at least 1"),
    ({"mixup": "yes"}, "mixup must be a mapping of settings, None or 'none'"),
    ({"class_weight": {"siren": 2}}, "does not know siren"),
    ({"class_weight": "even"}, "class_weight must be None, 'balanced'"),
    ({"n_jobs": 0}, "n_jobs must not be 0"),
    ({"optimizer": {"name": "adamw"}}, "optimizer"),
])  # fmt: skip
def test_settings_are_checked(settings: dict, sentence: str) -> None:
    X, y = tones(6)
    with pytest.raises(ValueError, match=sentence):
        small(**settings).fit(X, y)


@pytest.mark.parametrize("weights", [[1.0] * 5, [-1.0] * 6, [0.0] * 6, [np.nan] * 6])
def test_weights_are_checked(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(*tones(6), sample_weight=weights)


@pytest.mark.parametrize("X", [[], 3, {"a": 1}, np.zeros((2, 3, 4))])
def test_what_is_no_list_of_clips(fitted: AudioClassifier, X: object) -> None:
    with pytest.raises(ValueError, match=r"X must|an array of clips must"):
        fitted.predict(X)
