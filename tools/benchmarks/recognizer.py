"""The recogniser as a whole, at the size that recipes train: five minutes in a file, one minute live.

The network and the phone models are not trained, so that no model file is needed: the work is the same, only the paths
of the search agree later than on speech. Phones are therefore compared without a limit to the delay. The peers are the
same work without the means that bound memory and delay.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench import Row, compare

from speechcnn import audio
from speechcnn.decoding.hmm import PhoneHmm, estimate_bigram
from speechcnn.labels import Segment, timit_phones
from speechcnn.recognizer import PhoneRecognizer, PhoneStream, Recipe

RATE, LONG, SHORT, CHUNK = 16000, 300, 60, 1600


def rows() -> Iterator[Row]:
    recognizer, samples = _recognizer(), _sound(LONG)
    short = samples[: SHORT * RATE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        audio.write(path, samples, RATE)
        yield _file_row(recognizer, path)
    yield _stream_row(recognizer, short)
    yield _confidence_row(recognizer, short)


def _recognizer() -> PhoneRecognizer:
    torch.manual_seed(0)
    rng, labels = np.random.default_rng(0), timit_phones()
    transcripts = [[labels[i] for i in rng.integers(len(labels), size=40)] for _ in range(300)]
    states = [np.repeat(rng.permutation(3 * len(labels)), 3) for _ in range(20)]
    hmm = PhoneHmm.estimate(states, labels, estimate_bigram(transcripts, labels))
    made = PhoneRecognizer(
        Recipe({"name": "log_mel"}, {"kind": "utterance"}, {"name": "cnn_dnn", "pool": 6}), labels, hmm
    )
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.mul_(2)  # surer scores, as of a network that knows something
    return made


def _sound(seconds: int) -> np.ndarray:
    """Noise whose colour and loudness change ten times a second."""
    rng, size = np.random.default_rng(0), RATE // 10
    white = rng.standard_normal((10 * seconds, size)) * rng.uniform(0.002, 0.05, (10 * seconds, 1))
    colour = rng.uniform(-0.95, 0.95, (10 * seconds, 1))
    return (white + colour * np.roll(white, 1, axis=1)).astype(np.float32).reshape(-1)


def _whole(recognizer: PhoneRecognizer, path: Path) -> list[Segment]:
    return recognizer.decode(recognizer.log_posteriors(recognizer.extract(path)))


def _file_row(recognizer: PhoneRecognizer, path: Path) -> Row:
    row = compare(
        f"transcribe a file of {LONG} s",
        lambda: recognizer.transcribe(path),
        lambda: _whole(recognizer, path),
        peer_name="the whole file at once",
        repeats=3,
        difference=_differing(recognizer.transcribe(path), _whole(recognizer, path)),
        memory=True,
    )
    return replace(row, note=f"{1000 * LONG / row.ours_ms:.0f} times real time")


def _stream_row(recognizer: PhoneRecognizer, samples: np.ndarray) -> Row:
    statistics = recognizer.statistics(samples, RATE)
    stream, unlimited = (recognizer.stream(RATE, delay_ms, statistics) for delay_ms in (500, None))
    row = compare(
        f"listen to {SHORT} s in chunks of {1000 * CHUNK // RATE} ms",
        lambda: _listen(stream, samples),
        lambda: recognizer.transcribe(samples, RATE),
        peer_name="transcribe",
        repeats=5,
        difference=_differing(_listen(unlimited, samples), recognizer.transcribe(samples, RATE)),
    )
    return replace(row, note=f"{row.ours_ms / SHORT:.1f} ms a second, given out within {stream.delay_ms:.0f} ms")


def _confidence_row(recognizer: PhoneRecognizer, samples: np.ndarray) -> Row:
    return compare(
        f"transcribe {SHORT} s, confidence paths",
        lambda: recognizer.transcribe(samples, RATE, "paths"),
        lambda: recognizer.transcribe(samples, RATE),
        peer_name="confidence network",
        repeats=5,
    )


def _listen(stream: PhoneStream, samples: np.ndarray) -> list[Segment]:
    state, found = stream.start(), []
    for first in range(0, len(samples), CHUNK):
        phones, state = stream.step(samples[first : first + CHUNK], state)
        found += phones
    return found + stream.finish(state)


def _differing(ours: list[Segment], peers: list[Segment]) -> float:
    """Share of the phones that only one of the two has."""
    sides = [{(one.label, one.start, one.end) for one in side} for side in (ours, peers)]
    return len(sides[0] ^ sides[1]) / max(1, len(sides[0] | sides[1]))
