"""MBROLA's voices: what the program is handed, and when it says what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speechcnn.corpora.synthesis import SynthesisError, mbrola
from speechcnn.corpora.synthesis.mbrola import Sound

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

    def put(fails: bool = False, voices: tuple[str, ...] = tuple(mbrola.VOICES)) -> Path:
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


def test_every_phone_of_espeak_can_be_said(espeak_phones: set[str]) -> None:
    assert all(mbrola.spelled([Sound(phone, 0.1)], aspirates=True) for phone in espeak_phones)
    with pytest.raises(SynthesisError, match="cannot say the phone 'zz'"):
        mbrola.spelled([Sound("zz", 0.1)], aspirates=False)


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
    assert mbrola.spelled(sounds, aspirates=True) == written.split()
    assert mbrola.spelled(sounds, aspirates=False) == written.replace("_h", "").split()


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


def test_a_failure_names_the_voice_and_what_it_did_not_say(pretended: Callable[..., Path]) -> None:
    pretended(fails=True)
    with pytest.raises(SynthesisError, match="voice us1 did not say 'n ow': no such diphone"):
        mbrola.say([Sound("n", 0.1), Sound("ow", 0.1)], "us1", 1.0, np.random.default_rng(0))


def test_a_missing_program_or_voice_gets_a_sentence(
    pretended: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(voices=("us1",))
    with pytest.raises(SynthesisError, match="need its voices us2, us3, which cannot be found: install"):
        mbrola.check_mbrola()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SynthesisError, match=r"the program mbrola, .*apt install mbrola mbrola-us1 mbrola-us2"):
        mbrola.check_mbrola()
