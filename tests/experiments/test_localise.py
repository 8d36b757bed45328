"""The localisation recipe as a user runs it, on a few made scenes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from speechcnn import transcripts
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.corpora import CorpusError
from speechcnn.corpora.scenes import Scenes, make_scenes
from speechcnn.event_finder import EventFinder
from speechcnn.experiments import localise
from speechcnn.experiments.localise import LocaliseExperiment
from speechcnn.metrics.events import score_events

ROOT = Path(__file__).parents[2]
QUICK = ("experiment=localise_quick", "threads=1")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "scenes"
    make_scenes(root, Scenes(train=14, dev=2, test=2, seconds=4, seed=2))
    return root


def recipe(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "recipes" / "localise.py"), *QUICK, *overrides]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def finished(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    printed = LocaliseExperiment(compose(localise, [*QUICK, f"corpus.root={scenes}", f"folder={folder}"])).run()
    assert "event F1" in printed
    assert "report.html" in printed
    return folder


def test_the_figures_are_those_of_the_tables_it_leaves(finished: Path) -> None:
    read = {name: transcripts.read_dcase((finished / f"{name}.tsv").read_text()) for name in ("references", "found")}
    measured = json.loads((finished / "metrics.json").read_text())
    scores = score_events(read["references"], read["found"])
    assert measured["counts"]["hits"] == scores.counts["collar"].micro.hits
    assert measured["counts"]["missed"] == scores.counts["collar"].micro.missed
    assert measured["f1"]["segment"]["micro"] == pytest.approx(scores.counts["segment"].micro.f1, nan_ok=True)
    names = {path.name for path in finished.iterdir()}
    assert names >= {"settings.json", "scene.png", "report.html", "events.speechcnn"}


def test_the_model_file_finds_what_the_run_found(finished: Path, scenes: Path) -> None:
    finder = EventFinder.load(finished / "events.speechcnn")
    for name, events in transcripts.read_dcase((finished / "found.tsv").read_text()).items():
        assert [one.label for one in finder.find(scenes / name)] == [one.label for one in events]


def test_a_finished_folder_is_scored_again_and_other_settings_are_refused(finished: Path, scenes: Path) -> None:
    before = (finished / "found.tsv").read_text()
    settings = compose(localise, [*QUICK, f"corpus.root={scenes}", f"folder={finished}"])
    LocaliseExperiment(settings).run()
    assert (finished / "found.tsv").read_text() == before
    with pytest.raises(SettingsError, match=r"holds a run with other settings \(seed\)"):
        LocaliseExperiment({**settings, "seed": 1}).run()


def test_the_files_of_conf_fit_their_signatures() -> None:
    for overrides in ([], ["experiment=localise_quick"], ["optimizer=sgd", "schedule=plateau"]):
        LocaliseExperiment(compose(localise, overrides))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model.mapps=1"], r"model.mapps is not known. Did you mean maps"),
        (["corpus.train=0"], "corpus: train must be 1 or more, got 0"),
        (["decoding.thresholds=[2]"], "decoding: thresholds must"),
        (["seed=-1"], "seed must be at least 0"),
        (["task.n_classes=3"], "task.n_classes is not known"),
    ],
)
def test_a_wrong_setting_is_one_sentence(overrides: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        LocaliseExperiment(compose(localise, overrides))


@pytest.mark.slow
def test_a_folder_without_tables_ends_with_one_sentence(tmp_path: Path) -> None:
    done = recipe(tmp_path, f"corpus.root={tmp_path}", "folder=run")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert all(f"{part}.tsv: no such table" in done.stderr for part in ("train", "dev", "test"))


def test_bad_recordings_are_all_listed(scenes: Path, tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.tsv").write_text((scenes / f"{part}.tsv").read_text())
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "00001.wav").write_text("no sound")
    settings = compose(localise, [*QUICK, f"corpus.root={tmp_path}", f"folder={tmp_path / 'run'}"])
    with pytest.raises(CorpusError) as raised:
        LocaliseExperiment(settings).run()
    assert len(raised.value.faults) == 14
    assert sum("no such sound file" in fault for fault in raised.value.faults) == 13
    assert "00001.wav" in str(raised.value)


def test_a_class_that_training_lacks_is_named(scenes: Path, tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.tsv").write_text((scenes / f"{part}.tsv").read_text())
    with (tmp_path / "test.tsv").open("a") as file:
        file.write("test/00001.wav\t1\t2\tfox\t\t\n")
    settings = compose(localise, [*QUICK, f"corpus.root={tmp_path}", f"folder={tmp_path / 'run'}"])
    with pytest.raises(CorpusError, match="fox occur in dev or test only"):
        LocaliseExperiment(settings).run()
