"""The recipes as a user runs them, on a tiny made corpus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from speechcnn import load
from speechcnn.corpora import synthesis

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "corpus"
    synthesis.make(root, "tiny")
    return root


def recipe(folder: Path, *overrides: str, name: str = "phones") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "recipes" / f"{name}.py"), *overrides]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("run")
    done = recipe(folder, "experiment=quick", f"corpus.root={corpus}", "folder=run")
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_it_prints_and_keeps_what_was_promised(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    metrics = json.loads((folder / "metrics.json").read_text())
    headline = metrics["per"]["kaldi"]
    assert f"{100 * headline['rate']:.1f} %" in printed
    assert "frame accuracy" in printed
    assert str(headline["reference_tokens"]) in printed
    assert "report.html" in printed
    names = {path.name for path in folder.iterdir()}
    assert names >= {"settings.json", "metrics.json", "hypotheses.trn", "hypotheses.ctm", "references.trn",
                     "utterance.png", "confusions.png", "report.html", "phones.speechcnn"}  # fmt: skip


def test_the_model_file_transcribes_as_the_run_did(finished: tuple[Path, str], corpus: Path) -> None:
    folder, _ = finished
    line = (folder / "hypotheses.trn").read_text().splitlines()[0]
    phones, utterance = line.rsplit("(", 1)
    speaker, sentence = utterance.rstrip(")").lower().split("_")
    path = next(corpus.glob(f"test/*/{speaker}/{sentence}.wav"))
    segments = load(folder / "phones.speechcnn").transcribe(path)
    assert [segment.label for segment in segments] == phones.split()
    assert all(0 <= segment.start < segment.end for segment in segments)
    assert all(0 <= segment.posterior <= 1 for segment in segments)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures(finished: tuple[Path, str], corpus: Path) -> None:
    folder, _ = finished
    again = recipe(folder.parent, "experiment=quick", f"corpus.root={corpus}", "folder=again")
    assert again.returncode == 0, again.stderr
    assert (folder.parent / "again" / "hypotheses.ctm").read_text() == (folder / "hypotheses.ctm").read_text()


def test_a_finished_folder_is_scored_again_without_training(finished: tuple[Path, str], corpus: Path) -> None:
    folder, printed = finished
    again = recipe(folder.parent, "experiment=quick", f"corpus.root={corpus}", "folder=run")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == printed.splitlines()[0]


def test_a_folder_with_other_settings_is_refused(finished: tuple[Path, str], corpus: Path) -> None:
    folder, _ = finished
    done = recipe(folder.parent, "experiment=quick", f"corpus.root={corpus}", "folder=run", "seed=2")
    assert done.returncode == 2
    assert "holds a run with other settings (seed)" in done.stderr


@pytest.mark.slow
def test_weights_of_another_run_can_be_taken_over(finished: tuple[Path, str], corpus: Path) -> None:
    folder, _ = finished
    done = recipe(folder.parent, "experiment=quick", f"corpus.root={corpus}", "folder=more", f"init={folder}")
    assert done.returncode == 0, done.stderr


def test_weights_of_another_network_are_refused(finished: tuple[Path, str], corpus: Path) -> None:
    folder, _ = finished
    done = recipe(
        folder.parent, "experiment=quick", "model=dnn", f"corpus.root={corpus}", "folder=other", f"init={folder}"
    )
    assert done.returncode == 2
    assert "init: the network in" in done.stderr


@pytest.mark.slow
def test_a_sweep_gives_each_job_a_folder(corpus: Path, tmp_path: Path) -> None:
    done = recipe(
        tmp_path, "--multirun", "experiment=quick", f"corpus.root={corpus}", "folder=sweep", "model=cnn_dnn,dnn"
    )
    assert done.returncode == 0, done.stderr
    models = [json.loads((tmp_path / "sweep" / job / "settings.json").read_text())["model"]["name"] for job in "01"]
    assert models == ["cnn_dnn", "dnn"]
    assert all((tmp_path / "sweep" / job / "metrics.json").exists() for job in "01")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("corpus.root=nowhere", "nowhere"),
        ("corpus.root=empty", "empty"),
        ("model.poool=3", "model.poool is not known. Did you mean pool?"),
        ("init=nothing.speechcnn", "nothing.speechcnn: no such model file"),
    ],
)
def test_what_cannot_run_ends_with_one_sentence(tmp_path: Path, override: str, sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    done = recipe(tmp_path, "experiment=quick", override, "folder=run")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_pooling_table_is_made_and_nothing_is_run_twice(corpus: Path, tmp_path: Path) -> None:
    given = ("quick=true", f"corpus.root={corpus}", "rows=[dnn,p1_12]", "model.hidden=[8]", "training.epochs=1",
             "folder=table")  # fmt: skip
    done = recipe(tmp_path, *given, name="pooling_table")
    assert done.returncode == 0, done.stderr
    table = tmp_path / "table"
    assert {path.name for path in table.iterdir()} >= {"table.md", "table.csv", "per_over_p.png", "report.html"}
    assert (table / "table.md").read_text().splitlines()[0] in f"## {done.stdout}"
    models = [table / row / "seed-0" / "phones.speechcnn" for row in ("dnn", "p1_12")]
    times = [path.stat().st_mtime_ns for path in models]
    (table / "dnn" / "seed-0" / "report.html").unlink()  # as if it had been stopped at its end
    again = recipe(tmp_path, *given, name="pooling_table")
    assert again.returncode == 0, again.stderr
    assert again.stdout.split("wall time")[0] == done.stdout.split("wall time")[0]
    assert [path.stat().st_mtime_ns == time for path, time in zip(models, times, strict=True)] == [False, True]
