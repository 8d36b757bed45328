"""From samples to what a network reads: log-mel bands or cepstra, energy and deltas, and their normalisation.

Frames are Kaldi's, of whole windows only: frame t covers the samples [t * shift, t * shift + window). Nothing is padded
or dithered. In each frame the mean is removed, then the samples are pre-emphasised (0.97) and weighted with a Hamming
window; its power spectrum is summed under triangles equally wide in mel (1127 ln(1 + f / 700)). Logarithms are natural
and of at least `LOG_FLOOR`. Samples are expected within -1 .. 1.

Sums over bands are taken in double precision: in single precision their rounding would depend on how many frames BLAS
is given, and an utterance would have other features alone than in a batch.
"""

from __future__ import annotations

from speechcnn.features.deltas import with_deltas
from speechcnn.features.levels import levelled, loudest
from speechcnn.features.log_mel import LOG_FLOOR, LogMel
from speechcnn.features.matrices import cosine_transform, lifter_weights, mel_bands
from speechcnn.features.mfcc import Mfcc
from speechcnn.features.normalisation import STD_FLOOR, Normalizer, Statistics, statistics
from speechcnn.features.running import RunningNormalizer

__all__ = [
    "FEATURES",
    "LOG_FLOOR",
    "STD_FLOOR",
    "LogMel",
    "Mfcc",
    "Normalizer",
    "RunningNormalizer",
    "Statistics",
    "cosine_transform",
    "levelled",
    "lifter_weights",
    "loudest",
    "mel_bands",
    "statistics",
    "with_deltas",
]

FEATURES = {"log_mel": LogMel, "mfcc": Mfcc}
