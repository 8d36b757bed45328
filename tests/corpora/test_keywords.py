"""What is spoken for a detector: sounds, voices, times, scenes, a user's recordings."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechcnn.corpora import CorpusError
from speechcnn.corpora.keywords import nonsense, recordings, scenes, script, sounds, voices
from speechcnn.corpora.keywords.advice import advice
from speechcnn.corpora.keywords.script import Counts, Keyword
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, speak
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.corpora.synthesis.sentences import table

COUNTS = Counts(keyword=6, near=6, part=4, with_keyword=6, other=4, sentence=4)
HELLO = ("hh", "ax", "l", "ow")


@pytest.fixture(scope="module")
def hello() -> Keyword:
    return script.prepare(["hello"])[0]


@pytest.fixture(scope="module")
def spoken(hello: Keyword) -> list[Spoken]:
    return speak(script.lines("test", [hello], COUNTS, 0), workers=1)


def cheapest(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """The edit distance by trying everything."""
    if not first or not second:
        return sum(map(sounds.left_out, first or second))
    return min(
        cheapest(first[1:], second[1:]) + sounds.change(first[0], second[0]),
        cheapest(first[1:], second) + sounds.left_out(first[0]),
        cheapest(first, second[1:]) + sounds.left_out(second[0]),
    )


@pytest.mark.parametrize("other", [("y", "eh", "l", "ow"), ("hh", "eh", "l"), ("f", "eh", "l", "ow", "z"), (), ("ax",)])
def test_the_distance_is_the_cheapest_way(other: tuple[str, ...]) -> None:
    assert sounds.distance(HELLO, other) == pytest.approx(cheapest(HELLO, other))


def test_phones_that_are_alike_cost_less() -> None:
    assert sounds.change("p", "b") < sounds.change("p", "g") <= 1
    assert sounds.change("m", "n") < sounds.change("m", "s")
    assert sounds.change("ih", "iy") < sounds.change("ih", "aa")
    assert sounds.change("ih", "m") == 1.0
    every = [row["phone"] for row in sounds.table("phone_features.tsv")]
    assert all(sounds.change(a, b) == sounds.change(b, a) for a, b in product(every, every))


def test_near_misses_are_found(hello: Keyword) -> None:
    near = [one.text for one in hello.near]
    assert {"hollow", "halo", "cello", "hell", "fellow", "yellow", "low"} <= set(near)
    assert any(" " in text for text in near)
    assert "hello" not in " ".join(near).split()
    assert all(one.distance >= sounds.HOMOPHONE for one in hello.near)
    assert HELLO in hello.phones
    assert ("hh", "eh", "l", "ow") in hello.phones
    assert "[[j@l'oU]]" in hello.made_up
    assert "[[hEl'oU]]" not in hello.made_up  # that is hello


def test_what_an_accent_says_for_the_word_is_no_part_of_it(hello: Keyword) -> None:
    assert ("ax", "l", "ow") in hello.phones  # in the West Midlands
    assert "[[@l'oU]]" not in hello.parts
    assert {"[[h@l]]", "[[l'oU]]"} <= set(hello.parts)


def test_advice_warns_of_short_words(hello: Keyword) -> None:
    text = advice(hello)
    assert "4 phones, 2 syllables" in text
    assert "It is short" in text
    assert "hollow" in text


@pytest.mark.parametrize(("text", "sentence"), [
    ("h3llo", "must be a word or a phrase of Latin letters"),
    ("", "must be a word or a phrase of Latin letters"),
    ("hmm", "cannot say 'hmm' as a word, it would spell it out"),
    ("你好", "must be a word or a phrase of Latin letters"),
])  # fmt: skip
def test_what_cannot_be_said_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SynthesisError, match=sentence):
        script.prepare([text])


def test_no_two_splits_share_a_voice() -> None:
    sets = [{variant for _, variant in voices.variants_of(split)} for split in voices.SPLITS]
    assert all(sets)
    assert sum(map(len, sets)) == len(set.union(*sets))
    families = {split: {family for family, _ in voices.variants_of(split)} for split in voices.SPLITS}
    assert "klatt" in families["test"]
    assert "klatt" not in families["train"] | families["dev"]
    assert voices.HELD_OUT_ACCENT in voices.accents_of("test")
    assert voices.HELD_OUT_ACCENT not in voices.accents_of("train") + voices.accents_of("dev")


def test_no_two_splits_share_a_sentence(hello: Keyword) -> None:
    texts = [
        {line.text for line in script.lines(split, [hello], COUNTS, 0) if line.kind == "sentence"}
        for split in voices.SPLITS
    ]
    assert len(set.union(*texts)) == 3 * COUNTS.sentence


def test_every_third_near_miss_is_kept_for_the_test(hello: Keyword) -> None:
    train, test = script.near_of(hello, "train"), script.near_of(hello, "test")
    assert set(train) < set(test)
    assert len(test) - len(train) == len(test) // 3


def test_the_span_is_where_the_word_is_heard(spoken: list[Spoken]) -> None:
    """An independent look: the word's beginning and end by the energy of the samples."""
    alone = [one for one in spoken if one.line.kind == "keyword"]
    assert len(alone) == COUNTS.keyword
    for one in alone:
        assert one.span
        start, end = recordings.speech_span(one.samples)
        assert one.span[0] == pytest.approx(start, abs=0.1)  # a weak h has little energy
        assert one.span[1] == pytest.approx(end, abs=0.08)
    inside = [one for one in spoken if one.line.kind == "with"]
    assert inside
    assert all(one.span and 0.15 < one.span[1] - one.span[0] < 1.2 for one in inside)
    assert all(one.span is None for one in spoken if one.line.kind in ("near", "other", "sentence"))


