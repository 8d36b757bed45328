"""Has what espeak said said again by another program, whose voices are made from real ones: its phonemes, new times.

Flite chooses the times itself. MBROLA is given espeak's, each a little longer or shorter, for espeak's are always the
same. Those of its voices that speak another language have an accent: where they lack a phone, they say another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import soxr

from speechcnn.corpora.synthesis import flite, mbrola
from speechcnn.corpora.synthesis.espeak import RATE, STRESS, Event, Speech, marked_as
from speechcnn.corpora.synthesis.phones import mnemonic_of, onsets, symbols
from speechcnn.corpora.synthesis.said import PAUSE, Said

ESPEAK_PAUSE = "_:"
STRAYS = (0.0, 0.25)  # of a line's lengths, in logarithms
SHORTEST_SECONDS, LONGEST_SECONDS = 0.025, 0.35  # of a phone


def said_again(speech: Speech, line: Mapping[str, Any]) -> Speech:
    """Return what one of another program's voices makes of espeak's phonemes, each at its new time."""
    said = PROGRAMS[line["program"]](speech, line)
    starts = [round(start * RATE) for start in (0.0, *said.ends[:-1])]
    heard = [Event(start, name) for start, name in zip(starts, said.names, strict=True)]
    events = [Event(event.start, ESPEAK_PAUSE) for event in heard if event.name == PAUSE]
    sounding = iter(event.start for event in heard if event.name != PAUSE)
    for event in speech.phonemes:
        if not event.is_pause:
            first, *_ = [next(sounding) for _ in symbols(event.name, line["rhotic"])]
            events.append(Event(first, event.name))
    samples = soxr.resample(said.samples, said.rate, RATE, quality="HQ")
    return Speech(samples, sorted(events, key=lambda event: event.start))


def accented(phonemes: Sequence[Event], line: Mapping[str, Any]) -> list[Event]:
    """Return espeak's phonemes as the voice of a line says them ("three" begins with an s in France), or leaves out."""
    if line["program"] != "mbrola":
        return list(phonemes)
    heard = (_accented(event, mbrola.VOICES[line["speaker"]], line["rhotic"]) for event in phonemes)
    return [event for event in heard if event]


def _accented(event: Event, voice: mbrola.MbrolaVoice, rhotic: bool) -> Event | None:
    phones = () if event.is_pause else symbols(event.name, rhotic)
    if len(phones) != 1:
        return event
    phone = phones[0][0]
    heard = mbrola.heard_as(phone, voice)
    if heard == phone:
        return event
    return replace(event, name=marked_as(event.name, mnemonic_of(heard))) if heard else None


def by_flite(speech: Speech, line: Mapping[str, Any]) -> Said:
    """Have Flite say the words of a line."""
    words = [
        [phone for event in word for phone in flite_phones(event.name, line["rhotic"])] for word in words_of(speech)
    ]
    return flite.say(words, line["speaker"], line["pitch"] / line["warp"], line["words_per_minute"] / line["warp"])


def by_mbrola(speech: Speech, line: Mapping[str, Any]) -> Said:
    """Have MBROLA say the phones of a line."""
    draw = np.random.default_rng(zlib.crc32(json.dumps(dict(line), sort_keys=True).encode()))
    sounds = sounds_of(speech, line["rhotic"], draw)
    return mbrola.say(sounds, line["speaker"], line["pitch"] / line["warp"], draw)


PROGRAMS: dict[str, Callable[[Speech, Mapping[str, Any]], Said]] = {"flite": by_flite, "mbrola": by_mbrola}


def words_of(speech: Speech) -> list[list[Event]]:
    """Return the phonemes of each word; a pause between two is a word without any."""

    def number(event: Event) -> int | None:
        return None if event.is_pause else sum(word.start <= event.start for word in speech.words)

    words = [[] if key is None else list(group) for key, group in groupby(speech.phonemes, number)]
    return words[not words[0] : len(words) - (not words[-1])]


def flite_phones(name: str, rhotic: bool) -> list[str]:
    """Return a phoneme of espeak as Flite writes it."""
    return [flite.spelled(phone, name.startswith(STRESS)) for phone, _ in symbols(name, rhotic)]


def sounds_of(speech: Speech, rhotic: bool, draw: np.random.Generator) -> list[mbrola.Sound]:
    """Return the phones and pauses between the first phoneme and the last, about as long as espeak's."""
    stray = draw.uniform(*STRAYS)
    timed = list(zip(speech.phonemes, lengths_seconds(speech, rhotic), strict=True))
    real = [n for n, (event, _) in enumerate(timed) if not event.is_pause]
    sounds = []
    for event, seconds in timed[real[0] : real[-1] + 1]:
        if event.is_pause:
            sounds.append(mbrola.Sound(PAUSE, seconds))
            continue
        for phone, share in symbols(event.name, rhotic):
            length = np.clip(share * seconds * np.exp(stray * draw.normal()), SHORTEST_SECONDS, LONGEST_SECONDS)
            sounds.append(mbrola.Sound(phone, float(length), event.name.startswith(STRESS)))
    return sounds


def lengths_seconds(speech: Speech, rhotic: bool) -> list[float]:
    """Return how long each phoneme is."""
    edges = [*onsets(speech.phonemes, speech.samples, rhotic), len(speech.samples)]
    return [(end - start) / RATE for start, end in pairwise(edges)]
