"""The reader of Speech Commands: the published rule, both protocols, silence, duplicates and refusals."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.corpora import CorpusError
from speechcnn.corpora import speech_commands as commands
from speechcnn.corpora.speech_commands import SILENCE, UNKNOWN

SPEAKERS = [f"{number:08x}" for number in range(0x1000, 0x1000 + 60)]
WORDS = ("yes", "no", "bed", "cat", "happy")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("commands")
    rng = np.random.default_rng(0)
    for word in WORDS:
        (root / word).mkdir()
        for speaker in SPEAKERS:
            audio.write(root / word / f"{speaker}_nohash_0.flac", 0.1 * rng.standard_normal(800).clip(-5, 5), 16000)
    (root / "_background_noise_").mkdir()
    for name in ("tap", "wind"):
        noise = np.linspace(0, 0.9, 16000 * 20)  # its value tells the time
        audio.write(root / "_background_noise_" / f"{name}.wav", noise, 16000)
    return root


def published(filename: str) -> str:
    """The rule as it is published with the corpus, in its own words and numbers."""
    base_name = filename.split("/")[-1]
    hash_name = re.sub(r"_nohash_.*$", "", base_name)
    hashed = hashlib.sha1(hash_name.encode("utf-8")).hexdigest()
    percentage_hash = (int(hashed, 16) % 134217728) * (100.0 / 134217727)
    if percentage_hash < 10:
        return "dev"
    return "test" if percentage_hash < 20 else "train"


def test_the_part_is_that_of_the_published_rule():
    names = [f"bed/{number:08x}_nohash_{number % 5}.wav" for number in range(7, 2**32, 2**32 // 4000)]
    parts = Counter(map(commands.which_part, names))
    assert [commands.which_part(name) for name in names] == [published(name) for name in names]
    assert 0.08 < parts["dev"] / len(names) < 0.12
    assert 0.08 < parts["test"] / len(names) < 0.12


def test_no_speaker_stands_in_two_parts(root):
    found = commands.read(root)
    assert found.labels == tuple(sorted(WORDS))
    parts = {(one.speaker, one.part) for one in found.commands}
    assert len(parts) == len({speaker for speaker, _ in parts}) == len(SPEAKERS)
    assert len(found.commands) == len(WORDS) * len(SPEAKERS)
    assert all(found.part(part) for part in ("train", "dev", "test"))
    assert "5 words; the whole corpus has 35 or 30" in found.notes


def test_shipped_lists_come_before_the_hash_and_differences_are_told(root, tmp_path):
    copy = tmp_path / "copy"
    (copy / "yes").mkdir(parents=True)
    names = [f"yes/{speaker}_nohash_0.flac" for speaker in SPEAKERS[:10]]
    for name in names:
        (copy / name).write_bytes((root / name).read_bytes())
    wav = [name.replace(".flac", ".wav") for name in names]
    (copy / "validation_list.txt").write_text("\n".join(wav[:2]) + "\n")
    (copy / "testing_list.txt").write_text("\n".join(wav[2:5]) + "\n")
    found = commands.read(copy)
    assert [one.part for one in found.commands] == ["dev"] * 2 + ["test"] * 3 + ["train"] * 5
    other = sum(one.part != published(one.path.name) for one in found.commands)
    assert f"{other} files are listed in another part than the hash of their names gives" in found.notes


def test_silence_and_unknown_are_a_tenth_rounded_up_in_every_part(root):
    found = commands.read(root, classes=12)
    assert found.labels[:3] == (SILENCE, UNKNOWN, "yes")
    for part in ("train", "dev", "test"):
        counts = Counter(one.label for one in found.part(part))
        tenth = -(-(counts["yes"] + counts["no"]) // 10)
        assert counts["yes"] == counts["no"] == len([s for s in SPEAKERS if published(s) == part])
        assert (counts[UNKNOWN], counts[SILENCE]) == (tenth, tenth)
        assert {one.word for one in found.part(part) if one.label == UNKNOWN} <= {"bed", "cat", "happy"}
        assert all(published(one.speaker) == part for one in found.part(part) if one.label != SILENCE)
    assert commands.read(root, classes=12) == found


def test_unknown_words_are_not_the_first_of_the_alphabet(root):
    unknown = [one.word for one in commands.read(root, 12, unknown=50).commands if one.label == UNKNOWN]
    assert set(unknown) == {"bed", "cat", "happy"}


def test_silence_of_the_parts_comes_from_different_stretches(root):
    found = commands.read(root, classes=12, silence=100)
    for part, low, high in (("train", 0.0, 0.8), ("dev", 0.8, 0.9), ("test", 0.9, 1.0)):
        silent = [one for one in found.part(part) if one.label == SILENCE]
        sounds = [commands.samples(one) / one.gain for one in silent if one.gain > 0.01]
        assert len(sounds) >= 4
        assert all(low * 0.9 - 1e-3 <= sound.min() and sound.max() <= high * 0.9 + 1e-3 for sound in sounds)
        assert all(len(sound) == 16000 for sound in sounds)


def test_a_short_word_ends_in_zeros_and_a_long_one_is_cut(root, tmp_path):
    one = commands.read(root).commands[0]
    sound = commands.samples(one)
    assert sound.shape == (16000,)
    assert sound[:800].any()
    assert not sound[800:].any()
    audio.write(tmp_path / "long.wav", np.full(40000, 0.5), 16000)
    long = commands.Command(tmp_path / "long.wav", "yes", "yes", "x", "train")
    assert (commands.samples(long) == 0.5).all()
    assert commands.samples(long, rate=8000).shape == (8000,)


def test_a_copy_without_noise_has_digital_silence_and_says_so(root, tmp_path):
    copy = tmp_path / "copy"
    (copy / "yes").mkdir(parents=True)
    for speaker in SPEAKERS:
        (copy / "yes" / f"{speaker}_nohash_0.flac").write_bytes(
            (root / "yes" / f"{speaker}_nohash_0.flac").read_bytes()
        )
    found = commands.read(copy, classes=12)
    silent = next(one for one in found.commands if one.label == SILENCE)
    assert not commands.samples(silent).any()
    assert any("digital silence" in note for note in found.notes)
    assert any("no recording of no, up" in note for note in found.notes)


def test_duplicates_are_named(root, tmp_path):
    copy = tmp_path / "copy"
    (copy / "yes").mkdir(parents=True)
    same = (root / "yes" / f"{SPEAKERS[0]}_nohash_0.flac").read_bytes()
    for take in range(2):
        (copy / "yes" / f"aa_nohash_{take}.flac").write_bytes(same)
    (copy / "yes" / "bb_nohash_0.flac").write_bytes((root / "no" / f"{SPEAKERS[0]}_nohash_0.flac").read_bytes())
    pairs = commands.duplicates(commands.read(copy).commands)
    assert pairs == [(copy / "yes" / "aa_nohash_0.flac", copy / "yes" / "aa_nohash_1.flac")]


def test_what_is_no_copy_is_refused(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        commands.read(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="a folder of sound files for each word"):
        commands.read(tmp_path)
    with pytest.raises(CorpusError, match="classes must be 12 or 35, got 11"):
        commands.read(root, classes=11)
    (tmp_path / "bed").mkdir()
    (tmp_path / "bed" / "aa_nohash_0.flac").write_bytes((root / "bed" / f"{SPEAKERS[0]}_nohash_0.flac").read_bytes())
    with pytest.raises(CorpusError, match="needs one of the words yes, no"):
        commands.read(tmp_path, classes=12)
