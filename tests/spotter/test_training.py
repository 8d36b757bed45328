from __future__ import annotations

import sys
from pathlib import Path

import pytest

from speechcnn.spotter import KeywordSpotter, training

# Stands for the command: notes its settings, and writes the model files that it is told to.
SCRIPT = """
import pathlib, shutil, sys
given = dict(one.split("=", 1) for one in sys.argv[2:])
folder = pathlib.Path(given["folder"])
(pathlib.Path(sys.argv[1]).parent / "given.txt").write_text("\\n".join(sys.argv[2:]))
for number in range(int(given.get("copies", 1))):
    shutil.copy(sys.argv[1], folder / f"{number}.speechcnn")
sys.exit(int(given.get("status", 0)))
"""


@pytest.fixture
def command(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(training, "COMMAND", (sys.executable, "-c", SCRIPT, str(model_file)))
    return model_file.parent / "given.txt"


def test_the_model_of_the_run_comes_back(command: Path, tmp_path: Path) -> None:
    spotter = KeywordSpotter.train("beep", tmp_path / "mine", seed=3, settings=["training.epochs=2"])
    assert spotter.keywords == ("beep",)
    given = command.read_text().split("\n")
    assert [given[0], *given[2:]] == ["keyword=beep", "seed=3", f"recordings={tmp_path / 'mine'}", "training.epochs=2"]
    assert not Path(given[1].removeprefix("folder=")).exists()


def test_a_folder_that_is_given_is_kept(command: Path, tmp_path: Path) -> None:
    KeywordSpotter.train(["yes", "no"], folder=tmp_path, negatives=tmp_path, minutes=2.5)
    assert command.read_text() == f"keyword=[yes,no]\nfolder={tmp_path}\nseed=0\nminutes=2.5\nnegatives={tmp_path}"
    assert (tmp_path / "0.speechcnn").is_file()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("status=2", "(?s)ended with status 2; .* The command was: .*keyword=beep"),
        ("copies=2", "there are 2"),
        ("copies=0", "are 0"),
    ],
)
def test_a_training_that_fails_says_so(command: Path, setting: str, sentence: str) -> None:
    with pytest.raises(training.TrainingError, match=sentence):
        KeywordSpotter.train("beep", settings=[setting])
