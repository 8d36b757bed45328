"""A classifier against librosa features and a random forest on the same folds: accuracy and time.

`tools/bench.py classification` works on sounds that it makes; `--clips /path/to/ESC-50` takes a corpus of yours. The
first fold is tested on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import librosa
import numpy as np
from bench import Row
from sklearn.ensemble import RandomForestClassifier

from speechcnn import audio
from speechcnn.classifier import AudioClassifier
from speechcnn.corpora import folders, scenes
from speechcnn.corpora.clips import Clip, ClipSet


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
    forest = RandomForestClassifier(500, random_state=0, n_jobs=-1).fit(_features(train), [c.label for c in train])
    peer_fit = time.perf_counter()
    found = forest.predict(_features(test)) == [clip.label for clip in test]
    peer_end = time.perf_counter()
    note = f"right on fold {fold}: ours {100 * np.mean(right):.1f} %, peer {100 * np.mean(found):.1f} %"
    peer = "librosa MFCC and spectral statistics, random forest"
    yield Row("fit", 1000 * (ours_fit - start), peer, 1000 * (peer_fit - ours_end), note=note)
    yield Row(
        "predict, a clip", 1000 * (ours_end - ours_fit) / len(test), peer, 1000 * (peer_end - peer_fit) / len(test)
    )


def _features(clips: Sequence[Clip]) -> np.ndarray:
    """Mean, deviation, least and most over frames of 20 MFCC, their deltas, and four spectral descriptors."""
    found = []
    for clip in clips:
        samples, rate = audio.read(clip.path, 16000)
        spectrum = np.abs(librosa.stft(samples, n_fft=1024, hop_length=256))
        mfcc = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=20, n_fft=1024, hop_length=256)
        frames = np.vstack([
            mfcc,
            librosa.feature.delta(mfcc),
            librosa.feature.spectral_centroid(S=spectrum, sr=rate),
            librosa.feature.spectral_bandwidth(S=spectrum, sr=rate),
            librosa.feature.spectral_flatness(S=spectrum),
            librosa.feature.zero_crossing_rate(samples, frame_length=1024, hop_length=256)[:, : spectrum.shape[1]],
        ])  # fmt: skip
        found.append(np.concatenate([frames.mean(1), frames.std(1), frames.min(1), frames.max(1)]))
    return np.array(found)
