"""MBROLA through its program: phones, their lengths and pitches in, samples out, in voices cut from real ones.

It joins pieces of a speaker's recordings, each from the middle of a phone to the middle of the next, so that its
spectra are a speaker's own, not a model's. Lengths and melody it takes from whoever asks, and with them it says phones
exactly when it was told to.

Its voices are free of charge, but may neither be sold nor be part of what is sold; each comes with its terms.

Source: Dutoit, Pagel, Pierret, Bataille and van der Vrecken (1996), "The MBROLA project: towards a set of high quality
speech synthesizers free of use for non commercial purposes".
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.said import PAUSE, Said, read_samples

PROGRAM = "mbrola"
FOLDERS = (Path("/usr/share/mbrola"), Path("/usr/local/share/mbrola"))
VOICES = {"us1": 190.0, "us2": 115.0, "us3": 125.0}  # American, a woman and two men, with about their pitches in hertz
ASPIRATING = ("us1", "us2")  # voices with p, t and k of their own for those that begin a stressed syllable
EDGE_SECONDS = 0.1  # pause at either end
DECLINES, STRESSES, STRAYS = (0.0, 0.25), (0.0, 0.2), (0.02, 0.15)  # of a line's melody, in logarithms of pitch
VOWELS = {
    "iy": "i", "ih": "I", "eh": "E", "ae": "{", "aa": "A", "ao": "O", "ah": "V", "ax": "@", "uh": "U", "uw": "u",
    "er": "r=", "ey": "EI", "ay": "AI", "oy": "OI", "ow": "@U", "aw": "aU", "axr": "r=", "ix": "I", "ux": "u",
}  # fmt: skip
CONSONANTS = {
    "b": "b", "ch": "tS", "d": "d", "dh": "D", "f": "f", "g": "g", "hh": "h", "jh": "dZ", "k": "k", "l": "l", "m": "m",
    "n": "n", "ng": "N", "p": "p", "r": "r", "s": "s", "sh": "S", "t": "t", "th": "T", "v": "v", "w": "w", "y": "j",
    "z": "z", "zh": "Z", "nx": "n", "q": "t", "el": "l", "em": "m", "en": "n", "eng": "N",
}  # fmt: skip
FLAP, FLAP_BETWEEN_VOWELS, FLAP_ELSEWHERE = "dx", "4", "d"
ASPIRATED = {"p": "p_h", "t": "t_h", "k": "k_h"}


class Sound(NamedTuple):
    """A phone of TIMIT, or a pause, that is to be said."""

    phone: str
    seconds: float
    stressed: bool = False


def check_mbrola() -> None:
    """Raise a SynthesisError unless the program can be run and its voices are where it is installed."""
    missing = [name for name in VOICES if find_voice(name) is None]
    lacking = f"its voices {', '.join(missing)}" if missing else ""
    if shutil.which(PROGRAM) is None:
        lacking = f"the program {PROGRAM}"
    if lacking:
        packages = " ".join((PROGRAM, *(f"mbrola-{name}" for name in VOICES)))
        raise SynthesisError(
            f"MBROLA's voices need {lacking}, which cannot be found: install them with the system's packages "
            f"(apt install {packages}), or leave its share of the lines at 0"
        )


def find_voice(name: str) -> Path | None:
    """Return a voice's file, None where none is installed."""
    return next((path for path in (folder / name / name for folder in FOLDERS) if path.is_file()), None)


def say(sounds: Sequence[Sound], voice: str, pitch: float, draw: np.random.Generator) -> Said:
    """Say phones and pauses, each as long as it is to be, to a melody that is drawn.

    Args:
        sounds: without pauses at either end, which are added.
        voice: one of `VOICES`.
        pitch: a factor on the voice's own pitch.
        draw: decides the melody.

    Raises:
        SynthesisError: MBROLA failed, or a phone that it cannot say.
    """
    edge = Sound(PAUSE, EDGE_SECONDS)
    whole = [edge, *sounds, edge]
    with tempfile.TemporaryDirectory() as folder:
        written, path = Path(folder) / "said.pho", Path(folder) / "said.wav"
        written.write_text(score(whole, voice, pitch, draw))
        # -e: two phones that were never recorded side by side are joined through silence.
        command = [PROGRAM, "-e", str(find_voice(voice)), str(written), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not path.exists():
            names = " ".join(sound.phone for sound in sounds)
            raise SynthesisError(f"MBROLA's voice {voice} did not say {names!r}: {done.stderr.strip()}")
        samples, rate = read_samples(path)
    ends = list(accumulate(_milliseconds(sound) / 1000 for sound in whole))
    return Said(samples, rate, [sound.phone for sound in whole], ends)


def score(sounds: Sequence[Sound], voice: str, pitch: float, draw: np.random.Generator) -> str:
    """Return what MBROLA reads: a line for each phone with its milliseconds and, of a vowel, its pitch in the middle.

    The melody falls through the line, is higher where a syllable is stressed, and strays from vowel to vowel.
    """
    decline, stress, stray = (draw.uniform(*limits) for limits in (DECLINES, STRESSES, STRAYS))
    names = spelled(sounds, voice in ASPIRATING)
    total, at, rows = sum(sound.seconds for sound in sounds), 0.0, []
    for name, sound in zip(names, sounds, strict=True):
        at += sound.seconds
        row = f"{name} {_milliseconds(sound)}"
        if sound.phone in VOWELS:
            bend = decline * (0.5 - at / total) + stress * sound.stressed + stray * draw.normal()
            row += f" 50 {VOICES[voice] * pitch * np.exp(bend):.0f}"
        rows.append(row)
    return "\n".join(rows) + "\n"


def spelled(sounds: Sequence[Sound], aspirates: bool) -> list[str]:
    """Return phones as the American voices call them; SynthesisError for one that they lack.

    >>> spelled([Sound("s", 0.1), Sound("t", 0.1), Sound("ow", 0.1), Sound("dx", 0.1), Sound("iy", 0.1)], True)
    ['s', 't', '@U', '4', 'i']
    """
    silence = Sound(PAUSE, 0.0)
    whole = [silence, *sounds, silence]
    return [_name(*three, aspirates) for three in zip(whole, sounds, whole[2:], strict=False)]


def _name(before: Sound, sound: Sound, after: Sound, aspirates: bool) -> str:
    phone = sound.phone
    if phone == PAUSE:
        return "_"
    if phone == FLAP:
        return FLAP_BETWEEN_VOWELS if before.phone in VOWELS and after.phone in VOWELS else FLAP_ELSEWHERE
    begins_syllable = after.phone in VOWELS and before.phone != "s" and (after.stressed or before.phone == PAUSE)
    if aspirates and phone in ASPIRATED and begins_syllable:
        return ASPIRATED[phone]
    if phone in VOWELS:
        return VOWELS[phone]
    if phone in CONSONANTS:
        return CONSONANTS[phone]
    raise SynthesisError(f"MBROLA cannot say the phone {phone!r}")


def _milliseconds(sound: Sound) -> int:
    return round(1000 * sound.seconds)