def test_phones_follow_each_other_through_a_line(spoken: list[Spoken]) -> None:
    for one in spoken:
        assert [a.end for a in one.phones[:-1]] == pytest.approx([b.start for b in one.phones[1:]])
        assert one.phones[-1].end == pytest.approx(len(one.samples) / RATE)
    hellos = [one for one in spoken if one.line.kind == "keyword"]
    for one in hellos:
        said = [phone for phone in one.phones if phone.label != "sil"]
        assert [phone.label for phone in said][-2:] == ["l", "ow"]
        assert said[0].start == pytest.approx(one.span[0], abs=0.001)  # type: ignore[index]


def test_a_phoneme_of_several_phones_is_shared_out() -> None:
    found = sounds.timed(["_:", "a", "no such phoneme", "k"], [0.0, 0.1, 0.3, 0.5], 0.8, False)
    assert [(one.label, one.start, one.end) for one in found] == [("sil", 0.0, 0.1), ("ae", 0.1, 0.3), ("k", 0.5, 0.8)]
    both = sounds.timed(["e@"], [1.0], 1.4, True)
    assert len(both) > 1
    assert [one.end for one in both] == pytest.approx([1.0 + 0.4 * (n + 1) / len(both) for n in range(len(both))])


def test_an_accent_with_r_has_it_among_its_phones() -> None:
    with_r, without = (sounds.timed(["A@", "t#", "3"], [0.0, 0.2, 0.3], 0.4, rhotic) for rhotic in (True, False))
    assert [one.label for one in with_r] == ["aa", "r", "dx", "er"]
    assert [one.label for one in without] == ["aa", "dx", "ah"]


def test_stars_have_an_r_in_america_alone() -> None:
    lines = [
        Line("star", voices.Voice(accent, voices.PLAIN, "formant", 1.0, 1.0, 160.0), "other")
        for accent in ("en-us", "en-gb-x-rp")
    ]
    phones = [[phone.label for phone in one.phones if phone.label != "sil"] for one in speak(lines, workers=1)]
    assert phones == [["s", "t", "aa", "r"], ["s", "t", "aa"]]


