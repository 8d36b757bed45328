"""Lines that another program than espeak says: who says how many, and where phonemes and keywords then lie."""

from __future__ import annotations

import shutil
from itertools import cycle

import numpy as np
import pytest

from speechcnn.corpora.keywords import again, recordings, script, voices
from speechcnn.corpora.keywords.again import said_again, sounds_of, words_of
from speechcnn.corpora.keywords.script import Counts
from speechcnn.corpora.keywords.speaking import Line, Spoken, speak
from speechcnn.corpora.keywords.voices import Voice
from speechcnn.corpora.synthesis import espeak, mbrola
from speechcnn.corpora.synthesis.espeak import Event, Speech
from speechcnn.corpora.synthesis.said import Said

FOUND = {
    "flite": shutil.which("flite") is not None,
    "mbrola": shutil.which("mbrola") is not None and all(map(mbrola.find_voice, mbrola.VOICES)),
}
programs = pytest.mark.parametrize(
    "program",
    [
        pytest.param(name, marks=pytest.mark.skipif(not found, reason=f"{name} is not installed"))
        for name, found in FOUND.items()
    ],
)
WITHOUT_STRAYS = (0.0, 0.0)


def said_by(program: str, text: str, keyword: str) -> list[Spoken]:
    lines = [Line(text, Voice(one.accent, one.name, program, 1.0, warp, 175.0), "keyword", keyword, keyword)
             for one, warp in zip(voices.PROGRAMS[program], cycle((1.0, 0.9, 1.1, 1.0)))]  # fmt: skip
    return speak(lines)


def spoken(names: str, lengths: list[int], samples: np.ndarray, words: tuple[int, ...] = (0,)) -> Speech:
    starts = [0, *np.cumsum(lengths)[:-1].tolist()]
    events = [Event(start, name) for start, name in zip(starts, names.split(), strict=True)]
    return Speech(samples, events, [Event(start) for start in words])


def test_words_and_pauses_are_handed_over_as_espeak_says_them() -> None:
    speech = spoken("_: D @ _: _ b 'OI h I _:", [1] * 10, np.zeros(10), words=(0, 5, 7))
    words = [[event.name for event in word] for word in words_of(speech)]
    assert words == [["D", "@"], [], ["b", "'OI"], ["h", "I"]]


def test_phonemes_and_pauses_lie_where_the_program_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["pau", "d", "pau", "ch", "ay", "ax", "n", "pau"]
    said = Said(np.zeros(800), 1000, names, [0.1 * (n + 1) for n in range(len(names))])
    monkeypatch.setitem(again.PROGRAMS, "flite", lambda speech, line: said)
    speech = spoken("D _: tS 'aI@ n _:", [1] * 6, np.zeros(6), words=(0, 2))
    heard = said_again(speech, {"program": "flite", "rhotic": True})
    assert [event.name for event in heard.phonemes] == ["_:", "D", "_:", "tS", "'aI@", "n", "_:"]
    # Every phone and pause lasts 0.1 s; the last vowel has two phones.
    assert [event.start / espeak.RATE for event in heard.phonemes] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    assert len(heard.samples) == pytest.approx(0.8 * espeak.RATE, abs=1)


def test_an_accent_says_the_phones_that_it_has() -> None:
    events = [Event(n, name) for n, name in enumerate(["_:", "h", "'aU", "T", "aI@", "dZ", "_:"])]

    def said(program: str, speaker: str) -> list[str]:
        heard = again.accented(events, {"program": program, "speaker": speaker, "rhotic": True})
        return [event.name for event in heard]

    assert said("mbrola", "fr1") == ["_:", "'aU", "s", "aI@", "dZ", "_:"]
    assert said("mbrola", "us1") == said("flite", "slt") == said("", "m3") == ["_:", "h", "'aU", "T", "aI@", "dZ", "_:"]


def test_a_stress_mark_stays_with_the_phone_said_instead() -> None:
    line = {"program": "mbrola", "speaker": "nl2", "rhotic": True}
    assert again.accented([Event(0, "'a")], line) == [Event(0, "'E")]


