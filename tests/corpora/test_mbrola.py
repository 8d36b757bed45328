"""MBROLA's voices: what the program is handed, and when it says what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speechcnn.corpora.synthesis import SynthesisError, mbrola
from speechcnn.corpora.synthesis.mbrola import VOICES, MbrolaVoice, Sound

# A program that keeps what it was handed, and gives silence of that length, or fails.
PROGRAM = """#!{python}
import sys, wave
option, voice, written, said = sys.argv[1:]
rows = open(written).read()
open({note!r}, "w").write(voice + "\\n" + rows)
if {fails}:
    sys.exit("no such diphone")
with wave.open(said, "wb") as stream:
    stream.setparams((1, 2, 16000, 0, "NONE", ""))
    stream.writeframes(bytes(32 * sum(int(row.split()[1]) for row in rows.splitlines())))
"""


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a pretended mbrola, with voices, in the place of the real one."""

    def put(fails: bool = False, voices: tuple[str, ...] = tuple(VOICES)) -> Path:
        program, note = tmp_path / "mbrola", tmp_path / "handed.txt"
        program.write_text(PROGRAM.format(python=sys.executable, note=str(note), fails=fails))
        program.chmod(0o755)
        for name in voices:
            (tmp_path / "voices" / name).mkdir(parents=True)
            (tmp_path / "voices" / name / name).touch()
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(mbrola, "FOLDERS", (tmp_path / "voices",))
        return note

    return put


@pytest.mark.parametrize("voice", VOICES.values(), ids=list(VOICES))
def test_every_phone_of_espeak_is_said_or_left_out(voice: MbrolaVoice, espeak_phones: set[str]) -> None:
    left_out = {phone for phone in espeak_phones if not mbrola.heard_as(phone, voice)}
    assert left_out <= {"hh"}
    for phone in espeak_phones - left_out:
        heard = mbrola.heard_as(phone, voice)
        assert mbrola.heard_as(heard, voice) == heard
        assert mbrola.spelled([Sound(phone, 0.1)], voice) == mbrola.spelled([Sound(heard, 0.1)], voice)
    with pytest.raises(SynthesisError, match=f"voice {voice.name} cannot say the phone 'zz'"):
        mbrola.spelled([Sound("zz", 0.1)], voice)


def names_in(path: Path) -> set[str]:
    """Read the names of the phones off a voice's file: the two of each of its pairs, from byte 27 on."""
    stored = path.read_bytes()
    at, names = 27, set()
    for _ in range(int.from_bytes(stored[11:13], "little")):
        first, second, _ = stored[at : at + 40].split(b"\0", 2)
        names |= {first.decode("latin1"), second.decode("latin1")}
        at += len(first) + len(second) + 6
        if len(first) + len(second) > 20:  # no more names
            break
    return names


@pytest.mark.parametrize("voice", VOICES.values(), ids=list(VOICES))
def test_every_name_of_a_phone_stands_in_the_voice(voice: MbrolaVoice, espeak_phones: set[str]) -> None:
    path = mbrola.find_voice(voice.name)
    if path is None:
        pytest.skip(f"mbrola-{voice.name} is not installed")
    said = [phone for phone in sorted(espeak_phones) if mbrola.heard_as(phone, voice)]
    assert {name for phone in said for name in mbrola.spelled([Sound(phone, 0.1)], voice)[0]} <= names_in(path)


