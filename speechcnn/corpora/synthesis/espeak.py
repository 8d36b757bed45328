"""espeak-ng through ctypes: text in, samples and the times of its phonemes and words out.

The library keeps global state, so it is loaded in worker processes only. Its phoneme events name the sample at
which a phoneme starts (`espeak_EVENT.sample` in the public header speak_lib.h), exact, not rounded to milliseconds.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from speechcnn.corpora.synthesis.plan import SynthesisError

RATE = 22050
MARKS, STRESS = "',%=", ("'", ",")  # that stand before a phoneme's name: all, and those of a stressed syllable
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_WORD, _PHONEME = 1, 7
_RATE, _PITCH = 1, 3
_CHARACTERS, _UTF8, _PHONEMES = 1, 1, 0x100


@dataclass(frozen=True)
class Event:
    """A phoneme (`name` is espeak's mnemonic with its stress mark) or a word (`position` in the text) and its start."""

    start: int  # samples at 22050 Hz
    name: str = ""
    position: int = 0

    @property
    def is_pause(self) -> bool:
        """Whether nothing is said."""
        return self.name.startswith("_")


def marked_as(name: str, plain: str) -> str:
    """Return a phoneme with the marks that stand before another's name.

    >>> marked_as("'a", "E")
    "'E"
    """
    return name[: len(name) - len(name.lstrip(MARKS))] + plain


@dataclass
class Speech:
    """What espeak said: samples in -1..1 at 22050 Hz, its phonemes and its words in order."""

    samples: np.ndarray = field(default_factory=lambda: np.zeros(0))
    phonemes: list[Event] = field(default_factory=list)
    words: list[Event] = field(default_factory=list)


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The one espeak-ng of this process.

    Raises:
        SynthesisError: the extra is not installed, or the library does not start.
    """

    def __init__(self) -> None:
        loader = find_loader()
        self._library = ctypes.CDLL(loader.get_library_path())
        data = loader.get_data_path().encode()
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS)
        if rate != RATE:
            raise SynthesisError(f"espeak-ng must start at {RATE} Hz, its start returned {rate}")
        self._speech = Speech()
        self._blocks: list[np.ndarray] = []
        self._callback = _Callback(self._collect)  # kept: ctypes does not hold it
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, pitch: float, words_per_minute: float) -> Speech:
        """Speak a text, what stands in [[ ]] as phonemes; `pitch` is a factor on the voice's own pitch.

        Raises:
            SynthesisError: an unknown voice, or nothing was spoken.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SynthesisError(f"espeak-ng does not know the voice {voice!r}")
        # espeak's scale of 0..99 has 50 in the middle and about an octave on either side.
        self._library.espeak_SetParameter(_PITCH, round(np.clip(50 + 50 * np.log2(pitch), 0, 99)), 0)
        self._library.espeak_SetParameter(_RATE, round(np.clip(words_per_minute, 80, 450)), 0)
        return self._speak(text)

    def _speak(self, text: str) -> Speech:
        self._speech, self._blocks = Speech(), []
        # Its generator of breath and noise runs on from text to text: start it anew, or bytes depend on the order.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _CHARACTERS, 0, _UTF8 | _PHONEMES, None, None)
        if not self._blocks:
            raise SynthesisError(f"espeak-ng said nothing for the text {text!r}")
        self._speech.samples = np.concatenate(self._blocks) / 32768.0
        return self._speech

    def _collect(self, wave: Any, n_samples: int, events: Any) -> int:
        if wave and n_samples > 0:
            self._blocks.append(np.ctypeslib.as_array(wave, (n_samples,)).copy())
        number = 0
        while events[number].type != 0:
            self._keep(events[number])
            number += 1
        return 0

    def _keep(self, event: Any) -> None:
        if event.type == _PHONEME:
            self._speech.phonemes.append(Event(event.sample, event.id.string.decode("utf-8", "replace")))
        elif event.type == _WORD:
            self._speech.words.append(Event(event.sample, position=event.text_position - 1))


def find_loader() -> Any:
    """The package that carries espeak-ng; SynthesisError with the install command when it is missing."""
    try:
        import espeakng_loader
    except ImportError as missing:
        sentence = "speech synthesis needs espeak-ng, which is not installed: pip install speechcnn[synth]"
        raise SynthesisError(sentence) from missing
    return espeakng_loader
