"""Choice of the decoder's weights on dev utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tuned:
    """The decoder weights that did best, their error rate, and all that were tried."""

    lm_scale: float
    insertion_penalty: float
    rate: float
    tried: tuple[tuple[float, float, float], ...]  # (lm_scale, insertion_penalty, rate)


def tune(
    utterances: Sequence[NDArray[np.float32]],
    decode: Callable[..., list[str]],
    error_rate: Callable[[list[list[str]]], float],
    lm_scales: Sequence[float],
    insertion_penalties: Sequence[float],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tuned:
    """Try every pair of weights on dev utterances, each [T, K]; ties go to the pair tried first.

    Args:
        utterances: the network's scores.
        decode: returns the labels of one utterance, given `lm_scale` and `insertion_penalty`.
        error_rate: of the labels of all.
        lm_scales: values to try.
        insertion_penalties: values to try.
        progress: called with how many pairs are done, and of how many.

    Raises:
        ValueError: nothing to try.
    """
    tried: list[tuple[float, float, float]] = []
    pairs = list(product(lm_scales, insertion_penalties))
    if not pairs:
        raise ValueError("lm_scales and insertion_penalties must each list at least one value.")
    with ThreadPoolExecutor() as pool:
        for lm_scale, penalty in pairs:
            labels = partial(decode, lm_scale=lm_scale, insertion_penalty=penalty)
            tried.append((lm_scale, penalty, error_rate(list(pool.map(labels, utterances)))))
            progress(len(tried), len(pairs))
    lm_scale, penalty, rate = min(tried, key=lambda one: one[2])
    return Tuned(lm_scale, penalty, rate, tuple(tried))
