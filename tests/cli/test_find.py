from __future__ import annotations

import csv
import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn import audio
from speechcnn.cli import main
from speechcnn.models.building import Recipe
from speechcnn.spotter import KeywordSpotter, shipped, shipped_words
from speechcnn.spotting import EventRule

RATE = 16000


def always(path: Path) -> Path:
    """Write a spotter whose posterior is 0.6 in every frame, and whose onset and offset lie 0.1 s on either side."""
    recipe = Recipe(
        {"name": "log_mel", "deltas": 0, "energy": False},
        {"kind": "none"},
        {"name": "keyword_tdnn", "channels": 2, "dilations": [1], "lookahead_frames": 0},
    )
    spotter = KeywordSpotter(recipe, ["noise"], EventRule(0.5, 0.0, 0.0, 10.0), {"licence": "MIT"})
    net = spotter.chain.network
    with torch.no_grad():
        net.classes.weight.zero_()
        net.classes.bias.copy_(torch.tensor([0.4, 0.6]).log())
        net.times.weight.zero_()
        net.times.bias.copy_(torch.tensor([0.1, -0.1]))
    spotter.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and a tree of recordings."""
    root = tmp_path_factory.mktemp("find")
    always(root / "noise.speechcnn")
    (root / "calls" / "deep").mkdir(parents=True)
    samples = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    for name in ("b.wav", "a.flac", "deep/c.wav"):
        audio.write(root / "calls" / name, np.clip(samples, -1, 1), RATE)
    (root / "calls" / "notes.txt").write_text("not sound")
    (root / "empty").mkdir()
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = main(["find", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_one_file_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All frames score alike, so the first counts: its centre is 12.5 ms, its times are 0.1 s on either side."""
    status, out, _ = run(capsys, folder / "noise.speechcnn", folder / "calls" / "b.wav")
    assert (status, out) == (0, f"{folder / 'calls' / 'b.wav'}:     0.00     0.11  noise  0.60\n")


def test_not_found_is_status_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, folder / "noise.speechcnn", folder / "calls" / "b.wav", "--threshold", "0.7")
    assert (status, out) == (1, "")


def test_folders_are_searched_in_order_of_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, folder / "noise.speechcnn", folder / "calls", "--format", "csv", "--workers", "1")
    rows = list(csv.DictReader(out.splitlines()))
    assert status == 0
    assert [Path(row["file"]).relative_to(folder / "calls").as_posix() for row in rows] == [
        "a.flac",
        "b.wav",
        "deep/c.wav",
    ]
    assert {(row["keyword"], row["start"], row["end"], row["score"]) for row in rows} == {
        ("noise", "0.000", "0.113", "0.6000")
    }


@pytest.mark.slow
def test_processes_find_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (folder / "noise.speechcnn", folder / "calls", "--format", "json")
    alone, together = (run(capsys, *arguments, "--workers", n)[:2] for n in ("1", "2"))
    assert alone == together
    assert len(json.loads(alone[1])) == 3


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, folder / "noise.speechcnn", folder / "calls" / "b.wav", "--format", "json")
    ((path, (one,)),) = json.loads(out).items()
    assert path == str(folder / "calls" / "b.wav")
    assert (one["keyword"], one["start"], one["end"]) == ("noise", 0.0, pytest.approx(0.1125))


def test_audacity_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, folder / "noise.speechcnn", folder / "calls" / "b.wav", "--format", "audacity")
    assert out == "0.000000\t0.112500\tnoise\n"


def test_every_bad_file_is_named_and_the_good_ones_are_searched(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    good = folder / "calls" / "b.wav"
    model, bad, gone = folder / "noise.speechcnn", tmp_path / "bad.wav", tmp_path / "gone.wav"
    status, out, err = run(capsys, model, bad, good, gone, "--workers", "1")
    assert status == 2
    assert out.startswith(f"{good}: ")
    assert f"speechcnn: {tmp_path / 'bad.wav'}" in err
    assert f"speechcnn: {tmp_path / 'gone.wav'}" in err


def test_eight_kilohertz_in_stereo(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with wave.open(str(tmp_path / "call.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((1000 * np.random.default_rng(0).standard_normal(16000)).astype("<i2").tobytes())
    assert run(capsys, folder / "noise.speechcnn", tmp_path / "call.wav")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["zebra", "calls"], r"no model for it comes with the package .* speechcnn train keyword keyword=zebra"),
        (["none.speechcnn", "calls"], "no such model file"),
        (["noise.speechcnn", "empty"], "no sound files .* in this folder"),
        (["noise.speechcnn", "calls", "--threshold", "2"], "--threshold must lie above 0"),
        (["noise.speechcnn", "calls", "--workers", "0"], "--workers must be at least 1"),
        (["noise.speechcnn", "calls", "--format", "audacity"], "describes one recording; got 3"),
        (["calls/notes.txt", "calls"], "notes.txt: not a whole speechcnn model file"),
    ],
)
def test_what_cannot_be_done_is_answered_by_a_sentence(
    folder: Path,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert re.search(sentence, err), err


@pytest.mark.parametrize("word", shipped_words())
def test_shipped_models_are_small_and_say_what_they_are(word: str) -> None:
    path = shipped.model_path(word)
    card = KeywordSpotter.load(word).card
    assert path.stat().st_size < shipped.MOST_BYTES
    assert {"training", "seed", "measured"} <= card.keys()


def test_a_shipped_model_is_found_by_its_word(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", folder)
    assert run(capsys, "Noise", folder / "calls" / "b.wav")[0] == 0


def test_inspection_counts_what_was_learnt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = always(tmp_path / "noise.speechcnn")
    main(["inspect", str(path)])
    network = KeywordSpotter.load(path).chain.network
    learnt = sum(one.numel() for one in network.parameters())
    assert json.loads(capsys.readouterr().out)["parameters"] == learnt
    assert sum(one.numel() for one in network.state_dict().values()) > learnt
