"""Which phone and which state of it each frame belongs to, from labelled segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from speechcnn.labels import Labels, Segment


def close_holes(segments: Sequence[Segment]) -> list[Segment]:
    """Give each hole between segments (left by a deleted `q`, say) to its neighbours, parted at its middle."""
    closed = list(segments)
    for i in range(1, len(closed)):
        left, right = closed[i - 1], closed[i]
        if left.end < right.start:
            middle = (left.end + right.start) / 2
            closed[i - 1], closed[i] = replace(left, end=middle), replace(right, start=middle)
    return closed


def frame_segments(
    segments: Sequence[Segment], n_frames: int, shift: float = 0.01, first_centre: float = 0.0125
) -> NDArray[np.int64]:
    """Return for each frame the number of the segment that holds its centre.

    Frames before the first segment belong to it, frames after the last one to the last.

    Args:
        segments: in order of time, without holes.
        n_frames: frames of the utterance, T.
        shift: seconds between two frames.
        first_centre: seconds from the start to the centre of frame 0.

    Shape: -> [T].
    """
    if not segments:
        raise ValueError("a labelled utterance must have at least one segment; got none.")
    starts = np.array([segment.start for segment in segments])
    # Half a sample of tolerance: a boundary on a frame's centre must not fall to rounding.
    centres = first_centre + shift * np.arange(n_frames) + 1e-6
    return np.clip(np.searchsorted(starts, centres, side="right") - 1, 0, None)


def frame_labels(
    segments: Sequence[Segment], n_frames: int, labels: Labels, shift: float = 0.01, first_centre: float = 0.0125
) -> NDArray[np.int64]:
    """Return each frame's label number.

    Shape: -> [T].
    """
    numbers = np.array(labels.encode([segment.label for segment in segments]))
    return numbers[frame_segments(close_holes(segments), n_frames, shift, first_centre)]


def uniform_states(
    segments: Sequence[Segment],
    n_frames: int,
    labels: Labels,
    n_states: int = 3,
    shift: float = 0.01,
    first_centre: float = 0.0125,
) -> NDArray[np.int64]:
    """Return each frame's state when segments are split evenly: state s of phone l has number `l * n_states + s`.

    Frame i of n goes to the state in which its middle falls: one frame alone is in the middle state, two frames are
    in the first and the last.

    Shape: -> [T].
    """
    numbers = np.array(labels.encode([segment.label for segment in segments]))
    of_frame = frame_segments(close_holes(segments), n_frames, shift, first_centre)
    states = np.empty(n_frames, dtype=np.int64)
    for segment in np.unique(of_frame):
        frames = np.flatnonzero(of_frame == segment)
        within = (2 * np.arange(len(frames)) + 1) * n_states // (2 * len(frames))
        states[frames] = numbers[segment] * n_states + within
    return states
