"""A classifier against librosa features and a random forest on the same folds: accuracy and time.

`tools/bench.py classification` works on sounds that it makes; `--clips /path/to/ESC-50` takes a corpus of yours. The
first fold is tested on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench import Row
from forest_peer import features, forest

from speechcnn.classifier import AudioClassifier
from speechcnn.corpora import folders, scenes
from speechcnn.corpora.clips import ClipSet


def rows(clips: Path | None) -> Iterator[Row]:
    if clips:
        yield from _rows(folders.read(clips).with_folds(5))
        return
    with tempfile.TemporaryDirectory() as folder:
        scenes.make_clips(Path(folder) / "sounds", scenes.Clips(per_class=20))
        yield from _rows(folders.read(Path(folder) / "sounds"))


def _rows(corpus: ClipSet) -> Iterator[Row]:
    fold = corpus.folds[0]
    train = [clip for clip in corpus.clips if clip.fold != fold]
    test = [clip for clip in corpus.clips if clip.fold == fold]
    start = time.perf_counter()
    ours = AudioClassifier().fit_clips(ClipSet(tuple(train), "train"))
    ours_fit = time.perf_counter()
    right = ours.predict([clip.path for clip in test]) == [clip.label for clip in test]
    ours_end = time.perf_counter()
    peer = forest(features(train), train)
    peer_fit = time.perf_counter()
    found = peer.predict(features(test)) == [clip.label for clip in test]
    peer_end = time.perf_counter()
    note = f"right on fold {fold}: ours {100 * np.mean(right):.1f} %, peer {100 * np.mean(found):.1f} %"
    name = "librosa MFCC and spectral statistics, random forest"
    yield Row("fit", 1000 * (ours_fit - start), name, 1000 * (peer_fit - ours_end), note=note)
    yield Row(
        "predict, a clip", 1000 * (ours_end - ours_fit) / len(test), name, 1000 * (peer_end - peer_fit) / len(test)
    )
