from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from speechcnn import audio
from speechcnn.bundle import BundleError
from speechcnn.classifier import AudioClassifier, Ensemble, cards
from tests.classifier.conftest import FRONT, NAMES, RATE, small, tone, tones


def test_it_learns(fitted: AudioClassifier) -> None:
    X, y = tones(30, seed=1)
    assert fitted.score(X, y) > 0.95
    assert fitted.classes_.tolist() == sorted(NAMES)
    probabilities = fitted.predict_proba(X)
    assert probabilities.sum(1) == pytest.approx(np.ones(30))
    assert (fitted.classes_[probabilities.argmax(1)] == fitted.predict(X)).all()


def test_paths_pairs_and_arrays_mean_the_same(fitted: AudioClassifier, tmp_path: Path) -> None:
    samples = np.round(tones(1)[0][0][0] * 32768).astype(np.int16)
    audio.write(tmp_path / "a.wav", samples, RATE)
    wanted = fitted.predict_proba([tmp_path / "a.wav"])
    floats = (samples / 32768).astype(np.float32)
    for X, rate in (
        (str(tmp_path / "a.wav"), None),
        ((floats, RATE), None),
        ([(samples, RATE)], None),
        (floats, RATE),
        (np.stack([floats]), RATE),
    ):
        assert fitted.predict_proba(X, rate) == pytest.approx(wanted, abs=1e-6)


def test_any_length_and_rate(fitted: AudioClassifier) -> None:
    rng = np.random.default_rng(5)
    clips = [(tone(2, rng, seconds), RATE) for seconds in (0.01, 0.2, 3.0)] + [(tone(2, rng, 0.4, 16000), 16000)]
    assert fitted.predict(clips[1:]).tolist() == ["high"] * 3
    assert fitted.predict_proba(clips).shape == (4, 3)


def test_the_level_of_a_clip_tells_nothing_unless_that_is_wished(fitted: AudioClassifier) -> None:
    samples, rate = tones(1)[0][0]
    pair = [(samples, rate), (samples / 8, rate)]
    one, other = fitted.predict_proba(pair)
    np.testing.assert_allclose(one, other, atol=1e-4)
    level = small(range_db=0.0, epochs=2).fit(*tones(9))
    one, other = level.predict_proba(pair)
    assert np.abs(one - other).max() > 1e-3


def test_a_long_clip_has_the_mean_of_its_windows(fitted: AudioClassifier) -> None:
    clip = (tone(1, np.random.default_rng(3), 1.5), RATE)
    windows = fitted.windows_of(clip)
    assert len(windows) > 3
    mean = np.mean([[one.probabilities[name] for name in fitted.classes_] for one in windows], axis=0)
    assert fitted.predict_proba([clip])[0] == pytest.approx(mean)
    assert windows[0].start == 0
    assert windows[-1].end == pytest.approx(1.5, abs=0.03)


