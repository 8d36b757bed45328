"""The training clips that lie nearest to a clip in the network's last hidden layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.classifier.network import Known


@dataclass(frozen=True)
class Neighbour:
    """A training clip and how like it is: the cosine of the angle between the two vectors."""

    name: str  # the path of its sound, or its place in the list that was fitted
    label: str
    similarity: float


def nearest(vector: NDArray[np.float32], known: Known, k: int) -> list[Neighbour]:
    """Return the `k` nearest training clips, nearest first.

    Raises:
        ValueError: `k` below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    lengths = np.linalg.norm(known.vectors, axis=1) * np.linalg.norm(vector)
    cosines = known.vectors @ vector / np.maximum(lengths, np.finfo(np.float32).tiny)
    order = np.argsort(-cosines, kind="stable")[:k]
    return [Neighbour(known.names[i], known.labels[i], float(cosines[i])) for i in order]