def test_a_stop_begins_with_its_closure() -> None:
    """An independent look: the samples of "eight" are loud until its t begins, and silent for 30 ms from there."""
    (eight,) = speak([Line("eight", voices.Voice("en-us", voices.PLAIN, "formant", 1.0, 1.0, 160.0), "other")], 1)
    (t,) = (phone for phone in eight.phones if phone.label == "t")
    start, frame = round(t.start * RATE), RATE // 100
    loudest = np.abs(eight.samples).max()
    assert np.abs(eight.samples[start - 2 * frame : start - frame // 2]).max() > 0.03 * loudest
    assert np.abs(eight.samples[start + frame // 2 : start + 3 * frame]).max() < 0.003 * loudest


def test_nonsense_can_be_spoken_and_holds_no_keyword(hello: Keyword) -> None:
    draw = np.random.default_rng(0)
    texts = [nonsense.sentence(draw, hello.phones) for _ in range(200)]
    assert len(set(texts)) == 200
    made = speak([Line(text, script.plain_voice("en-us"), "sentence") for text in texts[:5]], workers=1)
    assert [len(one.line.text.split()) <= len(one.phones) for one in made] == [True] * 5
    assert all(sounds.kind_of(sounds.phones_of([name])[0]) for name in (*nonsense.ONSETS, *nonsense.CODAS))
    with_taboo = [nonsense.sentence(np.random.default_rng(n), [("b",)]) for n in range(50)]
    assert not any("b" in text for text in with_taboo)


def test_the_number_of_workers_changes_nothing(hello: Keyword, spoken: list[Spoken]) -> None:
    again = speak(script.lines("test", [hello], COUNTS, 0), workers=2)
    assert len(again) == len(spoken)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(again, spoken, strict=True))


def test_another_seed_speaks_otherwise(hello: Keyword) -> None:
    first, second = (script.lines("train", [hello], COUNTS, seed) for seed in (0, 1))
    assert first != second
    assert first == script.lines("train", [hello], COUNTS, 0)


def test_scenes_hold_what_was_said_where_they_say(spoken: list[Spoken]) -> None:
    laid = list(scenes.lay_out(spoken, 4.0, "test", [0]))
    said = [(scene, one) for scene in laid for one in scene.said]
    assert len(said) == len(spoken)
    by_text = {(one.line.text, one.line.voice.name, len(one.samples)): one for one in spoken}
    assert len({scene.id for scene in laid}) == len(laid)
    for scene, one in said:
        heard = scene.samples[int(one.start * RATE) : int(one.end * RATE)].astype(float)
        twins = [
            clean.samples[int((clean.span or clean.speech)[0] * RATE) :][: len(heard)].astype(float)
            for (text, _, _), clean in by_text.items()
            if text == one.text
        ]
        best = max(abs(np.corrcoef(heard[: len(twin)], twin)[0, 1]) for twin in twins if len(twin) > 100)
        assert best > 0.5  # the same samples up to a sample's shift


def test_some_lines_carry_noise_of_their_own(spoken: list[Spoken]) -> None:
    line = spoken[0].samples
    found = [scenes._floored(line, np.random.default_rng(seed)) for seed in range(200)]
    noises = [one - line for one in found if not np.array_equal(one, line)]
    assert 35 < len(noises) < 85  # three of ten
    decibels = [20 * np.log10(scenes.rms(line) / scenes.rms(noise)) for noise in noises]
    assert 9.9 < min(decibels) < 14
    assert 36 < max(decibels) < 40.1


def test_backgrounds_last_as_long_as_asked(spoken: list[Spoken]) -> None:
    draw = np.random.default_rng(0)
    for sound in (scenes.babble(30_000, spoken, draw), scenes.music(30_000, draw)):
        assert sound.shape == (30_000,)
        assert np.isfinite(sound).all()
        assert scenes.rms(sound) > 0
    mixed = scenes.under(np.ones(1000, np.float32), np.full(1000, 3.0, np.float32), 20.0)
    assert mixed == pytest.approx(np.full(1000, 1.1))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Two positives, one of them at 48 kHz in stereo, and a negative at 8 kHz."""
    tone = np.sin(np.arange(48000) / 20) * np.hanning(48000)
    for name in ("positives", "negatives"):
        (tmp_path / name).mkdir()
    soundfile.write(tmp_path / "positives" / "a.wav", np.stack([tone, tone], 1) * 0.5, 48000)
    soundfile.write(tmp_path / "positives" / "b.wav", np.clip(tone * 40, -1, 1)[:16000], 16000)
    soundfile.write(tmp_path / "negatives" / "c.wav", tone[:16000] * 0.3, 8000)
    return tmp_path


def test_own_recordings_of_any_rate_are_read(own: Path) -> None:
    found = recordings.read(own, ["hello"])
    assert [round(len(one.samples) / RATE, 2) for one in found.positives] == [1.0, 1.0]
    assert len(found.negatives[0].samples) / RATE == pytest.approx(2.0, abs=0.01)
    assert found.positives[0].span
    assert 0.0 < found.positives[0].span[0] < 0.2
    assert found.positives[0].line.keyword == "hello"
    assert "1 recordings are clipped" in found.notes[0]
    assert "b.wav" in found.notes[0]


def test_every_fault_of_the_recordings_is_named(own: Path) -> None:
    soundfile.write(own / "positives" / "short.wav", np.ones(800), 16000)
    soundfile.write(own / "positives" / "silent.wav", np.zeros(16000), 16000)
    (own / "positives" / "text.wav").write_text("no sound")
    with pytest.raises(CorpusError) as caught:
        recordings.read(own, ["hello"])
    assert "3 faults" in str(caught.value)
    for name, sentence in (("short", "must last from 0.1 "), ("silent", "it is silent"), ("text", "text.wav")):
        assert name in str(caught.value)
        assert sentence in str(caught.value)


@pytest.mark.parametrize(("make", "sentence"), [
    ((), "no such folder"), (("",), "holds neither positives/ nor negatives/"),
    (("", "positives"), "holds no sound file"),
])  # fmt: skip
def test_a_folder_without_recordings_is_refused(tmp_path: Path, make: tuple[str, ...], sentence: str) -> None:
    for part in make:
        (tmp_path / "own" / part).mkdir() if part else (tmp_path / "own").mkdir()
    with pytest.raises(CorpusError, match=sentence):
        recordings.read(tmp_path / "own", ["hello"])


def test_a_line_of_nothing_is_left_out() -> None:
    voice = script.plain_voice("en-us")
    assert [one.line.text for one in speak([Line(" ", voice, "other"), Line("yes", voice, "other")])] == ["yes"]


def test_what_lies_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "speechcnn").mkdir()
    (tmp_path / "speechcnn" / "__init__.py").write_text("raise RuntimeError('nor this one')")
    monkeypatch.chdir(tmp_path)
    assert len(speak([Line("yes", script.plain_voice("en-us"), "other")])) == 1


def test_every_vowel_that_espeak_joins_with_a_schwa_is_known() -> None:
    """Nonsense has any vowel before any other: espeak makes one phoneme of some pairs ("aU" and "@")."""
    known = {row["espeak"] for row in table("espeak_to_timit.tsv")}
    voice = script.plain_voice("en-029")
    made = speak([Line(f"[['{vowel}@b]]", voice, "sentence") for vowel in nonsense.VOWELS])
    names = {name.lstrip(",'") for one in made for name in one.phonemes if not name.startswith("_")}
    assert len(made) == len(nonsense.VOWELS)
    assert "aU@" in names
    assert names <= known
