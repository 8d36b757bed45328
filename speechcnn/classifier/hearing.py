"""What a network of windows says over time: each moment has the mean of the windows that cover it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechcnn.classifier.network import Network
from speechcnn.classifier.windows import HeardWindow, WindowPolicy
from speechcnn.decoding.events import EventSettings, decode_events
from speechcnn.events import Event


def heard_events(
    network: Network,
    policy: WindowPolicy,
    samples: NDArray[np.float32],
    classes: Sequence[str],
    hop_seconds: float,
    rule: EventSettings | None,
    background: str,
) -> list[Event]:
    """Return the events of one clip; those of the class `background` are none.

    Shape: samples [N].
    """
    shift, seconds = network.features.shift_seconds, len(samples) / network.rate
    hop = max(1, round(hop_seconds / shift))
    dense = replace(policy, hop_frames=hop, votes=0)
    windows = network.windows(samples, dense)
    n_frames = max(policy.n_frames, network.frames_of(seconds))
    curves = spread(network.probabilities(windows), dense.starts(n_frames), policy.n_frames, hop, n_frames)
    n_heard = max(1, int(np.ceil(seconds / (hop * shift))))  # not what only repeats or pads a short clip
    found = decode_events(curves[:n_heard], classes, hop * shift, hop * shift / 2, rule)
    return [replace(one, offset=min(one.offset, seconds)) for one in found if one.label != background]


def heard_windows(
    network: Network, policy: WindowPolicy, samples: NDArray[np.float32], classes: Sequence[Any]
) -> list[HeardWindow]:
    """Return what is heard in each window of one clip.

    Shape: samples [N].
    """
    rows = network.probabilities(network.windows(samples, policy))
    seconds, shift = len(samples) / network.rate, network.features.shift_seconds
    width = policy.n_samples / network.rate
    starts = policy.starts(max(policy.n_frames, network.frames_of(seconds)))
    return [
        HeardWindow(start * shift, min(start * shift + width, seconds), dict(zip(classes, row.tolist(), strict=True)))
        for start, row in zip(starts, rows, strict=True)
    ]


def spread(
    probabilities: NDArray[np.float64], starts: Sequence[int], width: int, hop: int, n_frames: int
) -> NDArray[np.float64]:
    """Return the mean probability of all windows that cover each stretch of `hop` frames.

    Shape: probabilities [W, K] of windows of `width` frames from `starts` [W] -> [ceil(n_frames / hop), K].
    """
    begins = np.arange(0, n_frames, hop)
    total, counts = np.zeros((len(begins), probabilities.shape[1])), np.zeros((len(begins), 1))
    for start, row in zip(starts, probabilities, strict=True):
        covered = (np.minimum(begins + hop, n_frames) > start) & (begins < start + width)
        total[covered] += row
        counts[covered] += 1
    return total / np.maximum(counts, 1)
