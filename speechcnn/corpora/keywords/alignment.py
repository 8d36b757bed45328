"""Where a user's recording of a keyword has which phone, by what it is most like among voices whose phones are known.

Dynamic time warping lays a recording and the same word of a synthesizer's voice upon one another (Sakoe and Chiba 1978,
"Dynamic programming algorithm optimization for spoken word recognition", with their slopes between 1/2 and 2). Voices
of several accents and pronunciations compete, so that the nearest one's phones are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import librosa
import numpy as np
from numpy.typing import NDArray

from speechcnn.corpora.keywords.script import Keyword
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, Times, speak
from speechcnn.corpora.keywords.voices import PROGRAMS, Voice
from speechcnn.labels import Segment

ACCENTS, VARIANTS = ("en-us", "en-gb-x-rp"), ("m3", "m7", "f2", "f5")  # of espeak
WORDS_PER_MINUTE = 160.0
HOP = RATE // 200  # 5 ms
WINDOW = RATE // 40
EDGE = RATE // 10  # of silence on either side, for both to begin and end with
FLOOR = 1e-3  # of the noise that is added, against the loudest sample, so that silence is like silence
STEPS = np.array([[1, 1], [1, 2], [2, 1]])  # frames of the known voice and of the recording
STEP_WEIGHTS = np.array([2.0, 3.0, 3.0])  # their sum, so that no path is cheaper for being shorter


@dataclass(frozen=True)
class Known:
    """A voice's keyword: its cepstra, and its phones from the keyword's beginning.

    Shape: cepstra [13, T].
    """

    cepstra: NDArray[np.float32]
    phones: tuple[Segment, ...]


def aligned(clips: Sequence[Spoken], keywords: Sequence[Keyword], programs: Iterable[str] = ()) -> list[Spoken]:
    """Return a user's clips, those of keywords with their phones; voices of these programs are compared with as well.

    Raises:
        SynthesisError: a program is missing or failed.
    """
    if not any(clip.span for clip in clips):
        return list(clips)
    voices = known_voices(keywords, programs)
    return [with_phones(clip, voices[clip.line.keyword]) if clip.span else clip for clip in clips]


def known_voices(keywords: Sequence[Keyword], programs: Iterable[str]) -> dict[str, list[Known]]:
    """Have each keyword said by voices of espeak, and by all voices of these other programs.

    Raises:
        SynthesisError: a program is missing or failed.
    """
    who = [Voice(accent, variant, "formant", 1.0, 1.0, WORDS_PER_MINUTE) for accent in ACCENTS for variant in VARIANTS]
    who += [
        Voice(speaker.accent, speaker.name, program, 1.0, 1.0, WORDS_PER_MINUTE)
        for program in programs
        for speaker in PROGRAMS[program]
    ]
    lines = [
        Line(spelling, voice, "keyword", keyword.text, spelling)
        for keyword in keywords
        for spelling in keyword.spellings
        for voice in who
    ]
    found: dict[str, list[Known]] = {keyword.text: [] for keyword in keywords}
    for spoken in speak(lines):
        found[spoken.line.keyword].append(known(spoken))
    return found


def known(spoken: Spoken) -> Known:
    """Return what a recording is compared with."""
    start, end = spoken.span or spoken.speech
    inside = (phone for phone in spoken.phones if start <= phone.start < end)
    phones = tuple(Segment(one.label, one.start - start, min(one.end, end) - start) for one in inside)
    return Known(cepstra(cut(spoken.samples, (start, end))), phones)


def with_phones(clip: Spoken, voices: Sequence[Known]) -> Spoken:
    """Return a clip of a keyword with its phones; with none where no voice is nearly as fast or slow."""
    start, end = clip.span or clip.speech
    mine = cepstra(cut(clip.samples, (start, end)))
    paths = [(path, voice.phones) for voice in voices if (path := warped(voice.cepstra, mine))]
    if not paths:
        return clip
    (_, times), phones = min(paths, key=lambda one: one[0][0])

    def there(seconds: float) -> float:
        frame = (seconds * RATE + EDGE) / HOP
        return min(max(start, start + float(np.interp(frame, np.arange(len(times)), times)) - EDGE / RATE), end)

    return replace(clip, phones=tuple(Segment(one.label, there(one.start), there(one.end)) for one in phones))


def warped(theirs: NDArray[np.float32], mine: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]] | None:
    """Return the mean cost of the best path, and for each of their frames the time in mine; None where no path exists.

    Shape: [13, T], [13, T'] -> [T] in seconds.
    """
    longer, shorter = max(theirs.shape[1], mine.shape[1]), min(theirs.shape[1], mine.shape[1])
    if longer > 2 * shorter - 1:
        return None
    costs, path = librosa.sequence.dtw(
        theirs, mine, metric="cosine", step_sizes_sigma=STEPS, weights_mul=STEP_WEIGHTS, weights_add=np.zeros(3)
    )
    at, to = path[::-1].T
    return float(costs[-1, -1]) / (longer + shorter), np.interp(np.arange(theirs.shape[1]), at, to) * HOP / RATE


def cepstra(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 13 cepstra of the band of a telephone, each of mean 0 and deviation 1, of a word between two silences.

    Shape: [N] at 16 kHz -> [13, T].
    """
    loudest = float(np.abs(samples).max()) or 1.0
    framed = np.pad(samples / loudest, EDGE) + FLOOR * np.random.default_rng(0).normal(size=len(samples) + 2 * EDGE)
    found = librosa.feature.mfcc(
        y=framed.astype(np.float32), sr=RATE, n_mfcc=13, n_fft=WINDOW, hop_length=HOP, n_mels=32, fmin=60, fmax=3800
    )
    return (found - found.mean(1, keepdims=True)) / (found.std(1, keepdims=True) + 1e-3)


def cut(samples: NDArray[np.float32], span: Times) -> NDArray[np.float32]:
    """Return the samples of a stretch in seconds.

    Shape: [N] at 16 kHz -> [M].
    """
    return samples[round(span[0] * RATE) : round(span[1] * RATE)]
