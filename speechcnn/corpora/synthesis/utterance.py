"""One utterance from its text to its four files."""

from __future__ import annotations

import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from speechcnn.corpora.synthesis import acoustics, phones
from speechcnn.corpora.synthesis.espeak import RATE as SOURCE_RATE
from speechcnn.corpora.synthesis.espeak import Espeak, Event, Speech
from speechcnn.corpora.synthesis.phones import Piece
from speechcnn.corpora.synthesis.plan import Sentence, Speaker

RATE = acoustics.RATE


@dataclass(frozen=True)
class Utterance:
    """A finished utterance: samples in -1..1 at 16 kHz and its segments in samples."""

    text: str
    samples: np.ndarray
    phones: list[Piece]
    words: list[Piece]


def make(espeak: Espeak, speaker: Speaker, sentence: Sentence) -> Utterance:
    """Speak a sentence with the speaker's vocal tract in the speaker's room.

    espeak speaks at pitch / warp and rate / warp, then its samples are played back `warp` times faster: formants
    move by the factor, pitch and durations stay as planned, and every time of a label is divided by it.
    """
    number = int(sentence.id[2:])
    rng = np.random.default_rng((*speaker.key, 3, number))
    pitch = speaker.pitch * float(rng.uniform(0.96, 1.04))
    wpm = speaker.words_per_minute * float(rng.uniform(0.93, 1.07))
    speech = espeak.say(sentence.text, speaker.voice, pitch / speaker.warp, wpm / speaker.warp)
    silence = rng.uniform(0.08, 0.2, size=2) * SOURCE_RATE
    padded = _between_silences(speech, int(silence[0]), int(silence[1]))
    return _warped(sentence, speaker, padded, number)


def write(utterance: Utterance, path: Path) -> None:
    """Write .phn, .wrd, .txt and .wav beside each other (`path` has no suffix); each appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _put(path.with_suffix(".phn"), _lines(utterance.phones).encode())
    _put(path.with_suffix(".wrd"), _lines(utterance.words).encode())
    _put(path.with_suffix(".txt"), f"0 {len(utterance.samples)} {utterance.text}\n".encode())
    with _Replacing(path.with_suffix(".wav")) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((utterance.samples * 32767).round().astype("<i2").tobytes())


class _Replacing:
    """A temporary name beside the target, moved onto it when all went well and removed when not."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.part = target.with_name(f".{target.name}.{os.getpid()}.part")

    def __enter__(self) -> Path:
        return self.part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.part.replace(self.target)
        else:
            self.part.unlink(missing_ok=True)


def _put(target: Path, content: bytes) -> None:
    with _Replacing(target) as part:
        part.write_bytes(content)


def _lines(pieces: list[Piece]) -> str:
    return "".join(f"{piece.start} {piece.end} {piece.label}\n" for piece in pieces)


def _between_silences(speech: Speech, before: int, after: int) -> Speech:
    """Set the silences at both ends, whatever espeak left there."""
    pauses = [event for event in speech.phonemes if not event.is_pause]
    last = speech.phonemes[speech.phonemes.index(pauses[-1]) + 1 :]
    stop = last[0].start if last else len(speech.samples)
    samples = np.concatenate([np.zeros(before), speech.samples[:stop], np.zeros(after)])
    kept = [event for event in speech.phonemes if event.start < stop or not event.is_pause]
    ending = Event(before + stop, "_")
    return Speech(samples, [*_shifted(kept, before), ending], _shifted(speech.words, before))


def _shifted(events: list[Event], samples: int) -> list[Event]:
    return [Event(event.start + samples, event.name, event.position) for event in events]


def _warped(sentence: Sentence, speaker: Speaker, speech: Speech, number: int) -> Utterance:
    pieces = phones.segment(speech.phonemes, speech.samples, speaker.rhotic)
    words = _words(sentence.text, speech, pieces)
    clean = soxr.resample(speech.samples, SOURCE_RATE * speaker.warp, RATE, quality="HQ")
    heard = acoustics.record(clean, speaker, number)
    factor = RATE / (SOURCE_RATE * speaker.warp)
    return Utterance(sentence.text, heard, _scaled(pieces, factor, len(heard)), _scaled(words, factor, len(heard)))


def _scaled(pieces: list[Piece], factor: float, n_samples: int) -> list[Piece]:
    total = pieces[-1].end
    ends = [n_samples if piece.end == total else min(round(piece.end * factor), n_samples) for piece in pieces]
    starts = [min(round(piece.start * factor), n_samples) for piece in pieces]
    scaled = [Piece(p.label, start, end) for p, start, end in zip(pieces, starts, ends, strict=True)]
    return [piece for piece in scaled if piece.end > piece.start]


def _words(text: str, speech: Speech, pieces: list[Piece]) -> list[Piece]:
    """Words with their times; words that espeak ran together share the time by their letters."""
    silences = [piece.start for piece in pieces if piece.label in {"pau", "h#"} and piece.start > 0]
    starts = [*(event.start for event in speech.words), silences[-1]]
    places = [*(event.position for event in speech.words), len(text)]
    words: list[Piece] = []
    for number, event in enumerate(speech.words):
        end = min([*[silence for silence in silences if silence > event.start][:1], starts[number + 1]])
        words += _split(text[event.position : places[number + 1]].split(), event.start, end)
    return words


def _split(names: list[str], start: int, end: int) -> list[Piece]:
    letters = np.cumsum([0, *(len(name) for name in names)])
    cuts = (start + letters / max(letters[-1], 1) * (end - start)).round().astype(int).tolist()
    plain = ["".join(c for c in name.lower() if c.isalpha() or c == "'") for name in names]
    return [Piece(name, a, b) for name, a, b in zip(plain, cuts[:-1], cuts[1:], strict=True) if name]
