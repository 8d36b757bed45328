"""The commands `transcribe`, `align` and `listen` on a recogniser that is not trained."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn import audio, load
from speechcnn.cli import main
from speechcnn.decoding.hmm import PhoneHmm, estimate_bigram
from speechcnn.labels import Labels
from speechcnn.recognizer import PhoneRecognizer, Recipe
from speechcnn.transcripts import read_ctm, read_json, read_phn, read_textgrid, write_trn

LABELS = Labels(("h#", "aa", "s"))
RATE = 8000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.speechcnn"
    torch.manual_seed(1)
    features = {"name": "log_mel", "n_bands": 8, "deltas": 1, "rate": RATE}
    network = {"name": "cnn_dnn", "pool": 2, "maps": 2, "span": 3, "hidden": [4], "context": 3}
    hmm = PhoneHmm.estimate([np.repeat(np.arange(9), 3)], LABELS, estimate_bigram([["h#", "aa", "s", "h#"]], LABELS))
    PhoneRecognizer(Recipe(features, {"kind": "utterance"}, network), LABELS, hmm).save(path)
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, model, rng):
    """Write recordings of so many seconds and run a command in their folder: (status, output, error)."""
    monkeypatch.chdir(tmp_path)

    def command(name: str, *arguments: object, **seconds: float) -> tuple[int, str, str]:
        for place, length in seconds.items():
            path = Path(place.replace("__", "/")).with_suffix(".wav")
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, rng.uniform(-0.3, 0.3, round(RATE * length)), RATE)
        status = main([name, str(model), *map(str, arguments)])
        return status, *capsys.readouterr()

    return command


def test_text_is_what_the_recogniser_returns(run, model) -> None:
    status, output, _ = run("transcribe", "a.wav", a=1.0)
    found = load(model).transcribe("a.wav")
    lines = output.splitlines()
    assert (status, lines[0], len(lines) - 1) == (0, "a.wav", len(found))
    start, end, label, posterior = lines[1].split()
    assert (float(start), label) == (found[0].start, found[0].label)
    assert float(end) == pytest.approx(found[0].end, abs=1e-3)
    assert float(posterior) == pytest.approx(found[0].posterior, abs=0.006)


def test_every_format_holds_the_same(run, model) -> None:
    run("transcribe", "a.wav", a=0.8)
    expected = [(one.label, pytest.approx(one.start, abs=1e-4)) for one in load(model).transcribe("a.wav")]
    readers = {
        "json": lambda text: read_json(text)["a.wav"],
        "ctm": lambda text: read_ctm(text)["a"],
        "textgrid": read_textgrid,
        "phn": read_phn,
    }
    for form, read in readers.items():
        _, output, _ = run("transcribe", "a.wav", "--format", form)
        assert [(one.label, one.start) for one in read(output)] == expected, form


def test_a_textgrid_lasts_as_long_as_the_recording(run) -> None:
    _, output, _ = run("transcribe", "a.wav", "--format", "textgrid", a=1.004)
    assert "xmax = 1.004\n" in output


def test_a_folder_is_written_to_a_folder_of_the_same_shape(run) -> None:
    status, output, _ = run(
        "transcribe", "in", "--output", "out", "--format", "phn", in__x__a=0.5, in__x__b=0.5, in__c=0.5
    )
    assert (status, output) == (0, "")
    assert sorted(str(path) for path in Path("out").rglob("*.phn")) == ["out/c.phn", "out/x/a.phn", "out/x/b.phn"]


def test_bad_files_are_told_together_and_the_rest_is_done(run) -> None:
    Path("in").mkdir()
    Path("in/empty.wav").touch()
    Path("in/text.wav").write_text("no sound")
    Path("in/song.mp3").write_bytes(b"ID3\x03" + bytes(100))
    Path("in/notes.txt").write_text("no sound, and does not say so")
    status, output, error = run("transcribe", "in", "missing.wav", "--format", "json", in__good=0.5)
    assert status == 2
    assert list(json.loads(output)) == ["in/good.wav"]
    told = error[error.index("speechcnn: ") :].splitlines()
    assert told[0] == "speechcnn: 4 of 5 recordings could not be done:"
    for line, name in zip(told[1:], ["in/empty.wav", "in/song.mp3", "in/text.wav", "missing.wav"], strict=True):
        assert line.startswith(f"{name}: ")


def test_one_bad_file_is_one_sentence(run) -> None:
    status, output, error = run("transcribe", "missing.wav")
    assert (status, output) == (2, "")
    assert error.splitlines()[-1] == "speechcnn: missing.wav: no such sound file"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a.wav", "b.wav", "--format", "phn"), "--format phn describes one recording, got 2 of them"),
        (("a.wav", "b.wav", "--plot", "p.png"), "--plot draws one recording; got 2 of them."),
        (("a.wav", "x/a.wav", "--output", "out"), "a.wav and x/a.wav would both be a"),
        (("a.wav", "x/a.wav", "--format", "ctm"), "a.wav and x/a.wav would both be a"),
        (("two words.wav", "--format", "ctm"), "must not be empty or hold white space"),
        (("nothing",), "nothing: the folder holds no sound file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(run, arguments, sentence: str) -> None:
    Path("nothing").mkdir()
    status, output, error = run("transcribe", *arguments, a=0.3, b=0.3, x__a=0.3)
    assert (status, output) == (2, "")
    assert sentence in error


def test_a_recording_too_short_for_a_phone_has_none(run) -> None:
    status, output, error = run("transcribe", "a.wav", "--plot", "p.png", a=0.02)
    assert (status, output) == (0, "a.wav\n")
    assert "too short to be drawn" in error


def test_the_confidence_is_chosen(run) -> None:
    found = {
        kind: read_ctm(run("transcribe", "a.wav", "--format", "ctm", "--confidence", kind, a=1.0)[1])["a"]
        for kind in ("network", "paths")
    }
    assert len({tuple(one.label for one in own) for own in found.values()}) == 1
    assert len({tuple(one.posterior for one in own) for own in found.values()}) == 2


def test_the_beginning_of_a_recording_is_drawn(run) -> None:
    status, _, error = run("transcribe", "a.wav", "--plot", "p.png", a=21.0)
    assert status == 0
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert "p.png shows the first 20" in error


def test_known_phones_are_aligned(run, model) -> None:
    _, output, _ = run("align", "a.wav", "h# aa s h#", "--format", "json", a=1.0)
    expected = load(model).align("a.wav", ["h#", "aa", "s", "h#"])
    assert read_json(output)["a.wav"] == expected


def test_transcripts_are_found_by_their_ids(run) -> None:
    spoken = {"fadg0-sx1": ["h#", "aa", "h#"], "fadg0-sx2": ["h#", "s", "h#"]}
    Path("known.trn").write_text(write_trn(spoken))
    recordings = {"in__dr1__fadg0__sx1": 0.5, "in__dr1__fadg0__sx2": 0.5}
    _, output, _ = run("align", "in", "known.trn", "--format", "ctm", **recordings)
    found = {name: [one.label for one in own] for name, own in read_ctm(output).items()}
    assert found == {"dr1/fadg0/sx1": spoken["fadg0-sx1"], "dr1/fadg0/sx2": spoken["fadg0-sx2"]}
    Path("known.trn").write_text(write_trn({"FADG0_SX1": ["h#"]}))
    status, output, error = run("align", "in", "known.trn")
    assert (status, output) == (2, "")
    assert "known.trn holds no transcript of 1 of the recordings: in/dr1/fadg0/sx2.wav" in error


@pytest.mark.parametrize(
    ("phones", "sentence"),
    [
        ("h# ax", "a.wav: unknown label 'ax'"),
        ("nothing.trn", "nothing.trn: no such file"),
        ("h# " * 100, "a.wav: aligning 100 phones of 3 states needs"),
    ],
)
def test_what_cannot_be_aligned_is_told(run, phones: str, sentence: str) -> None:
    status, _, error = run("align", "a.wav", phones, a=0.5)
    assert status == 2
    assert sentence in error


def test_live_audio_is_what_comes_in(run, model, monkeypatch, rng) -> None:
    samples = rng.integers(-9000, 9000, 3 * RATE).astype("<i2")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(samples.tobytes() + b"\x00")))
    status, output, _ = run("listen", "--rate", RATE)
    stream = load(model).stream(RATE)
    found, state = stream.step(samples.astype(np.float32) / 32768, stream.start())
    found += stream.finish(state)
    assert status == 0
    assert [line.split()[2] for line in output.splitlines()] == [one.label for one in found]


@pytest.mark.slow
def test_a_reader_that_had_enough_is_no_error(run, model, tmp_path) -> None:
    run("transcribe", "a.wav", **{f"in__{i}": 0.5 for i in range(9)}, a=0.3)
    command = f"{sys.executable} -m speechcnn.cli transcribe {model} in | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "in/0.wav\n"
    assert "Broken" not in done.stderr
