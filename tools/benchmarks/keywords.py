"""Scanning for a keyword on one core: the time of 20 s of sound, front end, network and event rule included.

The peer is what most detectors do: the same network run on a window of its receptive field at each output. The rows of
streams name the chunk; their peer is the whole recording at once. `--threads 1` for one core.
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
from speechcnn.models.building import Recipe
from speechcnn.models.keyword_nets import KEYWORD_MODELS
from speechcnn.spotter import KeywordSpotter

RATE, SECONDS = 16000, 20
CHUNKS_MS = (20, 80, 200)


def rows() -> Iterator[Row]:
    samples = (0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS)).astype(np.float32)
    for name in KEYWORD_MODELS:
        spotter = built(name)
        yield windows_row(name, spotter, samples)
        for chunk_ms in CHUNKS_MS:
            yield stream_row(name, spotter, samples, chunk_ms)
    with tempfile.TemporaryDirectory() as folder:
        yield hour_row(built("keyword_ds_tcn"), Path(folder))


def built(name: str) -> KeywordSpotter:
    torch.manual_seed(0)
    recipe = Recipe({"name": "log_mel", "deltas": 0, "energy": False}, {"kind": "corpus"}, {"name": name})
    return KeywordSpotter(recipe, ["hello"])


def windows_row(name: str, spotter: KeywordSpotter, samples: np.ndarray) -> Row:
    """Scanned with shared sums, against a window of features copied for each output."""
    chain = spotter.chain
    net, field = chain.network, chain.network.receptive_field

    @torch.inference_mode()
    def scanned() -> torch.Tensor:
        return chain(torch.from_numpy(samples)[None]).keywords[0]

    @torch.inference_mode()
    def windowed() -> torch.Tensor:
        features = chain.normalized(chain.features(torch.from_numpy(samples)[None])[0])
        padded = torch.nn.functional.pad(features, (net.context_frames, net.lookahead_frames))
        copies = padded.unfold(-1, field.size, field.stride)[0].movedim(2, 0)
        found = [net.heads(net.body(part)).classes.softmax(1)[:, 1:] for part in copies.split(50)]
        return torch.cat(found)[..., 0].T

    difference = float((scanned() - windowed()).abs().max())
    row = compare(name, scanned, windowed, peer_name="a window a frame", repeats=3, difference=difference)
    facts = spotter.facts()
    cost = (
        f"{facts.parameters} parameters, {facts.multiply_adds_per_second / 1e6:.2f} M multiply-adds a second of sound"
    )
    return replace(row, note=f"{factor(row)}, {cost}, state {facts.state_bytes} bytes")


def stream_row(name: str, spotter: KeywordSpotter, samples: np.ndarray, chunk_ms: int) -> Row:
    """A stream in chunks, against the recording at once."""
    stream, size = spotter.stream(), RATE * chunk_ms // 1000

    def streamed() -> np.ndarray:
        state, found = stream.start(), []
        for start in range(0, len(samples), size):
            heard, state = stream.step(samples[start : start + size], state)
            found.append(heard.posteriors)
        return np.concatenate([*found, stream.finish(state).posteriors], 1)

    def whole() -> np.ndarray:
        return spotter.posteriors(samples, RATE)[0]

    difference = float(np.abs(streamed() - whole()).max())
    title = f"{name}, chunks of {chunk_ms} ms"
    row = compare(title, streamed, whole, peer_name="whole", repeats=3, difference=difference)
    return replace(row, note=factor(row))


def hour_row(spotter: KeywordSpotter, folder: Path) -> Row:
    """What an hour of a file takes at most, against a minute of it."""
    for minutes in (1, 60):
        noise = np.random.default_rng(0).integers(-3000, 3000, RATE * 60 * minutes, np.int16)
        audio.write(folder / f"{minutes}.wav", noise, RATE)
    hour, minute = (lambda name=name: spotter.find(folder / f"{name}.wav") for name in (60, 1))
    row = compare("keyword_ds_tcn, an hour of a file", hour, minute, peer_name="a minute of it", repeats=1, memory=True)
    return replace(row, note=f"real-time factor {row.ours_ms / 3_600_000:.4f}")


def factor(row: Row) -> str:
    return f"real-time factor {row.ours_ms / 1000 / SECONDS:.4f}"
