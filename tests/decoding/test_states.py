from __future__ import annotations

import numpy as np
import pytest

from speechcnn.decoding.states import close_holes, frame_labels, uniform_states
from speechcnn.labels import Labels, Segment

LABELS = Labels(("a", "b", "c"))


def samples(*spans: tuple[str, int, int]) -> list[Segment]:
    return [Segment(label, start / 16000, end / 16000) for label, start, end in spans]


def test_a_frame_has_the_label_of_its_centre_sample(rng) -> None:
    bounds = [0, *sorted(rng.choice(np.arange(1, 16000), 20, replace=False).tolist()), 16000]
    names = ["abc"[i % 3] for i in range(21)]
    segments = samples(*zip(names, bounds[:-1], bounds[1:], strict=True))
    expected = [
        next(n for n, a, b in zip(names, bounds, bounds[1:], strict=False) if a <= 160 * t + 200 < b) for t in range(98)
    ]
    assert LABELS.decode(frame_labels(segments, 98, LABELS)) == expected


def test_a_boundary_on_a_centre_belongs_to_the_later_segment() -> None:
    for t in range(98):
        segments = samples(("a", 0, 160 * t + 200), ("b", 160 * t + 200, 16000))
        assert frame_labels(segments, 98, LABELS).tolist() == [0] * t + [1] * (98 - t)


def test_a_hole_is_parted_at_its_middle() -> None:
    closed = close_holes(samples(("a", 0, 100), ("b", 300, 400), ("c", 600, 700), ("a", 700, 800)))
    assert [(s.label, round(s.start * 16000), round(s.end * 16000)) for s in closed] == [
        ("a", 0, 200),
        ("b", 200, 500),
        ("c", 500, 700),
        ("a", 700, 800),
    ]


def test_frames_outside_the_labels_go_to_the_nearest() -> None:
    assert frame_labels(samples(("b", 800, 1600), ("c", 1600, 2400)), 30, LABELS).tolist() == [1] * 9 + [2] * 21


@pytest.mark.parametrize(
    ("n_frames", "within"),
    [(1, [1]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 1, 2]), (6, [0, 0, 1, 1, 2, 2]), (7, [0, 0, 1, 1, 1, 2, 2])],
)
def test_a_segment_is_split_evenly(n_frames: int, within: list[int]) -> None:
    states = uniform_states(samples(("b", 0, 16000)), n_frames, LABELS)
    assert states.tolist() == [3 + s for s in within]


def test_two_segments_of_one_label_are_split_apart() -> None:
    segments = samples(("a", 0, 480), ("a", 480, 960))
    assert uniform_states(segments, 6, LABELS).tolist() == [0, 2, 0, 1, 1, 2]


def test_no_segments() -> None:
    with pytest.raises(ValueError, match="at least one segment"):
        frame_labels([], 3, LABELS)
