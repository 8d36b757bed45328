"""Commissioning: a user's long audio without the keyword is searched for false alarms, to be trained on again.

Of each recording the last part is held out: it is neither mined nor trained on, and proves what the training changed.
A recording of one block is dealt to one side whole, every `HELD_OUT_EVERY`-th to the proof.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from speechcnn import audio, progress
from speechcnn.corpora.keywords.scenes import Scene
from speechcnn.experiments.keyword_data import NO_SAMPLES, Heard
from speechcnn.experiments.keyword_real import BLOCK_SECONDS, RealResult, long_heard, result
from speechcnn.experiments.keyword_scoring import Scorer
from speechcnn.metrics import HourlyRate

TRAIN_SHARE, HELD_OUT_EVERY = 0.7, 3
AROUND_SECONDS = 1.5  # of a false alarm that are trained on, on either side
ALERT_SHARE = 0.5  # of the threshold, from which a score is worth learning from
MOST_ALARMS = 500


@dataclass(frozen=True)
class Part:
    """Some blocks of a long recording, one behind the other."""

    path: Path
    first: int
    stop: int


@dataclass(frozen=True)
class Mined:
    """What was mined, from how much audio, and what was held out."""

    alarms: tuple[Heard, ...]
    rate: HourlyRate  # events above `ALERT_SHARE` of the threshold in what was mined
    held_out: tuple[Part, ...]


def mine(scorer: Scorer, paths: Sequence[Path], threshold: float) -> Mined:
    """Search long recordings for what the network nearly takes for a keyword."""
    alarms: list[Heard] = []
    held: list[Part] = []
    count, seconds = 0, 0.0
    with progress.bar("mining") as update:
        for number, path in enumerate(paths):
            training, proof = parted(path, number)
            held.append(proof)
            for block in blocks_of(training, scorer):
                found = list(_alarms(scorer, block, threshold))
                alarms += found[: max(0, MOST_ALARMS - len(alarms))]
                count, seconds = count + len(found), seconds + block.seconds
            update(number + 1, len(paths))
    return Mined(tuple(alarms), HourlyRate(count, seconds / 3600), tuple(held))


def parted(path: Path, number: int) -> tuple[Part, Part]:
    """Part a recording into blocks to mine and blocks that are held out."""
    count = max(1, math.ceil(audio.info(path, audio.STREAM_LIMITS).seconds / BLOCK_SECONDS))
    if count == 1:
        cut = 0 if number % HELD_OUT_EVERY == 0 else 1
    else:
        cut = max(1, min(count - 1, round(TRAIN_SHARE * count)))
    return Part(path, 0, cut), Part(path, cut, count)


def trials(scorer: Scorer, parts: Sequence[Part], threshold: float) -> RealResult:
    """Count false alarms in blocks that were held out."""
    return result(scorer, (block for part in parts for block in blocks_of(part, scorer)), threshold)


def blocks_of(part: Part, scorer: Scorer) -> Iterator[Heard]:
    """Return the blocks of a part."""
    if part.first < part.stop:
        yield from islice(long_heard(part.path, scorer), part.first, part.stop)


def _alarms(scorer: Scorer, block: Heard, threshold: float) -> Iterator[Heard]:
    shift = scorer.chain.features.shift_seconds
    for event in scorer.score([block])[0].events:
        if event.score >= ALERT_SHARE * threshold:
            first = max(0, int((event.start - AROUND_SECONDS) / shift))
            cut = block.features[..., first : int((event.end + AROUND_SECONDS) / shift)].clone()
            yield Heard(Scene(f"{block.scene.id}: {event.start:.2f}", NO_SAMPLES), cut, cut.shape[-1] * shift)
