#!/usr/bin/env python3
"""Measures forced alignment on a labelled corpus: `tools/alignment_errors.py MODEL CORPUS [--part test]`.

The phones of each utterance being known, the boundaries between them are compared with those of the labels. A second
row tells what spreading the phones evenly over the utterance would give.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speechcnn import PhoneRecognizer, progress
from speechcnn.corpora import Corpus, Utterance
from speechcnn.corpora.timit import read
from speechcnn.decoding.states import close_holes
from speechcnn.labels import Segment
from speechcnn.metrics import BoundaryErrors, boundary_errors

PARTS = ("train", "dev", "test", "all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--part", choices=PARTS, default="test")
    arguments = parser.parse_args()
    recognizer = PhoneRecognizer.load(arguments.model)
    utterances = chosen(read(arguments.corpus), arguments.part)
    started = time.perf_counter()
    aligned, even = measure(recognizer, utterances)
    seconds = time.perf_counter() - started
    spoken = sum(one.segments[-1].end for one in utterances)
    speed = f"{spoken / seconds:.0f} x real time"
    print(f"{len(utterances)} utterances, {spoken:.0f} s, {aligned.boundaries} boundaries; {speed}")
    print(f"{'':<16} {'mean ms':>8} {'<= 10 ms':>9} {'<= 20 ms':>9} {'<= 50 ms':>9}")
    print(row("aligned", aligned))
    print(row("evenly spread", even))


def chosen(corpus: Corpus, part: str) -> Sequence[Utterance]:
    return (*corpus.train, *corpus.dev, *corpus.test) if part == "all" else getattr(corpus, part)


def measure(recognizer: PhoneRecognizer, utterances: Sequence[Utterance]) -> tuple[BoundaryErrors, BoundaryErrors]:
    aligned, even = BoundaryErrors(), BoundaryErrors()
    with progress.bar("aligning") as update:
        for done, one in enumerate(utterances, 1):
            reference = close_holes(one.segments)
            aligned += boundary_errors(reference, recognizer.align(one.path, one.labels))
            even += boundary_errors(reference, evenly(reference))
            update(done, len(utterances))
    return aligned, even


def evenly(reference: Sequence[Segment]) -> list[Segment]:
    """The same phones, all equally long."""
    start = reference[0].start
    step = (reference[-1].end - start) / len(reference)
    return [Segment(one.label, start + i * step, start + (i + 1) * step) for i, one in enumerate(reference)]


def row(name: str, errors: BoundaryErrors) -> str:
    shares = " ".join(f"{100 * share:>7.1f} %" for share in errors.shares.values())
    return f"{name:<16} {1000 * errors.mean_absolute:>8.1f} {shares}"


if __name__ == "__main__":
    main()