def test_the_same_seed_gives_the_same_classifier_and_leaves_torchs_generator_alone() -> None:
    import torch

    X, y = tones(12)
    settings = {"epochs": 1, "mixup": None, "augment": None}
    before = torch.random.get_rng_state()
    one, same, other = (small(seed=seed, **settings).fit(X, y).predict_proba(X) for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_n_jobs_changes_nothing(fitted: AudioClassifier) -> None:
    X, _ = tones(9)
    several = AudioClassifier(**{**fitted.get_params(), "n_jobs": 3})
    several.__dict__.update({key: value for key, value in vars(fitted).items() if key.endswith("_")})
    assert (several.predict_proba(X) == fitted.predict_proba(X)).all()


def test_the_model_file_is_the_classifier(fitted: AudioClassifier, tmp_path: Path) -> None:
    X, _ = tones(6, seed=2)
    fitted.save(tmp_path / "tones.speechcnn")
    loaded = AudioClassifier.load(tmp_path / "tones.speechcnn")
    assert (loaded.predict_proba(X) == fitted.predict_proba(X)).all()
    assert loaded.similar(X[:1]) == fitted.similar(X[:1])
    assert loaded.requirements() == fitted.requirements()
    assert loaded.predict(X).dtype == fitted.predict(X).dtype


def test_a_model_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    phones = Path(__file__).parents[1] / "data" / "format_1.speechcnn"
    with pytest.raises(BundleError, match="a classifier was asked for"):
        AudioClassifier.load(phones)


def test_similar_names_clips_of_the_class(fitted: AudioClassifier) -> None:
    X, y = tones(6, seed=8)
    for found, label in zip(fitted.similar(X, 4), y, strict=True):
        assert [one.label for one in found] == [label] * 4
        assert all(a.similarity >= b.similarity for a, b in pairwise(found))
    own = fitted.similar(tones(45)[0][:1], 1)[0][0]
    assert own.name == "clip 0"
    assert own.similarity == pytest.approx(1, abs=1e-5)


def test_of_very_many_clips_every_n_th_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MOST_KNOWN", 5)
    X, y = tones(12)
    known = small(epochs=1).fit(X, y).known_
    assert list(known.names) == [f"clip {number}" for number in (0, 3, 6, 9)]
    assert known.labels == y[::3]
    assert len(known.vectors) == 4


def test_events_have_the_times_of_the_sound() -> None:
    """A tone from 1 to 2 s between stretches of noise, by a classifier of short windows."""
    rng = np.random.default_rng(1)
    quiet = [((0.01 * rng.normal(size=1600)).astype(np.float32), RATE) for _ in range(15)]
    X, y = tones(30, seconds=0.2)
    heard = small(window_seconds=0.2).fit(X + quiet, y + ["nothing"] * 15)
    scene = np.concatenate([quiet[0][0]] * 5 + [tone(2, rng, 1.0)] + [quiet[1][0]] * 5)
    (events,) = heard.predict_events((scene, RATE), hop_seconds=0.05, background="nothing")
    assert [event.label for event in events] == ["high"]
    assert events[0].onset == pytest.approx(1, abs=0.15)
    assert events[0].offset == pytest.approx(2, abs=0.15)
    assert 0.5 < events[0].score <= 1


def test_several_classes_in_a_clip(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    kinds = [[0], [1], [0, 1], []] * 6
    X = [(sum((tone(k, rng) for k in one), 0.01 * rng.normal(size=3200)).astype(np.float32), RATE) for one in kinds]
    y = [[NAMES[k] for k in one] for one in kinds]
    clf = small(task="multi", epochs=100, validation=0.0).fit(X, y)
    assert clf.classes_.tolist() == ["low", "mid"]
    assert clf.predict(X).shape == (24, 2)
    assert clf.score(X, y) > 0.9
    assert clf.score(X, clf.predict(X)) == 1
    clf.save(tmp_path / "two.speechcnn")
    assert (AudioClassifier.load(tmp_path / "two.speechcnn").predict(X) == clf.predict(X)).all()


def test_scikit_learns_tools_take_it() -> None:
    X, y = tones(24)
    one = small(epochs=6)
    groups = [number // 3 for number in range(24)]
    assert cross_val_score(one, X, y, groups=groups, cv=GroupKFold(2)).shape == (2,)
    search = GridSearchCV(one, {"batch_size": [8, 12]}, cv=2).fit(X, y)
    assert search.best_params_["batch_size"] in (8, 12)
    louder = FunctionTransformer(lambda clips: [(0.5 * samples, rate) for samples, rate in clips])
    assert make_pipeline(louder, one).fit(X, y).score(X, y) > 0.3


def test_validation_keeps_groups_together() -> None:
    X, y = tones(36)
    groups = [f"g{number // 6}" for number in range(36)]
    clf = small(epochs=1, validation=0.2).fit(X, y, groups=groups)
    held = {groups[number] for number in clf.validated_}
    assert len(clf.validated_) == 6 * len(held) > 0


def test_weights_tell() -> None:
    """One class is labelled wrongly; without weight these clips do no harm."""
    X, y = tones(45)
    wrong = [number % 9 in (0, 3) for number in range(45)]
    labels = ["high" if bad else label for bad, label in zip(wrong, y, strict=True)]
    clf = small(validation=0.0).fit(X, labels, sample_weight=[0.0 if bad else 1.0 for bad in wrong])
    assert clf.score(X, y) > 0.9


def test_an_ensemble_is_the_mean_of_its_members(fitted: AudioClassifier) -> None:
    X, y = tones(9, seed=4)
    other = small(seed=1, epochs=2).fit(*tones(18))
    both = Ensemble([fitted, other])
    assert both.predict_proba(X) == pytest.approx((fitted.predict_proba(X) + other.predict_proba(X)) / 2)
    assert both.score(X, both.predict(X)) == 1
    with pytest.raises(ValueError, match="member 1 knows other classes"):
        Ensemble([fitted, small(epochs=1).fit(X, ["a", "b", "c"] * 3)])
    assert 0 <= both.score(X, y) <= 1


def test_requirements_are_the_least_that_runs(fitted: AudioClassifier) -> None:
    import torch

    asked = fitted.requirements()
    frames = fitted.network_.frames_of(asked.minimum_seconds)
    shape = (1, FRONT["deltas"] + 1, asked.bands)
    assert asked.rate == RATE
    assert asked.window_seconds == pytest.approx(0.4, abs=0.02)
    with torch.no_grad():
        fitted.network_.model(torch.zeros(*shape, frames))


def test_the_receptive_field_is_that_of_the_last_maps(fitted: AudioClassifier) -> None:
    """Two blocks of two 3 x 3 convolutions with a mean pool of 2 between: 5 frames, 6 with the pool, 14 in all."""
    asked = fitted.requirements()
    assert asked.receptive_field_ms == pytest.approx(25 + 10 * (14 - 1))
    assert asked.receptive_field_hz is not None
    assert asked.receptive_field_hz[0][0] < asked.receptive_field_hz[0][1] < RATE / 2


def test_an_explanation_finds_the_sound(fitted: AudioClassifier, tmp_path: Path) -> None:
    clip = (tone(2, np.random.default_rng(3), 0.4), RATE)
    found = fitted.explain(clip)
    assert found.label == "high"
    assert found.heard + found.ignored == pytest.approx(found.samples, abs=1e-5)
    assert found.listened.whole == pytest.approx(fitted.predict_proba([clip])[0][0], abs=1e-3)
    found.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"heard.wav", "ignored.wav", "explanation.png"}
    assert fitted.explain(clip, "low", "saliency").label == "low"
    with pytest.raises(ValueError, match="does not know siren"):
        fitted.explain(clip, "siren")
    with pytest.raises(ValueError, match="method must be one of grad_cam"):
        fitted.explain(clip, method="guess")


def test_it_fits_a_folder(tmp_path: Path) -> None:
    X, y = tones(18)
    for number, ((samples, rate), label) in enumerate(zip(X, y, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        audio.write(tmp_path / label / f"{number}.wav", samples, rate)
    clf = small(epochs=1).fit_folder(tmp_path)
    assert clf.classes_.tolist() == sorted(NAMES)
    assert Path(clf.similar(X[:1], 1)[0][0].name).is_file()


def test_nothing_fitted() -> None:
    for call in (AudioClassifier().predict, AudioClassifier().embed, AudioClassifier().predict_events):
        with pytest.raises(NotFittedError):
            call(tones(1)[0])
    with pytest.raises(NotFittedError):
        AudioClassifier().requirements()
