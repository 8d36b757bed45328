from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.cli import main

from .test_find import RATE, always


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears its word once in each recording, two clips with it and 36 s without."""
    root = tmp_path_factory.mktemp("judge")
    always(root / "noise.speechcnn")
    noise = 0.1 * np.random.default_rng(0).standard_normal(36 * RATE).clip(-5, 5)
    for name, samples in (("said/a.wav", noise[:RATE]), ("said/ann/b.wav", noise[:RATE]), ("other/c.wav", noise)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write(root / name, samples, RATE)
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = main(["judge", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_misses_and_false_alarms_of_a_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--positives", home / "said", "--negatives", home / "other"]
    status, out, _ = run(capsys, home / "noise.speechcnn", *folders, "--format", "json")
    measured = json.loads(out)
    assert status == 0
    # Its first frame counts, half a second before the clip's word: outside the collar, so that it is missed.
    assert measured["real"]["real positives"]["misses"]["count"] == 2
    alarms = measured["real"]["real negatives"]["alarms"]
    assert (alarms["count"], alarms["hours"]) == (1, pytest.approx(0.01))  # of equal scores the first alone
    assert measured["threshold"] == 0.5
    assert run(capsys, home / "noise.speechcnn", *folders)[1].startswith("Real, real positives: missed 100.0 %")


def test_the_threshold_may_be_given(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    negatives = ["--negatives", home / "other", "--format", "json"]
    measured = json.loads(run(capsys, home / "noise.speechcnn", *negatives, "--threshold", "0.7")[1])
    assert measured["real"]["real negatives"]["alarms"]["count"] == 0
    assert measured["threshold"] == 0.7


@pytest.mark.parametrize(("arguments", "sentence"), [
    ((), "judge needs --positives DIR, --negatives DIR, or both"),
    (("--positives", "nowhere"), "needs a folder of clips for each keyword; missing: nowhere"),
    (("--negatives", "nowhere"), "nowhere: no such folder"),
    (("--negatives", ".", "--threshold", "2"), "--threshold must lie above 0"),
])  # fmt: skip
def test_what_cannot_be_judged_gets_a_sentence(
    home: Path, arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, home / "noise.speechcnn", *arguments)
    assert (status, out) == (2, "")
    assert re.search(sentence, err), err
