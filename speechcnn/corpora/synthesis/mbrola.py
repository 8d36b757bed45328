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
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.said import PAUSE, Said, read_samples
from speechcnn.corpora.synthesis.sentences import table

PROGRAM = "mbrola"
FOLDERS = (Path("/usr/share/mbrola"), Path("/usr/local/share/mbrola"))
EDGE_SECONDS = 0.1  # pause at either end
DECLINES, STRESSES, STRAYS = (0.0, 0.25), (0.0, 0.2), (0.02, 0.15)  # of a line's melody, in logarithms of pitch
NEVER, LIKE = "-", "="  # in the table of phones: not said at all, said as another phone is
SILENCE = "_"
FLAP, UNFLAPPED = "dx", "d"  # a flap is one between vowels alone
ASPIRATED = {"p": "p_h", "t": "t_h", "k": "k_h"}


@dataclass(frozen=True)
class MbrolaVoice:
    """A voice; those of other languages than English say English with the phones that they have."""

    name: str
    phones: str  # column of the table of phones
    accent: str  # espeak's accent of English, whose phonemes it says
    pitch_hz: float  # about
    times: int  # that it is drawn against one of another language
    aspirates: bool  # whether it has p, t and k of their own for those that begin a stressed syllable


VOICES = {
    row["voice"]: MbrolaVoice(
        row["voice"], row["phones"], row["accent"], float(row["pitch_hz"]), int(row["times"]), row["aspirates"] == "yes"
    )
    for row in table("mbrola_voices.tsv")
}
VOWELS = frozenset(row["61"] for row in table("phones.tsv") if row["broad_class"] == "vowel")


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
        written.write_text(score(whole, VOICES[voice], pitch, draw))
        # -e: two phones that were never recorded side by side are joined through silence.
        command = [PROGRAM, "-e", str(find_voice(voice)), str(written), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not path.exists():
            names = " ".join(sound.phone for sound in sounds)
            raise SynthesisError(f"MBROLA's voice {voice} did not say {names!r}: {done.stderr.strip()}")
        samples, rate = read_samples(path)
    ends = list(accumulate(_milliseconds(sound) / 1000 for sound in whole))
    return Said(samples, rate, [sound.phone for sound in whole], ends)


def score(sounds: Sequence[Sound], voice: MbrolaVoice, pitch: float, draw: np.random.Generator) -> str:
    """Return what MBROLA reads: a line for each of its phones with milliseconds and, of a vowel, its middle's pitch.

    The melody falls through the line, is higher where a syllable is stressed, and strays from vowel to vowel.
    """
    decline, stress, stray = (draw.uniform(*limits) for limits in (DECLINES, STRESSES, STRAYS))
    total, at, rows = sum(sound.seconds for sound in sounds), 0.0, []
    for names, sound in zip(spelled(sounds, voice), sounds, strict=True):
        at += sound.seconds
        melody = ""
        if sound.phone in VOWELS:
            bend = decline * (0.5 - at / total) + stress * sound.stressed + stray * draw.normal()
            melody = f" 50 {voice.pitch_hz * pitch * np.exp(bend):.0f}"
        shares = np.diff(np.linspace(0, _milliseconds(sound), len(names) + 1).astype(int))
        rows += [f"{name} {share}{melody}" for name, share in zip(names, shares, strict=True)]
    return "\n".join(rows) + "\n"


def spelled(sounds: Sequence[Sound], voice: MbrolaVoice) -> list[list[str]]:
    """Return phones as a voice calls them, some by two of its own; SynthesisError for one that it cannot say.

    >>> spelled([Sound("t", 0.1), Sound("ow", 0.1), Sound("dx", 0.1), Sound("er", 0.1)], VOICES["us1"])
    [['t_h'], ['@U'], ['4'], ['r=']]
    >>> spelled([Sound("th", 0.1), Sound("er", 0.1)], VOICES["nl2"])
    [['s'], ['@', 'r']]
    """
    silence = Sound(PAUSE, 0.0)
    whole = [silence, *sounds, silence]
    return [_names(*three, voice) for three in zip(whole, sounds, whole[2:], strict=False)]


def heard_as(phone: str, voice: MbrolaVoice) -> str:
    """Return the phone that a voice says in the place of one, mostly the same; nothing where it leaves it out.

    >>> heard_as("th", VOICES["fr1"]), heard_as("hh", VOICES["fr1"]), heard_as("th", VOICES["us1"])
    ('s', '', 'th')
    """
    cell = _phones(voice.phones).get(phone, phone)
    return "" if cell == NEVER else cell.removeprefix(LIKE) if cell.startswith(LIKE) else phone


@cache
def _phones(column: str) -> dict[str, str]:
    return {row["phone"]: row[column] for row in table("mbrola_phones.tsv")}


def _names(before: Sound, sound: Sound, after: Sound, voice: MbrolaVoice) -> list[str]:
    phone = heard_as(sound.phone, voice)
    if phone == PAUSE:
        return [SILENCE]
    if phone == FLAP and not (before.phone in VOWELS and after.phone in VOWELS):
        phone = UNFLAPPED
    begins_syllable = after.phone in VOWELS and before.phone != "s" and (after.stressed or before.phone == PAUSE)
    if voice.aspirates and phone in ASPIRATED and begins_syllable:
        return [ASPIRATED[phone]]
    if phone not in _phones(voice.phones):
        raise SynthesisError(f"MBROLA's voice {voice.name} cannot say the phone {sound.phone!r}")
    return _phones(voice.phones)[phone].split()


def _milliseconds(sound: Sound) -> int:
    return round(1000 * sound.seconds)
