"""Flite's voices: what the program is asked for, when it says what, and what becomes of lines that it says."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speechcnn.corpora.keywords import recordings, script, voices, worker
from speechcnn.corpora.keywords.script import Counts
from speechcnn.corpora.keywords.speaking import Line, Spoken, speak
from speechcnn.corpora.keywords.voices import Voice
from speechcnn.corpora.synthesis import SynthesisError, espeak, flite, phones
from speechcnn.corpora.synthesis.espeak import Event, Speech
from speechcnn.corpora.synthesis.sentences import table

# A program that says nothing, notes what it was asked for, and gives each phone 0.1 s.
PROGRAM = """#!{python}
import json, re, sys, wave
options = dict(zip(sys.argv[1:], sys.argv[2:]))
json.dump(sys.argv[1:], open({note!r}, "w"))
if "-lv" in sys.argv:
    sys.exit(print("Voices available: kal rms slt"))
words = re.findall('<phoneme ph="([^"]*)">w</phoneme>|(<break/>)', options["-t"])
names = ["pau", *(name.rstrip("01") for word, pause in words for name in (["pau"] if pause else word.split())), "pau"]
names = names[:1] + names[1 + {cut} :]
print(*(f"{{name}}:{{0.1 * (n + 1):.3f}}" for n, name in enumerate(names)))
with wave.open(options["-o"], "wb") as stream:
    stream.setparams((1, 2, 16000, 0, "NONE", ""))
    stream.writeframes(bytes(3200 * len(names)))
"""

installed = pytest.mark.skipif(shutil.which("flite") is None, reason="the program flite is not installed")


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Put a pretended flite in the place of the real one; it leaves out the first phones of what it is given."""

    def put(cut: int) -> Path:
        note = tmp_path / "asked.json"
        program = tmp_path / "flite"
        program.write_text(PROGRAM.format(python=sys.executable, note=str(note), cut=cut))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return note

    return put


def said_by_flite(text: str, keyword: str, accent: str = "en-us") -> list[Spoken]:
    lines = [Line(text, Voice(accent, name, voices.FLITE, 1.0, warp, 175.0), "keyword", keyword, keyword)
             for name, warp in zip(flite.VOICES, (1.0, 0.9, 1.1, 1.0), strict=True)]  # fmt: skip
    return speak(lines, workers=1)


def test_every_phone_of_espeak_can_be_said() -> None:
    rows = [row["espeak"] for row in table("espeak_to_timit.tsv")]
    every = {phone for name in rows for rhotic in (False, True) for phone, _ in phones.symbols(name, rhotic)}
    assert {flite.spelled(phone).rstrip("01") for phone in every - {"pau"}} <= flite.VOWELS | flite.CONSONANTS
    with pytest.raises(SynthesisError, match="cannot say the phone 'zz'"):
        flite.spelled("zz")


def test_the_program_is_asked_for_words_of_phones_pitch_and_speed(pretended: Callable[[int], Path]) -> None:
    note = pretended(0)
    said = flite.say([["n", "ow1"], [], ["b", "oy1"]], "slt", 1.5, 350.0)
    asked = json.loads(note.read_text())
    assert "-ssml" in asked
    markup = '<speak><phoneme ph="n ow1">w</phoneme> <break/> <phoneme ph="b oy1">w</phoneme></speak>'
    assert asked[asked.index("-t") + 1] == markup
    assert asked[asked.index("-voice") + 1] == "slt"
    assert "duration_stretch=0.5000" in asked
    assert f"int_f0_target_mean={1.5 * flite.VOICES['slt']:.4f}" in asked
    assert said.names == ["pau", "n", "ow", "pau", "b", "oy", "pau"]
    assert said.ends == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert (len(said.samples), said.rate) == (11200, 16000)


