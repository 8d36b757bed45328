from __future__ import annotations

from pathlib import Path

import pytest

from speechcnn import locks
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.corpora import Corpus, Fault
from speechcnn.decoding.hmm import Tuned
from speechcnn.experiments import phone_results, phones, run_folder
from speechcnn.training.position import SkippedStep


def settings(folder: Path, *overrides: str) -> dict:
    return compose(phones, ["experiment=quick", f"folder={folder}", f"corpus.root={folder}", *overrides])


def test_a_run_folder_takes_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        locks.hold(tmp_path / run_folder.LOCK_FILE, "the run folder"),
        pytest.raises(phones.FAILURES, match="is in use by process"),
    ):
        phones.run(settings(tmp_path))


def test_damaged_settings_of_a_run_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"seed": ')
    with pytest.raises(SettingsError, match=r"settings\.json is damaged"):
        phones.run(settings(tmp_path))


@pytest.mark.parametrize(("override", "sentence"), [
    ("corpus.bad_files=ignore", r"corpus\.bad_files must be one of 'error', 'skip', 'quarantine'; got 'ignore'"),
    ("corpus.most_bad_percent=101", "most_bad_percent must lie between 0 and 100"),
    ("training.workers=-2", "workers must be at least 0"),
])  # fmt: skip
def test_settings_are_checked_before_the_folder_is_made(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        phones.run(settings(tmp_path / "run", override))
    assert not (tmp_path / "run").exists()


def test_what_was_left_out_stands_in_the_report() -> None:
    bad, steps = [Fault(Path("a.wav"), 0, "truncated")], [SkippedStep(0, 6, "loss", ("u1", "u2"))]
    corpus, tuned = Corpus((), (), (), "by hand"), Tuned(1.0, 0.0, 0.5, {})
    outcome = phone_results.Outcome(corpus, (), (), (), (), tuned, 1.0, bad, steps)
    files, skipped = phone_results.left_out(outcome)
    assert files.rows == [("a.wav", "", "truncated")]
    assert skipped.rows == [("1", "7", "loss", "u1, u2")]
    clean = phone_results.Outcome(corpus, (), (), (), (), tuned, 1.0)
    assert phone_results.left_out(clean) == []
