"""Flite's voices: what the program is asked for, and when it says what."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speechcnn.corpora.synthesis import SynthesisError, flite

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


def test_every_phone_of_espeak_can_be_said(espeak_phones: set[str]) -> None:
    assert {flite.spelled(phone).rstrip("01") for phone in espeak_phones - {"pau"}} <= flite.VOWELS | flite.CONSONANTS
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


def test_a_missing_program_or_voice_gets_a_sentence(
    pretended: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(0)
    with pytest.raises(SynthesisError, match="lacks the voices kal16, awb"):
        flite.check_flite()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SynthesisError, match="not installed: install it with the system's packages"):
        flite.check_flite()