def test_other_phones_than_asked_for_are_refused(pretended: Callable[[int], Path]) -> None:
    pretended(1)
    with pytest.raises(SynthesisError, match="voice slt did not say 'n ow'"):
        flite.say([["n", "ow1"]], "slt", 1.0, 175.0)


def test_words_and_pauses_are_handed_over_as_espeak_says_them() -> None:
    names = ["_:", "D", "@", "_:", "_", "b", "'OI", "h", "I", "_:"]
    events = [Event(start, name) for start, name in enumerate(names)]
    speech = Speech(np.zeros(10), events, [Event(0), Event(5), Event(7)])
    words = [[event.name for event in word] for word in worker.words_of(speech)]
    assert words == [["D", "@"], [], ["b", "'OI"], ["h", "I"]]


def test_phonemes_and_pauses_lie_where_flite_says_them(pretended: Callable[[int], Path]) -> None:
    pretended(0)
    events = [Event(start, name) for start, name in enumerate(["D", "_:", "tS", "'aI@", "_:"])]
    line = {"flite": "slt", "pitch": 1.0, "warp": 1.0, "words_per_minute": 175.0, "rhotic": True}
    said = worker.said_again(Speech(np.zeros(5), events, [Event(0), Event(2)]), line)
    names = [event.name for event in said.phonemes]
    assert names == ["_:", "D", "_:", "tS", "'aI@", "_:"]
    # Every phone and pause lasts 0.1 s; the last vowel has two phones.
    assert [event.start / espeak.RATE for event in said.phonemes] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.6])


def test_a_missing_program_or_voice_gets_a_sentence(
    pretended: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(0)
    with pytest.raises(SynthesisError, match="lacks the voices kal16, awb"):
        flite.check_flite()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SynthesisError, match="not installed: install it with the system's packages"):
        flite.check_flite()


def test_the_share_of_its_voices_is_that_asked_for_american_and_in_training_alone() -> None:
    hello = script.prepare(["hello"])
    counts = Counts(keyword=200, near=100, part=40, with_keyword=10, other=40, sentence=10)
    spoken = script.lines("train", hello, counts, 0, 0.4)
    assert {line.voice.accent for line in spoken if line.voice.family == voices.FLITE} == {"en-us"}
    by_flite = {
        split: [line.voice.family == voices.FLITE for line in script.lines(split, hello, counts, 0, 0.4)]
        for split in voices.SPLITS
    }
    assert np.mean(by_flite["train"]) == pytest.approx(0.4, abs=0.08)
    assert not any(by_flite["dev"] + by_flite["test"])
    assert not any(line.voice.family == voices.FLITE for line in script.lines("train", hello, counts, 0))


@installed
def test_the_word_is_where_it_is_heard() -> None:
    """An independent look: the word's beginning and end by the energy of the samples."""
    flite.check_flite()
    said = said_by_flite("banana", "banana")
    assert len(said) == len(flite.VOICES)
    for one in said:
        assert one.span
        start, end = recordings.speech_span(one.samples)
        assert one.span[0] == pytest.approx(start, abs=0.1)
        assert one.span[1] == pytest.approx(end, abs=0.1)
        assert [phone.label for phone in one.phones if phone.label != "sil"] == ["b", "ah", "n", "ae", "n", "ah"]


def test_an_accent_with_r_has_it_said() -> None:
    assert Voice("en-us", "slt", voices.FLITE, 1.0, 1.0, 175.0).rhotic
    assert not Voice("en-gb-x-rp", "slt", voices.FLITE, 1.0, 1.0, 175.0).rhotic
    assert worker.flite_phones("'A@", rhotic=True) == ["aa1", "r"]
    assert worker.flite_phones("A@", rhotic=False) == ["aa0"]


@installed
def test_the_same_line_is_the_same_bytes() -> None:
    first, second = (said_by_flite("the banana is here", "banana") for _ in range(2))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, second, strict=True))
    assert all(one.span and one.speech[0] < one.span[0] < one.span[1] < one.speech[1] for one in first)