@pytest.mark.parametrize(
    ("voice", "phone", "heard", "written"),
    [
        ("us1", "th", "th", ["T"]),
        ("nl2", "th", "s", ["s"]),
        ("in2", "w", "v", ["v"]),
        ("fr1", "hh", "", None),
        ("de6", "er", "er", ["@", "r"]),
        ("de6", "dx", "t", ["t"]),
        ("us3", "dx", "dx", ["d"]),  # no vowel on either side
    ],
)
def test_what_a_voice_lacks_is_another_phone(voice: str, phone: str, heard: str, written: list[str] | None) -> None:
    assert mbrola.heard_as(phone, VOICES[voice]) == heard
    if written:
        assert mbrola.spelled([Sound(phone, 0.1)], VOICES[voice]) == [written]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("t ay1", "t_h AI"),  # begins a stressed syllable
        ("s t ay1", "s t AI"),
        ("pau k ax", "_ k_h @"),  # begins what is said
        ("n ax t ax", "n @ t @"),
        ("t r ay1", "t r AI"),
        ("b eh1 dx axr", "b E 4 r="),
        ("dx m", "d m"),
    ],
)
def test_stops_sound_as_where_they_stand(said: str, written: str) -> None:
    sounds = [Sound(phone.rstrip("1"), 0.1, phone.endswith("1")) for phone in said.split()]
    assert mbrola.spelled(sounds, VOICES["us1"]) == [[name] for name in written.split()]
    assert mbrola.spelled(sounds, VOICES["us3"]) == [[name] for name in written.replace("_h", "").split()]


def test_the_program_is_handed_each_phone_with_its_length_and_each_vowel_with_its_pitch(
    pretended: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = pretended()
    monkeypatch.setattr(mbrola, "STRAYS", (0.0, 0.0))
    monkeypatch.setattr(mbrola, "DECLINES", (0.2, 0.2))
    monkeypatch.setattr(mbrola, "STRESSES", (0.1, 0.1))
    sounds = [Sound("n", 0.1), Sound("ow", 0.3, True), Sound("pau", 0.2), Sound("ax", 0.1), Sound("s", 0.1)]
    said = mbrola.say(sounds, "us2", 1.5, np.random.default_rng(0))
    voice, *rows = note.read_text().splitlines()
    assert Path(voice).name == "us2"
    # Ends of the vowels lie at 0.5 and 0.8 of 1.0 s; 0.2 is what the line falls by.
    high, low = 172.5 * np.exp(0.2 * (0.5 - 0.5) + 0.1), 172.5 * np.exp(0.2 * (0.5 - 0.8))
    assert rows == ["_ 100", "n 100", f"@U 300 50 {high:.0f}", "_ 200", f"@ 100 50 {low:.0f}", "s 100", "_ 100"]
    assert said.names == ["pau", "n", "ow", "pau", "ax", "s", "pau"]
    assert said.ends == pytest.approx([0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1.0])
    assert (len(said.samples), said.rate) == (16000, 16000)


def test_a_phone_of_two_parts_is_as_long_as_both(pretended: Callable[..., Path]) -> None:
    note = pretended()
    said = mbrola.say([Sound("er", 0.151), Sound("n", 0.1)], "de6", 1.0, np.random.default_rng(0))
    rows = [row.split() for row in note.read_text().splitlines()[1:]]
    assert [row[:2] for row in rows] == [["_", "100"], ["@", "75"], ["r", "76"], ["n", "100"], ["_", "100"]]
    assert rows[1][2:] == rows[2][2:] != []  # one pitch
    assert said.ends == pytest.approx([0.1, 0.251, 0.351, 0.451])


def test_a_failure_names_the_voice_and_what_it_did_not_say(pretended: Callable[..., Path]) -> None:
    pretended(fails=True)
    with pytest.raises(SynthesisError, match="voice us1 did not say 'n ow': no such diphone"):
        mbrola.say([Sound("n", 0.1), Sound("ow", 0.1)], "us1", 1.0, np.random.default_rng(0))


def test_a_missing_program_or_voice_gets_a_sentence(
    pretended: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(voices=("us1",))
    with pytest.raises(SynthesisError, match=r"need its voices us2, us3, .*, lt1, which cannot be found: install"):
        mbrola.check_mbrola()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SynthesisError, match=r"the program mbrola, .*apt install mbrola mbrola-us1 mbrola-us2"):
        mbrola.check_mbrola()
