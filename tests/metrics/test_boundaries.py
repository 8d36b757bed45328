from __future__ import annotations

import pytest

from speechcnn.labels import Segment
from speechcnn.metrics import BoundaryErrors, boundary_errors


def segments(labels: str, *bounds: float) -> list[Segment]:
    return [Segment(*one) for one in zip(labels, bounds[:-1], bounds[1:], strict=True)]


def test_by_hand() -> None:
    """Boundaries off by 0, 10, 15, 50 and 60 ms; the ends are off by a second and do not count."""
    reference = segments("abcaba", 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
    found = segments("abcaba", 0.0, 1.1, 1.21, 1.285, 1.45, 1.56, 2.6)
    errors = boundary_errors(reference, found)
    assert errors.boundaries == 5
    assert errors.mean_absolute == pytest.approx(0.135 / 5)
    assert errors.shares == {0.010: 2 / 5, 0.020: 3 / 5, 0.050: 4 / 5}


def test_a_hole_has_its_boundary_in_the_middle() -> None:
    reference = [Segment("a", 0, 0.10), Segment("b", 0.14, 0.30)]
    assert boundary_errors(reference, segments("ab", 0, 0.15, 0.30)).absolute_seconds == pytest.approx(0.03)


def test_errors_add_and_rates_come_last() -> None:
    one = boundary_errors(segments("ab", 0, 0.10, 0.2), segments("ab", 0, 0.10, 0.2))
    other = boundary_errors(segments("abab", 0, 0.1, 0.2, 0.3, 0.4), segments("abab", 0, 0.13, 0.23, 0.33, 0.4))
    total = sum([one, other], BoundaryErrors())
    assert total.mean_absolute == pytest.approx(0.0225)
    assert total.shares == {0.010: 1 / 4, 0.020: 1 / 4, 0.050: 1}


@pytest.mark.parametrize("labels", ["", "a"])
def test_without_boundaries_rates_are_zero(labels: str) -> None:
    only = segments(labels, *range(len(labels) + 1))
    errors = boundary_errors(only, only)
    assert (errors.boundaries, errors.mean_absolute, set(errors.shares.values())) == (0, 0.0, {0.0})


def test_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="segment 1 is 'b' in the reference and 'c' in the other"):
        boundary_errors(segments("ab", 0, 1, 2), segments("ac", 0, 1, 2))
    with pytest.raises(ValueError, match="segment 2 is None in the reference and 'a' in the other"):
        boundary_errors(segments("ab", 0, 1, 2), segments("aba", 0, 1, 2, 3))
