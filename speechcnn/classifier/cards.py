"""What a fitted classifier remembers of its training: the clips in its last hidden layer, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechcnn.classifier.fitting import Fitted
from speechcnn.classifier.network import Known, Network
from speechcnn.classifier.targets import Targets
from speechcnn.classifier.windows import WindowPolicy

MOST_KNOWN = 10_000  # clips; a model file has room for little more than the names of 40,000

Clips = Sequence[NDArray[np.float32]]


def known(built: Network, policy: WindowPolicy, samples: Clips, names: Sequence[str], wanted: Targets) -> Known:
    """Return the training clips in the last hidden layer, with their classes and names; of very many, every n-th."""
    kept = slice(None, None, -(-len(samples) // MOST_KNOWN))
    vectors = [built.embedding(built.windows(one, policy)).numpy() for one in samples[kept]]
    labels = ["+".join(wanted.names[k] for k in np.flatnonzero(row)) for row in wanted.matrix[kept]]
    return Known(np.stack(vectors), labels, names[kept])


def card(rate: int, samples: Clips, wanted: Targets, found: Fitted) -> dict[str, Any]:
    """Return what a model file says of its training."""
    counts = dict(zip(wanted.names, map(int, wanted.matrix.sum(0)), strict=True))
    total = sum(len(one) for one in samples) / rate
    return {
        "trained_on": {"clips": len(samples), "minutes": round(total / 60, 2), "of_each_class": counts},
        "validated_on": len(found.validated),
        "last_epoch": asdict(found.history[-1]),
    }
