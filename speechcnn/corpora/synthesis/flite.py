"""Flite through its program: phones in, samples and the times of the phones out, in voices made from real ones.

espeak's voices are formulas, and a network that hears no others learns the formulas. Flite's are built from an hour or
so of a speaker each, so that what formulas smooth over (how a nasal runs into a vowel, how voice and breath mix) is in
them. They say the phonemes of espeak's American English, since their phones are American; what another accent says came
out of them as nobody speaks.

Source: Black and Lenzo (2001), "Flite: a small fast run-time synthesis engine".
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.said import PAUSE, Said, read_samples

PROGRAM = "flite"
VOICES = {"kal16": 94.0, "awb": 105.0, "rms": 109.0, "slt": 137.0}  # with their median pitches in hertz
PLAIN_WORDS_PER_MINUTE = 175.0  # espeak's own speed, which is taken for Flite's
VOWELS = frozenset(("aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw"))
CONSONANTS = frozenset(
    ("b", "ch", "d", "dh", "f", "g", "hh", "jh", "k", "l", "m", "n", "ng", "p", "r", "s", "sh", "t", "th", "v", "w")
) | {"y", "z", "zh"}
# Phones of TIMIT that Flite lacks.
INSTEAD = {"axr": "er", "ix": "ih", "ux": "uw", "dx": "d", "nx": "n", "q": "t", "el": "l", "em": "m", "en": "n",
           "eng": "ng"}  # fmt: skip


def check_flite() -> None:
    """Raise a SynthesisError unless the program can be run and has the voices."""
    if shutil.which(PROGRAM) is None:
        raise SynthesisError(
            f"Flite's voices need the program {PROGRAM}, which is not installed: install it with the system's packages "
            "(apt install flite, brew install flite), or leave its share of the lines at 0"
        )
    listed = subprocess.run([PROGRAM, "-lv"], capture_output=True, text=True).stdout.split()
    missing = [name for name in VOICES if name not in listed]
    if missing:
        raise SynthesisError(f"the program {PROGRAM} lacks the voices {', '.join(missing)}; it lists {listed[2:]}")


def spelled(phone: str, stressed: bool = False) -> str:
    """Return a TIMIT phone as Flite writes it; SynthesisError for one that it cannot say.

    >>> spelled("ow", stressed=True), spelled("axr"), spelled("t")
    ('ow1', 'er0', 't')
    """
    plain = INSTEAD.get(phone, phone)
    if plain in VOWELS:
        return f"{plain}{int(stressed)}"
    if plain in CONSONANTS:
        return plain
    raise SynthesisError(f"Flite cannot say the phone {phone!r}")


def say(words: Sequence[Sequence[str]], voice: str, pitch: float, words_per_minute: float) -> Said:
    """Say words of phones as `spelled` gives them; a word without phones is a pause.

    The words are handed over as such, because Flite's melody and durations come from syllables, stress and words: bare
    phones it says evenly, and most words slower.

    Args:
        words: without pauses at either end, where Flite puts its own.
        voice: one of `VOICES`.
        pitch: a factor on the voice's own pitch.
        words_per_minute: speed, on espeak's scale.

    Raises:
        SynthesisError: Flite failed, or said other phones.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        settings = {
            "duration_stretch": PLAIN_WORDS_PER_MINUTE / words_per_minute,
            "int_f0_target_mean": VOICES[voice] * pitch,
        }
        options = [part for name, value in settings.items() for part in ("--setf", f"{name}={value:.4f}")]
        command = [PROGRAM, "-voice", voice, *options, "-psdur", "-ssml", "-t", marked_up(words), "-o", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        said = [part.partition(":") for part in done.stdout.split()]
        asked = [phone.rstrip("01") for word in words for phone in word]
        if done.returncode or [name for name, _, _ in said if name != PAUSE] != asked:
            raise SynthesisError(f"Flite's voice {voice} did not say {' '.join(asked)!r}: {done.stderr.strip()}")
        samples, rate = read_samples(path)
    return Said(samples, rate, [name for name, _, _ in said], [float(end) for _, _, end in said])


def marked_up(words: Sequence[Sequence[str]]) -> str:
    """Return words of phones in the markup that Flite reads.

    >>> marked_up([["n", "ow1"], [], ["b", "oy1"]])
    '<speak><phoneme ph="n ow1">w</phoneme> <break/> <phoneme ph="b oy1">w</phoneme></speak>'
    """
    marked = (f'<phoneme ph="{" ".join(word)}">w</phoneme>' if word else "<break/>" for word in words)
    return f"<speak>{' '.join(marked)}</speak>"
