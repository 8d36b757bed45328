#!/usr/bin/env python3
"""Measures how well each kind of confidence tells the phones that are right: `tools/confidences.py MODEL CORPUS`.

A phone is right where the alignment with the labels, both folded to 39, pairs it with its equal. `q`, which folding
drops, is left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speechcnn import PhoneRecognizer, progress
from speechcnn.corpora import Utterance
from speechcnn.corpora.timit import read
from speechcnn.decoding.hmm import CONFIDENCES
from speechcnn.labels import Segment, fold
from speechcnn.metrics import align
from speechcnn.metrics.confidences import Calibration, calibration

PARTS = ("train", "dev", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--part", choices=PARTS, default="test")
    arguments = parser.parse_args()
    recognizer = PhoneRecognizer.load(arguments.model)
    utterances = getattr(read(arguments.corpus), arguments.part)
    for kind in CONFIDENCES:
        recognizer.transcribe(utterances[0].path, confidence=kind)  # compiles
        started = time.perf_counter()
        sure, right = judge(recognizer, utterances, kind)
        show(kind, sure, right, time.perf_counter() - started)


def judge(recognizer: PhoneRecognizer, utterances: Sequence[Utterance], kind: str) -> tuple[list[float], list[bool]]:
    """The confidence of each phone that was recognised, and whether it is right."""
    sure: list[float] = []
    right: list[bool] = []
    with progress.bar(kind) as update:
        for done, one in enumerate(utterances, 1):
            found = [phone for phone in recognizer.transcribe(one.path, confidence=kind) if fold([phone.label], 39)]
            sure += [phone.posterior or 0.0 for phone in found]
            right += correct(one.labels, found)
            update(done, len(utterances))
    return sure, right


def correct(reference: Sequence[str], found: Sequence[Segment]) -> list[bool]:
    pairs = align(fold(reference, 39), fold([phone.label for phone in found], 39))
    return [left == heard for left, heard in pairs if heard is not None]


def show(kind: str, sure: list[float], right: list[bool], seconds: float) -> None:
    found: Calibration = calibration(sure, right)
    share = sum(right) / len(right)
    print(f"{kind}: AUC {found.auc:.3f}, calibration error {found.error:.3f}; {len(sure)} phones, ", end="")
    print(f"{100 * share:.1f} % right, {sum(sure) / len(sure):.3f} sure on average; {seconds:.1f} s")
    print(f"{'phones':>8} {'sure':>6} {'right':>6}")
    for one in found.bins:
        print(f"{one.count:>8} {one.confidence:>6.2f} {one.correct:>6.2f}")


if __name__ == "__main__":
    main()
