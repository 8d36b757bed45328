"""A user's own recordings of a keyword, and of what is none: read, checked, and found where in the clip someone speaks.

Layout: DIR/positives/*.wav and DIR/negatives/*.wav, either may be missing; with several keywords
DIR/positives/KEYWORD/*.wav, blanks written as underscores. Any format, rate and number of channels that `audio` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechcnn import audio
from speechcnn.corpora import CorpusError
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, Times
from speechcnn.corpora.keywords.voices import Voice

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".sph")
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 15.0  # of a positive clip
CLIPPED_SHARE = 0.01  # of samples at full scale, from which a clip is named as clipped
FLOOR_DB = 30.0  # below the loudest 20 ms: what is softer is no speech
FRAME = RATE // 100

REAL = Voice("own", "own", "own", 1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Recordings:
    """Clips that can be trained on, and what a user should know of them."""

    positives: tuple[Spoken, ...]
    negatives: tuple[Spoken, ...]
    notes: tuple[str, ...]


def read(root: str | Path, keywords: Sequence[str]) -> Recordings:
    """Read a folder of positives and negatives.

    Raises:
        CorpusError: no such folder, neither part in it, nothing in a part, or clips that cannot be used, all named.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder. It must hold positives/ and negatives/ with sound files.")
    places = keyword_folders(folder / "positives", keywords)
    negative = folder / "negatives"
    if not any(place.is_dir() for place in [*places.values(), negative]):
        raise CorpusError(f"{folder} holds neither positives/ nor negatives/; put sound files into at least one.")
    faults: list[str] = []
    positives = [clip for keyword, place in places.items() if place.is_dir() for clip in _clips(place, keyword, faults)]
    negatives = _clips(negative, "", faults) if negative.is_dir() else []
    if faults:
        raise CorpusError([f"{len(faults)} faults in the recordings of {folder}.", *faults])
    return Recordings(tuple(positives), tuple(negatives), tuple(_notes([*positives, *negatives])))


def keyword_folders(folder: Path, keywords: Sequence[str]) -> dict[str, Path]:
    """Return where the clips of each keyword lie: in the folder itself, or in one of its own for each of several."""
    if len(keywords) == 1:
        return {keywords[0]: folder}
    return {keyword: folder / keyword.replace(" ", "_") for keyword in keywords}


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files of a folder and those below it, in order.

    Raises:
        CorpusError: there is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise CorpusError(f"{folder} holds no sound file ({', '.join(SUFFIXES)}).")
    return found


def _clips(folder: Path, keyword: str, faults: list[str]) -> list[Spoken]:
    try:
        paths = sound_files(folder)
    except CorpusError as error:
        faults.append(str(error))
        return []
    found = []
    for path in paths:
        try:
            found.append(read_clip(path, keyword))
        except (audio.AudioError, CorpusError, OSError) as error:
            faults.append(str(error))
    return found


def read_clip(path: Path, keyword: str) -> Spoken:
    """Read one clip at 16 kHz; in a positive one, from when to when someone speaks is where the keyword is.

    Raises:
        AudioError: it cannot be read.
        CorpusError: a positive that is too short or too long, or silent.
    """
    samples, _ = audio.read(path, RATE)
    seconds = len(samples) / RATE
    if keyword and not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise CorpusError(
            f"{path}: a positive must last from {SHORTEST_SECONDS} to {LONGEST_SECONDS:g} s, one keyword in each; "
            f"it lasts {seconds:.2f} s."
        )
    if not np.any(samples):
        raise CorpusError(f"{path}: it is silent.")
    speech = speech_span(samples)
    # A long negative is cut to its beginning when scenes are laid out; `negatives=` is for long ones.
    kept = samples if keyword else samples[: int(LONGEST_SECONDS * RATE)]
    span = speech if keyword else None
    line = Line(str(path), REAL, "keyword" if keyword else "other", keyword)
    return Spoken(line, kept, (), (), speech if keyword else (0.0, len(kept) / RATE), span)


def frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the whole frames of a clip; of one that is shorter than a frame, all of it.

    Shape: [N] -> [M, FRAME].
    """
    n_frames = max(1, len(samples) // FRAME)
    return samples[: n_frames * FRAME].reshape(n_frames, -1)


def speech_span(samples: NDArray[np.float32]) -> Times:
    """Return the first and last moment, in seconds, that is at most 30 dB softer than the loudest.

    Shape: [N] at 16 kHz.
    """
    power = np.square(frames(samples), dtype=np.float64).mean(1)
    smooth = np.convolve(power, np.ones(2) / 2, "same") if len(power) > 1 else power
    loud = np.flatnonzero(smooth >= smooth.max() * 10 ** (-FLOOR_DB / 10))
    return float(loud[0] * FRAME / RATE), float(min(len(samples), (loud[-1] + 1) * FRAME) / RATE)


def _notes(clips: Sequence[Spoken]) -> list[str]:
    clipped = [one.line.text for one in clips if float((np.abs(one.samples) >= 0.999).mean()) > CLIPPED_SHARE]
    if not clipped:
        return []
    return [f"{len(clipped)} recordings are clipped, {clipped[0]} for one: record at a lower level."]
