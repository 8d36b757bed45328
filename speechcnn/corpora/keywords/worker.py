"""The worker process: reads a list of lines (JSON) from standard input and speaks them.

The samples of all lines go to a file as they are (float32, one line after the other), their notes to standard output
(JSON). It runs as ``python -m speechcnn.corpora.keywords.worker FILE``: espeak-ng keeps global state and may crash, so
it lives in processes of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speechcnn.corpora.keywords.again import accented, said_again
from speechcnn.corpora.synthesis.espeak import MARKS, Espeak, Event, Speech
from speechcnn.corpora.synthesis.espeak import RATE as SOURCE_RATE
from speechcnn.corpora.synthesis.phones import onsets, silent_tail, tail_floor
from speechcnn.corpora.synthesis.plan import SynthesisError

RATE = 16000
NO_SAMPLES = np.zeros(0, np.float32)
NOTES: dict[str, Any] = {"phonemes": [], "starts": [], "speech": None, "span": None}  # where nothing is said


def main() -> None:
    """Speak all lines."""
    try:
        espeak = Espeak()
        made = [speak(espeak, line) for line in json.load(sys.stdin)]
    except SynthesisError as error:
        sys.stderr.write(str(error))
        sys.exit(2)
    with Path(sys.argv[1]).open("wb") as stream:
        for samples, _ in made:
            stream.write(samples.astype(np.float32).tobytes())
    json.dump([{**notes, "n_samples": len(samples)} for samples, notes in made], sys.stdout)


def speak(espeak: Espeak, line: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Speak a line at 16 kHz; its notes hold phonemes, their starts, and the span of a keyword in it, in seconds.

    espeak speaks at pitch / warp and rate / warp and is played back `warp` times faster, which moves the formants.
    A line in which the keyword's phonemes cannot be found, because the words around changed them, has no span.
    """
    warp = line["warp"]

    def say(text: str) -> Speech:
        said = espeak.say(text, line["voice"], line["pitch"] / warp, line["words_per_minute"] / warp)
        return replace(said, phonemes=accented(said.phonemes, line))

    try:
        speech = say(line["text"])
        wanted = plain_names(say(line["keyword"]).phonemes) if line["keyword"] else []
        if line["program"]:
            speech = said_again(speech, line)
    except SynthesisError as error:
        if "said nothing" not in str(error):
            raise
        return NO_SAMPLES, NOTES
    factor = 1 / (SOURCE_RATE * warp)
    real = [event for event in speech.phonemes if not event.is_pause]
    if not real:
        return NO_SAMPLES, NOTES
    whole = stretch(speech, real, 0, len(real))
    place = find(plain_names(real), wanted) if wanted else None
    span = None if place is None else stretch(speech, real, place, place + len(wanted))
    samples = soxr.resample(speech.samples, SOURCE_RATE * warp, RATE, quality="HQ").astype(np.float32)
    notes = {
        "phonemes": [event.name for event in speech.phonemes],
        "starts": [start * factor for start in onsets(speech.phonemes, speech.samples, line["rhotic"])],
        "speech": [at * factor for at in whole],
        "span": None if span is None else [at * factor for at in span],
    }
    return samples, notes


def plain_names(events: Sequence[Event]) -> list[str]:
    """Return phonemes without stress marks and pauses."""
    return [event.name.lstrip(MARKS) for event in events if not event.is_pause]


def find(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return where the wanted phonemes stand in a row, None when they do not or do so more than once."""
    n = len(wanted)
    places = [at for at in range(len(names) - n + 1) if list(names[at : at + n]) == list(wanted)]
    return places[0] if len(places) == 1 else None


def stretch(speech: Speech, real: Sequence[Event], first: int, stop: int) -> tuple[int, int]:
    """Return the samples from phoneme `first` to before phoneme `stop`, without the silence at the end."""
    start = real[first].start
    later = [event.start for event in speech.phonemes if event.start > real[stop - 1].start]
    end = later[0] if later else len(speech.samples)
    return start, max(start + 1, end - silent_tail(speech.samples[start:end], tail_floor(speech.samples)))


if __name__ == "__main__":
    main()
