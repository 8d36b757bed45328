"""The Speech Commands experiment on a made miniature copy whose words are tones."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from speechcnn import audio, load
from speechcnn.arguments import SettingsError
from speechcnn.augment import SpecAugment
from speechcnn.classifier import fitting, parameters
from speechcnn.classifier.windows import WindowPolicy
from speechcnn.configuration import compose
from speechcnn.corpora import CorpusError, speech_commands
from speechcnn.corpora.speech_commands import SILENCE, UNKNOWN, Command, CommandSet
from speechcnn.experiments import commands
from speechcnn.models.image_nets import BcResNet

WORDS = {"yes": 300, "no": 800, "bed": 2000}  # Hz
OF_EACH_PART = 12  # speakers
LABELS = (SILENCE, UNKNOWN, "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def speakers() -> dict[str, list[str]]:
    """As many names of speakers as are wanted whose hash falls into each part."""
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for number in range(1000):
        name = f"{number:08x}"
        parts[speech_commands.which_part(name)].append(name)
    return {part: names[:OF_EACH_PART] for part, names in parts.items()}


SPEAKERS = speakers()


def write_words(root: Path, words: dict[str, int], names: list[str]) -> Path:
    """A tone of one frequency for each word, of another level and phase for each speaker."""
    draw, seconds = np.random.default_rng(0), np.arange(12000) / 16000
    for word, hertz in words.items():
        (root / word).mkdir(parents=True)
        for name in names:
            tone = draw.uniform(0.1, 0.5) * np.sin(2 * np.pi * hertz * seconds + draw.uniform(0, 6))
            audio.write(root / word / f"{name}_nohash_0.wav", tone + 0.01 * draw.standard_normal(12000), 16000)
    return root


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_words(
        tmp_path_factory.mktemp("commands"), WORDS, [name for names in SPEAKERS.values() for name in names]
    )
    noise = 0.3 * np.random.default_rng(1).standard_normal(16000 * 15).clip(-3, 3)
    (root / "_background_noise_").mkdir()
    audio.write(root / "_background_noise_" / "hiss.wav", noise, 16000)
    return root


def settings(folder: Path, root: Path, *overrides: str) -> dict:
    return compose(commands, ["experiment=commands_quick", f"folder={folder}", f"corpus.root={root}", *overrides])


@pytest.fixture(scope="module", params=[12, 35])
def finished(request: pytest.FixtureRequest, copy: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("run") / "run"
    return request.param, folder, commands.run(settings(folder, copy, f"corpus.classes={request.param}"))


def test_it_learns_and_keeps_what_was_promised(finished: tuple[int, Path, str]) -> None:
    classes, folder, printed = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {"settings.json", "metrics.json", "predictions.csv", "confusions-dev.png", "confusions-test.png",
                     "curves.png", "report.html", "commands.speechcnn", "checkpoints"}  # fmt: skip
    measured = json.loads((folder / "metrics.json").read_text())
    assert tuple(measured["labels"]) == (LABELS if classes == 12 else tuple(sorted(WORDS)))
    assert f"classes         {', '.join(measured['labels'])}" in printed
    assert measured["notes"]
    assert all(f"note            {note}" in printed for note in measured["notes"])
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for part in ("dev", "test"):
        right = [row["label"] == row["predicted"] for row in rows if row["fold"] == part]
        found = measured["parts"][part]
        assert (found["correct"], found["clips"]) == (sum(right), len(right))
        assert f"{part:<15} {100 * found['accuracy']:.1f} %" in printed
        assert found["interval"][0] < found["accuracy"] <= found["interval"][1]
        assert list(found["by_class"]) == measured["labels"]
        assert found["accuracy"] > 0.65  # a constant answer has 0.4 or a third


def test_parts_are_not_mixed(finished: tuple[int, Path, str]) -> None:
    classes, folder, _ = finished
    with (folder / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["label"] != SILENCE]
    for part in ("dev", "test"):
        heard = {speech_commands.speaker_of(row["path"]) for row in rows if row["fold"] == part}
        assert heard <= set(SPEAKERS[part])
    known = load(folder / "commands.speechcnn").known_
    spoken = [Path(name) for name, label in zip(known.names, known.labels, strict=True) if label != SILENCE]
    assert {speech_commands.speaker_of(path.name) for path in spoken} == set(SPEAKERS["train"])
    measured = json.loads((folder / "metrics.json").read_text())
    # Of 24 keywords in each part a tenth, rounded up, are as many unknown words and as many seconds of silence.
    assert {part: one["clips"] for part, one in measured["parts"].items()} == dict.fromkeys(
        ("dev", "test"), 24 + 3 + 3 if classes == 12 else 36
    )
    assert measured["train_clips"] == len(known.names) == (30 if classes == 12 else 36)


def test_silence_is_written_as_the_protocol_counts_it(finished: tuple[int, Path, str], copy: Path) -> None:
    classes, folder, _ = finished
    files = sorted(path.name for path in (folder / "silence").glob("*")) if classes == 12 else []
    assert (folder / "silence").exists() == bool(files)
    records = [one for one in speech_commands.read(copy, 12).commands if one.label == SILENCE]
    numbered: Counter[str] = Counter()
    for one in records if classes == 12 else ():
        numbered[one.part] += 1
        sound, rate = audio.read(folder / "silence" / f"{one.part}-{numbered[one.part]:04}.wav")
        assert rate == 16000
        np.testing.assert_allclose(sound, speech_commands.samples(one), atol=2**-15)
    assert len(files) == sum(numbered.values())


def test_the_kept_model_names_words(finished: tuple[int, Path, str]) -> None:
    _, folder, _ = finished
    model = load(folder / "commands.speechcnn")
    measured = json.loads((folder / "metrics.json").read_text())
    assert model.card_["protocol"]["labels"] == measured["labels"]
    assert model.card_["measured"] == {
        f"{part}_accuracy": measured["parts"][part]["accuracy"] for part in ("dev", "test")
    }
    assert isinstance(model.network_.model, BcResNet)
    assert model.requirements().window_seconds == pytest.approx(1, abs=0.01)
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))[::7]
    assert model.predict([row["path"] for row in rows]).tolist() == [row["predicted"] for row in rows]


@pytest.mark.slow
def test_a_finished_folder_is_scored_again_without_training(finished: tuple[int, Path, str], copy: Path) -> None:
    classes, folder, printed = finished
    if classes == 12:
        again = commands.run(settings(folder, copy, "corpus.classes=12"))
        assert again.splitlines()[:3] == printed.splitlines()[:3]
    else:
        with pytest.raises(SettingsError, match=r"holds a run with other settings \(corpus\)"):
            commands.run(settings(folder, copy, "corpus.classes=12"))


def test_the_recipe_has_the_protocols_front_end_and_network() -> None:
    one = commands.classify.classifier_of(compose(commands, ["corpus.root=somewhere"]))
    built = parameters.Network(parameters.recipe_of(one), 12, False)
    front = built.features
    assert (front.rate, front.n_bands, front.n_streams, front.energy) == (16000, 40, 1, False)
    assert (front.window_samples, front.shift_samples) == (400, 160)
    assert isinstance(built.model, BcResNet)
    assert built.frames_of(one.window_seconds) == 98
    chain = fitting.batching(built, WindowPolicy(16000, 98, 49), parameters.fit_settings_of(one)).chain
    shift, masks = chain.steps
    matrix, moved = shift.drawn(np.random.default_rng(3))
    torch.testing.assert_close(matrix, torch.eye(2))  # nothing but a shift
    assert 0 < abs(float(moved[0])) <= 10
    assert moved[1] == 0
    assert isinstance(masks, SpecAugment)


def test_silence_louder_than_a_file_can_hold_is_clipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_commands, "samples", lambda one: np.array([1.2, -1.5, 0.25], dtype=np.float32))
    commands.write_silence(tmp_path / "new" / "one.wav", Command(None, SILENCE, SILENCE, "", "train"))
    sound, _ = audio.read(tmp_path / "new" / "one.wav")
    np.testing.assert_allclose(sound, [1, -1, 0.25], atol=1e-4)


def test_the_same_sound_under_several_names_is_told(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    for path, sound in zip(paths, (b"1", b"1", b"1", b"2"), strict=True):
        path.write_bytes(sound)
    parts = ("train", "train", "dev", "test")
    records = [Command(path, "yes", "yes", "", part) for path, part in zip(paths, parts, strict=True)]
    assert commands.twins(CommandSet(tuple(records), ("yes",))) == [
        "sounds that have several names: 1, of them in several parts: 1"
    ]
    assert commands.twins(CommandSet(tuple(records[2:]), ("yes",))) == []


@pytest.mark.parametrize("root", ["null", "''"])
def test_no_corpus_is_asked_for(tmp_path: Path, root: str) -> None:
    with pytest.raises(SettingsError, match=r"root must name a copy of Speech Commands.*not shipped.*corpus.root=DIR"):
        commands.run(compose(commands, [f"folder={tmp_path / 'run'}", f"corpus.root={root}"]))


def test_what_is_no_copy_leaves_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        commands.run(settings(tmp_path / "run", tmp_path / "nowhere"))
    write_words(tmp_path / "copy", {"bed": 300, "cat": 800}, SPEAKERS["train"][:1])
    with pytest.raises(CorpusError, match="the 12-class protocol needs one of the words yes, no"):
        commands.run(settings(tmp_path / "run", tmp_path / "copy"))
    with pytest.raises(SettingsError, match=r"corpus.classes must be one of 12, 35; got 11"):
        commands.run(settings(tmp_path / "run", tmp_path / "copy", "corpus.classes=11"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("parts", "sentence"), [
    (["train"], "a copy needs recordings in the parts dev or test"),
    (["dev"], "a classifier needs clips to learn from, got none"),
])  # fmt: skip
def test_a_copy_without_one_of_the_parts(tmp_path: Path, parts: list[str], sentence: str) -> None:
    names = [name for part in parts for name in SPEAKERS[part][:2]]
    root = write_words(tmp_path / "copy", {"bed": 300, "cat": 800}, names)
    with pytest.raises(CorpusError, match=sentence):
        commands.run(settings(tmp_path / "run", root, "corpus.classes=35"))


def test_files_that_cannot_be_read_are_named_before_anything_is_learnt(tmp_path: Path) -> None:
    root = write_words(tmp_path / "copy", {"bed": 300, "cat": 800}, SPEAKERS["train"][:2])
    bad = [root / "bed" / f"{SPEAKERS[part][0]}_nohash_7.wav" for part in ("train", "test")]
    bad[0].write_text("words")
    soundfile.write(bad[1], np.array([0.1, np.nan] * 500), 16000, subtype="FLOAT")
    with pytest.raises(CorpusError, match="2 files cannot be read; mend or remove them") as caught:
        commands.run(settings(tmp_path / "run", root, "corpus.classes=35"))
    assert {line.split(": ")[0] for line in str(caught.value).splitlines()[1:]} == {str(path) for path in bad}
