"""Has lines spoken by worker processes, always the same lines together, so that their number changes no byte."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechcnn.corpora import processes
from speechcnn.corpora.keywords import sounds
from speechcnn.corpora.keywords.voices import Voice
from speechcnn.corpora.synthesis.espeak import find_loader
from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.labels import Segment

RATE = 16000
SHARD = 400  # lines that one process speaks; fixed, because espeak's state runs on from line to line

Progress = Callable[[int, int], None]
Times = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """Something to be spoken."""

    text: str
    voice: Voice
    kind: str  # keyword, near, part, other, sentence, with (a sentence with the keyword)
    keyword: str = ""  # that is said in it
    spelling: str = ""  # how the keyword is written or spoken in the text, where that differs


@dataclass(frozen=True)
class Spoken:
    """A spoken line: samples in -1..1 at 16 kHz, from when to when is speech, from when to when the keyword.

    Shape: samples [N].
    """

    line: Line
    samples: NDArray[np.float32]
    phonemes: tuple[str, ...]  # espeak's
    phones: tuple[Segment, ...]  # of the set of 39, where the speaker is known to have said them
    speech: Times
    span: Times | None


def speak(lines: Sequence[Line], workers: int | None = None, progress: Progress | None = None) -> list[Spoken]:
    """Have lines spoken, in order; one in which nothing is said, or the keyword cannot be found, is left out.

    Raises:
        SynthesisError: espeak-ng is missing, does not know a voice, or its process died.
    """
    find_loader()
    shards = [lines[start : start + SHARD] for start in range(0, len(lines), SHARD)]
    done, found = 0, []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        paths = [Path(folder) / f"{number}.f32" for number in range(len(shards))]
        for shard, spoken in zip(shards, pool.map(_shard, shards, paths), strict=True):
            found += spoken
            done += len(shard)
            if progress:
                progress(done, len(lines))
    return found


def _shard(lines: Sequence[Line], path: Path) -> list[Spoken]:
    command = processes.command("speechcnn.corpora.keywords.worker", str(path))
    text = json.dumps([_plain(line) for line in lines])
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, encoding="utf-8", env=processes.environment()
    )
    if done.returncode:
        raise SynthesisError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "a speech worker died")
    samples, notes = np.fromfile(path, np.float32), json.loads(done.stdout)
    path.unlink()
    parts = np.split(samples, np.cumsum([note["n_samples"] for note in notes])[:-1])
    return list(_whole(lines, parts, notes))


def _whole(lines: Sequence[Line], parts: Sequence[NDArray[np.float32]], notes: Sequence[dict]) -> Iterable[Spoken]:
    for line, samples, note in zip(lines, parts, notes, strict=True):
        if note["speech"] and (note["span"] or not line.keyword):
            span = tuple(note["span"]) if note["span"] else None
            phones = sounds.timed(note["phonemes"], note["starts"], len(samples) / RATE, line.voice.rhotic)
            yield Spoken(line, samples.copy(), tuple(note["phonemes"]), phones, tuple(note["speech"]), span)


def _plain(line: Line) -> dict[str, object]:
    return {
        "text": line.text,
        "keyword": line.spelling or line.keyword,
        "voice": line.voice.name,
        "pitch": line.voice.pitch,
        "warp": line.voice.warp,
        "words_per_minute": line.voice.words_per_minute,
        "rhotic": line.voice.rhotic,
        "program": line.voice.program,
        "speaker": line.voice.variant,
    }
