"""The classification experiment on a tiny made corpus, and the command that uses its model file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from speechcnn import audio, cli
from speechcnn.arguments import SettingsError
from speechcnn.classifier import AudioClassifier, parameters
from speechcnn.configuration import compose
from speechcnn.corpora import CorpusError, folders, scenes
from speechcnn.experiments import classify


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "sounds"
    scenes.make_clips(root, scenes.Clips(per_class=4, folds=2), workers=1)
    return root


def settings(folder: Path, corpus: Path, *overrides: str) -> dict:
    given = ["experiment=classify_quick", f"folder={folder}", f"corpus.root={corpus}", "classifier.epochs=1"]
    return compose(classify, [*given, *overrides])


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("run") / "run"
    return folder, classify.run(settings(folder, corpus))


def test_it_prints_and_keeps_what_was_promised(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {"settings.json", "metrics.json", "predictions.csv", "confusions.png", "curves-1.png",
                     "report.html", "classify.speechcnn"}  # fmt: skip
    measured = json.loads((folder / "metrics.json").read_text())
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = {fold: [row["label"] == row["predicted"] for row in rows if row["fold"] == fold] for fold in "12"}
    assert [one["correct"] for one in measured["folds"]] == [sum(right["1"]), sum(right["2"])]
    assert measured["accuracy"] == pytest.approx(sum(map(sum, right.values())) / 40)
    assert f"{100 * measured['accuracy']:.1f} %" in printed
    assert len(rows) == 40


def test_no_fold_was_heard_in_training(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, trained_on = folders.read(corpus), []

    def recorded(clips: list, classifier: AudioClassifier, checkpoints: Path) -> SimpleNamespace:
        trained_on.extend(clips)
        return SimpleNamespace(
            predict_proba=lambda paths, rate: np.full((len(paths), 10), 0.1),
            classes_=np.array(found.classes),
            history_=[],
            network_=SimpleNamespace(temperature=1.0),
        )

    monkeypatch.setattr(classify, "fitted_on", recorded)
    result = classify.tested("1", found, [AudioClassifier()], tmp_path)
    assert {clip.fold for clip in result.clips} == {"1"}
    assert {clip.fold for clip in trained_on} == {"2"}
    assert len(result.clips) + len(trained_on) == len(found.clips)


def test_members_of_following_seeds_are_averaged(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = folders.read(corpus)

    def of_seed(clips: list, classifier: AudioClassifier, checkpoints: Path) -> SimpleNamespace:
        rows = np.eye(10)[classifier.seed]
        return SimpleNamespace(
            predict_proba=lambda paths, rate: np.tile(rows, (len(paths), 1)),
            classes_=np.array(found.classes),
            history_=[classifier.seed],
            network_=SimpleNamespace(temperature=1.0),
        )

    monkeypatch.setattr(classify, "fitted_on", of_seed)
    result = classify.tested("2", found, classify.seeded(AudioClassifier(seed=3), 4), tmp_path)
    np.testing.assert_array_equal(result.probabilities[0], [0, 0, 0, 0.25, 0.25, 0.25, 0.25, 0, 0, 0])
    assert result.history == (3,)


def test_the_model_file_names_sounds(
    finished: tuple[Path, str], corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, sound = finished[0] / "classify.speechcnn", next(corpus.glob("*/*.wav"))
    top = AudioClassifier.load(model).top([sound], 2)[0]
    assert cli.main(["classify", str(model), str(sound), "--top", "2", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(row["label"], row["probability"]) for row in printed] == top
    assert cli.main(["classify", str(model), str(sound), "--windows", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "file,start,end,label,probability"
    assert cli.main(["classify", str(model), str(sound), str(sound)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert cli.main(["classify", str(model), "nothing.wav"]) == 2
    assert "nothing.wav" in capsys.readouterr().err


def test_a_finished_folder_is_scored_again_without_training(finished: tuple[Path, str], corpus: Path) -> None:
    folder, printed = finished
    assert classify.run(settings(folder, corpus)).splitlines()[:2] == printed.splitlines()[:2]


@pytest.mark.parametrize(("override", "sentence"), [
    ("seed=2", r"holds a run with other settings \(seed\)"),
    ("classifier.short=loop", "classifier.short must be one of 'repeat', 'pad'"),
    ("members=0", "members must be from 1 to 100; got 0"),
    ("threads=0", "threads must be at least 1"),
    ("corpus.test_folds=[7]", "other settings"),
])  # fmt: skip
def test_what_cannot_run(finished: tuple[Path, str], corpus: Path, override: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        classify.run(settings(finished[0], corpus, override))


def test_a_fold_that_is_not_there(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be among 1, 2; got 7"):
        classify.run(settings(tmp_path / "run", corpus, "corpus.test_folds=[7]", "corpus.audit=false"))


def test_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: no such folder"):
        classify.run(settings(tmp_path / "run", tmp_path / "nowhere"))


def written(root: Path, classes: dict[str, int]) -> Path:
    """A folder per class with so many noises, each a source of its own."""
    draw = np.random.default_rng(0)
    for label, count in classes.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            audio.write(root / label / f"{'abcdefgh'[number]}x{label}.wav", 0.1 * draw.standard_normal(1600), 16000)
    return root


@pytest.mark.parametrize(("classes", "sentence"), [
    ({"dog": 4}, r"at least 2 classes, got 1 class \(dog\)"),
    ({"dog": 4, "cat": 1}, "at least 2 clips; fewer have cat"),
])  # fmt: skip
def test_classes_that_cannot_be_learnt(tmp_path: Path, classes: dict[str, int], sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        classify.run(settings(tmp_path / "run", written(tmp_path / "sounds", classes)))


@pytest.mark.parametrize("text", [True, False])
def test_every_bad_file_is_named_before_anything_is_learnt(tmp_path: Path, text: bool) -> None:
    root = written(tmp_path / "sounds", {"dog": 4, "cat": 4})
    soundfile.write(root / "cat" / "ex.wav", np.array([0.1, np.nan, 0.1] * 500), 16000, subtype="FLOAT")
    soundfile.write(root / "dog" / "ex.wav", np.zeros(0), 16000)
    if text:
        (root / "dog" / "fx.wav").write_text("words")
    with pytest.raises(CorpusError, match="cannot be read; mend or remove them") as caught:
        classify.run(settings(tmp_path / "run", root))
    assert {line.split(": ")[0] for line in str(caught.value).splitlines()[1:]} == {
        str(root / "cat" / "ex.wav"), str(root / "dog" / "ex.wav"), *([str(root / "dog" / "fx.wav")] if text else [])
    }  # fmt: skip


@pytest.mark.parametrize("name", ["classify_quick", "classify_alexnet", "classify_resnet"])
def test_every_recipe_fits_its_signatures(name: str) -> None:
    one = classify.classifier_of(compose(classify, [f"experiment={name}"]))
    assert parameters.fit_settings_of(one).optimizer["name"] in ("adamw", "sgd")
    assert one.model["name"] in ("cnn8", "alexnet", "resnet")
