"""Connectionist temporal classification: greedy decoding, forced alignment and confidence.

Class 0 of the network is the blank, as in torch's loss; label l is class l + 1. A path names a class for each frame;
its labels are what remains when repeats are merged and then blanks dropped.

Source: Graves et al. (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from speechcnn.decoding.path import DecodedPhone, timed_segments
from speechcnn.labels import Labels, Segment

BLANK = 0


def can_align(n_frames: int, labels: Sequence[int]) -> bool:
    """Say whether there are frames enough: one a label, and a blank between two of the same.

    Where there are not, the loss is infinite.
    """
    return n_frames >= _frames_needed(labels)


def greedy(log_probabilities: NDArray[np.float32]) -> list[DecodedPhone]:
    """Return the labels of the best path, each with the frames in which the path names it.

    Shape: log_probabilities [T, L + 1].
    """
    best = log_probabilities.argmax(1)
    return _runs(best, best)


def align(log_probabilities: NDArray[np.float32], labels: Sequence[int]) -> list[DecodedPhone]:
    """Return the frames in which the best path through the given labels names each of them.

    Shape: log_probabilities [T, L + 1].

    Raises:
        ValueError: there are too few frames, a label has no class, or all paths have probability 0.
    """
    n_frames, n_classes = log_probabilities.shape
    if not can_align(n_frames, labels):
        raise ValueError(
            f"aligning {len(labels)} labels needs {_frames_needed(labels)} frames, one a label and a blank between two "
            f"of the same; got {n_frames}."
        )
    if not labels:
        return []
    if not 0 <= min(labels) <= max(labels) < n_classes - 1:
        raise ValueError(f"labels must be from 0 to {n_classes - 2}; got {min(labels)} to {max(labels)}.")
    classes = np.zeros(2 * len(labels) + 1, np.int64)
    classes[1::2] = np.asarray(labels, np.int64) + 1
    places = best_places(np.ascontiguousarray(log_probabilities, np.float32), classes)
    if places[0] > 1:
        raise ValueError("the labels cannot be aligned: every path through them has probability 0.")
    return _runs(places, classes[places])


def segments(
    decoded: Sequence[DecodedPhone],
    log_probabilities: NDArray[np.float32],
    labels: Labels,
    shift: float = 0.01,
    first_centre: float = 0.0125,
) -> list[Segment]:
    """Return decoded labels in seconds, each with the mean probability of its class over its frames.

    The network takes frames as independent, so that this is the mean posterior of the label given the whole utterance.
    Blanks leave holes between segments; `states.close_holes` parts them at their middle.

    Shape: log_probabilities [T, L + 1].
    """
    return timed_segments(decoded, np.exp(log_probabilities[:, 1:]), labels, shift, first_centre)


def _frames_needed(labels: Sequence[int]) -> int:
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def _runs(places: NDArray[np.int64], classes: NDArray[np.int64]) -> list[DecodedPhone]:
    """Return the runs of one place whose class is a label."""
    firsts = np.flatnonzero(np.diff(places, prepend=-1))
    lasts = np.append(firsts[1:], len(places)) - 1
    return [
        DecodedPhone(int(classes[first]) - 1, int(first), int(last))
        for first, last in zip(firsts, lasts, strict=False)
        if classes[first] != BLANK
    ]


@njit(cache=True, nogil=True)
def best_places(log_probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each frame the place in `classes`, labels with blanks around them, of the best path through it.

    Shape: log_probabilities [T, L + 1]; classes [2 S + 1] -> [T].
    """
    n_frames, n_places = len(log_probabilities), len(classes)
    path, steps = np.full(n_places, -np.inf), np.zeros((n_frames, n_places), np.uint8)
    for place in range(min(2, n_places)):
        path[place] = log_probabilities[0, classes[place]]
    for t in range(1, n_frames):
        for place in range(n_places - 1, -1, -1):
            best = path[place]
            for step in range(1, 3):
                jumps = step == 2 and (classes[place] == BLANK or classes[place] == classes[place - 2])
                if place >= step and not jumps and path[place - step] > best:
                    best, steps[t, place] = path[place - step], step
            path[place] = best + log_probabilities[t, classes[place]]
    places, place = np.empty(n_frames, np.int64), n_places - 1
    if n_places > 1 and path[n_places - 2] > path[n_places - 1]:
        place = n_places - 2
    for t in range(n_frames - 1, -1, -1):
        places[t] = place
        place -= steps[t, place]
    return places