def test_an_accent_with_r_has_it_said() -> None:
    assert Voice("en-us", "slt", "flite", 1.0, 1.0, 175.0).rhotic
    assert not Voice("en-gb-x-rp", "slt", "flite", 1.0, 1.0, 175.0).rhotic
    assert again.flite_phones("'A@", rhotic=True) == ["aa1", "r"]
    assert again.flite_phones("A@", rhotic=False) == ["aa0"]


def test_a_closure_belongs_to_the_stop_and_pauses_at_the_ends_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "STRAYS", WITHOUT_STRAYS)
    tenth = espeak.RATE // 10
    loud, silent = np.ones(tenth), np.zeros(tenth)
    # A pause, a vowel whose second half is silent, a stop, a pause, a vowel of two phones, a pause.
    samples = np.concatenate([silent, loud, silent, loud, silent, loud, loud, silent])
    speech = spoken("_: 'I t _: A@ _:", [tenth, 2 * tenth, tenth, tenth, 2 * tenth, tenth], samples)
    sounds = sounds_of(speech, True, np.random.default_rng(0))
    assert [(one.phone, one.stressed) for one in sounds] == [
        ("ih", True), ("t", False), ("pau", False), ("aa", False), ("r", False),
    ]  # fmt: skip
    assert [one.seconds for one in sounds] == pytest.approx([0.1, 0.2, 0.1, 0.12, 0.08], abs=0.003)


def test_lengths_stray_about_espeaks_but_not_beyond_what_a_phone_may_last() -> None:
    lengths = [espeak.RATE * milliseconds // 1000 for milliseconds in (28, 125, 330)]
    speech = spoken("n A: n", lengths, np.ones(sum(lengths)))
    drawn = [sounds_of(speech, True, np.random.default_rng(seed)) for seed in range(300)]
    seconds = np.array([[sound.seconds for sound in sounds] for sounds in drawn])
    assert np.median(seconds[:, 1]) == pytest.approx(0.125, rel=0.05)
    assert seconds[:, 1].std() > 0.01
    assert (seconds.min(), seconds.max()) == (again.SHORTEST_SECONDS, again.LONGEST_SECONDS)


def test_shares_are_those_asked_for_and_in_training_alone() -> None:
    hello = script.prepare(["hello"])
    counts = Counts(keyword=200, near=100, part=40, with_keyword=10, other=40, sentence=10)
    shares = {"flite": 0.4, "mbrola": 0.2}

    def programs_of(split: str, asked: dict[str, float]) -> list[str]:
        return [line.voice.program for line in script.lines(split, hello, counts, 0, asked)]

    train = programs_of("train", shares)
    for program, share in shares.items():
        assert np.mean([one == program for one in train]) == pytest.approx(share, abs=0.08)
    spoken = script.lines("train", hello, counts, 0, shares)
    assert {line.voice.accent for line in spoken if line.voice.program == "flite"} == {"en-us"}
    by_mbrola = {(line.voice.variant, line.voice.accent) for line in spoken if line.voice.program == "mbrola"}
    assert by_mbrola == {(one.name, one.accent) for one in mbrola.VOICES.values()}
    assert not any(programs_of("dev", shares) + programs_of("test", shares))
    assert not any(programs_of("train", {}))


@programs
def test_the_word_is_where_it_is_heard(program: str) -> None:
    """An independent look: the word's beginning and end by the energy of the samples."""
    said = said_by(program, "banana", "banana")
    assert len(said) == len(voices.PROGRAMS[program])
    for one in said:
        assert one.span
        start, end = recordings.speech_span(one.samples)
        assert one.span[0] == pytest.approx(start, abs=0.1)
        assert one.span[1] == pytest.approx(end, abs=0.1)
        labels = [phone.label for phone in one.phones if phone.label != "sil"]
        assert (labels[::2], len(labels)) == (["b", "n", "n"], 6)
        assert set(labels[1::2]) <= {"ah", "ae", "aa", "eh"}  # by accent


@programs
def test_the_same_line_is_the_same_bytes(program: str) -> None:
    first, second = (said_by(program, "the banana is here", "banana") for _ in range(2))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, second, strict=True))
    assert all(one.span and one.speech[0] < one.span[0] < one.span[1] < one.speech[1] for one in first)
