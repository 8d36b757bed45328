#!/usr/bin/env python3
"""What a classifier must beat: librosa features and a random forest. `tools/forest_peer.py CORPUS` tests every fold."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
from sklearn.ensemble import RandomForestClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speechcnn import audio
from speechcnn.corpora import folders
from speechcnn.corpora.clips import Clip


def forest(rows: np.ndarray, clips: Sequence[Clip]) -> RandomForestClassifier:
    """Return a forest that was fitted on the clips' features."""
    return RandomForestClassifier(500, random_state=0, n_jobs=-1).fit(rows, [clip.label for clip in clips])


def features(clips: Sequence[Clip]) -> np.ndarray:
    """Return mean, deviation, least and most over frames of 20 MFCC, their deltas, and four spectral descriptors."""
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


def main() -> None:
    corpus = folders.read(Path(sys.argv[1])).with_folds(5)
    started, shares = time.process_time(), []
    rows, labels = features(corpus.clips), np.array([clip.label for clip in corpus.clips])
    for fold in corpus.folds:
        held = np.array([clip.fold == fold for clip in corpus.clips])
        fitted = forest(rows[~held], [clip for clip in corpus.clips if clip.fold != fold])
        shares.append(float((fitted.predict(rows[held]) == labels[held]).mean()))
        print(f"fold {fold}: {100 * shares[-1]:.1f} %")
    print(f"mean {100 * np.mean(shares):.1f} %, sd {100 * np.std(shares, ddof=1):.1f} %, "
          f"{time.process_time() - started:.1f} s of the processor for {len(labels)} clips")  # fmt: skip


if __name__ == "__main__":
    main()
