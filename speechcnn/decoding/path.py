"""What every search finds: phones with their frames, and the same in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.labels import Labels, Segment


@dataclass(frozen=True)
class DecodedPhone:
    """A phone on a path: its number, and its first and last frame."""

    phone: int
    first_frame: int
    last_frame: int


def timed_segments(
    decoded: Sequence[DecodedPhone],
    posteriors: NDArray[np.float32],
    labels: Labels,
    shift: float = 0.01,
    first_centre: float = 0.0125,
) -> list[Segment]:
    """Return decoded phones in seconds, each with its mean posterior; boundaries lie midway between frames' centres.

    A phone whose first frame is the utterance's starts at 0.

    Args:
        decoded: phones in order of time.
        posteriors: probability of each phone in each frame.
        labels: the phones' names.
        shift: seconds between two frames.
        first_centre: seconds from the start to the centre of frame 0.

    Shape: posteriors [T, L].
    """
    means = [float(posteriors[one.first_frame : one.last_frame + 1, one.phone].mean()) for one in decoded]
    return [timed(one, mean, labels, shift, first_centre) for one, mean in zip(decoded, means, strict=True)]


def timed(one: DecodedPhone, posterior: float, labels: Labels, shift: float, first_centre: float) -> Segment:
    """Return a decoded phone with its posterior in seconds, as `timed_segments` does for several."""
    start = max(0.0, first_centre + (one.first_frame - 0.5) * shift) if one.first_frame else 0.0
    end = first_centre + (one.last_frame + 0.5) * shift
    return Segment(labels[one.phone], round(start, 6), round(end, 6), min(posterior, 1.0))
