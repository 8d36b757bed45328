#!/usr/bin/env python3
"""Measures what 8 bits cost a keyword model's ONNX graphs, on speech: `tools/int8_loss.py MODEL [--sounds DIR]`.

Spoken are its words, what sounds like them, and sentences, by voices that no training hears (extra `synth`); with
`--sounds` also the files of a folder. Scores are posteriors averaged as the event rule does; times count where the
plain graph's posterior is above a half.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import onnxruntime

from speechcnn import audio, cli
from speechcnn.corpora.keywords.recordings import sound_files
from speechcnn.corpora.keywords.script import Counts, lines, prepare
from speechcnn.corpora.keywords.speaking import RATE, speak
from speechcnn.spotter import KeywordSpotter
from speechcnn.spotting import detect

COUNTS = Counts(keyword=12, near=8, part=4, with_keyword=12, other=8, sentence=12)
Answers = list[np.ndarray]  # keywords [K, T'], times [2, T']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a .speechcnn file, or a word that a model comes with the package for")
    parser.add_argument("--sounds", type=Path, default=None, metavar="DIR", help="more sounds")
    arguments = parser.parse_args()
    spotter = KeywordSpotter.load(arguments.model)
    sounds = spoken(spotter) + (heard(arguments.sounds) if arguments.sounds else [])
    with tempfile.TemporaryDirectory() as folder:
        if cli.main(["export", arguments.model, f"{folder}/a.onnx", "--int8"]):
            raise SystemExit(1)
        for kind, run in (("", whole), (".stream", streamed)):
            plain, small = (Path(folder) / f"a{kind}{end}" for end in (".onnx", ".int8.onnx"))
            sizes = " and ".join(f"{path.stat().st_size / 1000:.0f}" for path in (plain, small))
            print(f"{kind[1:] or 'whole'}, {sizes} kB: {loss(spotter, run(plain, sounds), run(small, sounds))}")


def loss(spotter: KeywordSpotter, plain: list[Answers], small: list[Answers]) -> str:
    gaps = np.concatenate([np.abs(a[0] - b[0]).ravel() for a, b in zip(plain, small, strict=True)])
    times = [np.abs(a[1] - b[1])[:, (a[0] > 0.5).any(0)].max(initial=0) for a, b in zip(plain, small, strict=True)]
    counts = [
        [len(detect(*one, spotter.rule, spotter.keywords, spotter.frames)) for one in kind] for kind in (plain, small)
    ]
    other = sum(a != b for a, b in zip(*counts, strict=True))
    return (
        f"posteriors off by {gaps.max():.3f} at most, {np.sqrt(np.square(gaps).mean()):.4f} root mean square; "
        f"times by {max(times):.3f} s; {sum(counts[0])} and {sum(counts[1])} events, "
        f"another number in {other} of {len(plain)} sounds"
    )


def spoken(spotter: KeywordSpotter) -> list[np.ndarray]:
    found = speak(lines("test", prepare(spotter.keywords), COUNTS, seed=0))
    return [np.pad(one.samples, 8000).astype(np.float32) for one in found]


def heard(folder: Path) -> list[np.ndarray]:
    return [audio.read(path, RATE)[0] for path in sound_files(folder)]


def opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def whole(path: Path, sounds: list[np.ndarray]) -> list[Answers]:
    session = opened(path)
    return [[one[0] for one in session.run(None, {"samples": samples[None]})] for samples in sounds]


def streamed(path: Path, sounds: list[np.ndarray]) -> list[Answers]:
    session = opened(path)
    facts = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    return [stream(session, facts, samples) for samples in sounds]


def stream(session: onnxruntime.InferenceSession, facts: dict, samples: np.ndarray) -> Answers:
    """Scan a recording chunk by chunk, with the state that the graph itself gives."""
    chunk, n = facts["chunk_samples"], len(samples)
    padded = np.pad(samples, (0, -n % chunk + chunk * facts["chunks_after"])).reshape(-1, 1, chunk)
    state: dict[str, np.ndarray] = {}
    found = []
    for number, piece in enumerate(padded):
        length = np.array([np.clip(n - number * chunk, 0, chunk)])
        keywords, times, *after = session.run(None, {"samples": piece, "length": length, **state})
        state = dict(zip(facts["state"], after, strict=True))
        found.append((keywords[0], times[0]))
    return [np.concatenate(parts, 1)[:, facts["delay_frames"] :] for parts in zip(*found, strict=True)]


if __name__ == "__main__":
    main()
