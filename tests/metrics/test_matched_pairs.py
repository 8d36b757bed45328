from __future__ import annotations

import math
import re

import pytest
from scipy import stats

from speechcnn.metrics import AS_WRITTEN, ScoreError, align, matched_pairs
from speechcnn.metrics.matched_pairs import segments


def _tokens(text):
    return text.split()


REFERENCE = _tokens("a b c d e f g h i j k l")


def _systems(rng, n=80, better=0.0):
    names = list("abcdefgh")
    references, systems = {}, ({}, {})
    for u in range(n):
        reference = [names[i] for i in rng.integers(8, size=rng.integers(0, 30))]
        references[str(u)] = reference
        for number, system in enumerate(systems):
            rate = 0.2 - better * number
            noisy = [names[rng.integers(8)] if rng.random() < rate else token for token in reference]
            kept = [token for token in noisy if rng.random() > rate / 3]
            system[str(u)] = kept + [names[rng.integers(8)]] * int(rng.random() < rate)
    return references, *systems


def _by_pattern(reference, first, second):
    """Segments by another road: the utterance as a string of good tokens and errors, cut at "gg"."""
    sides = []
    for hypothesis in (first, second):
        marks, token = {}, 0
        for left, right in align(reference, hypothesis):
            place = token - 0.5 if left is None else token
            marks[place] = marks.get(place, 0) + (left != right)
            token += left is not None
        sides.append(marks)
    places = sorted({*sides[0], *sides[1]})
    errors = [tuple(marks.get(place, 0) for marks in sides) for place in places]
    text = "".join("x" if any(pair) else "g" for pair in errors)
    found, start = [], 0
    for piece in re.split("(gg)", text):
        inside = errors[start : start + len(piece)]
        start += len(piece)
        if piece != "gg" and "x" in piece:
            found.append(tuple(sum(pair[side] for pair in inside) for side in (0, 1)))
    return found


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a b c d e f g h i j k l", "a b c d e f g h i j k l", []),
        # Errors of both at one place are one segment; two correct tokens end it.
        ("a b X d e f g h i j k l", "a b Y d e f g h i j k l", [(1, 1)]),
        # One correct token between two errors ends nothing, two do.
        ("a b X d X f g h i j k l", "a b c d e f g h i j k l", [(2, 0)]),
        ("a b X d e X g h i j k l", "a b c d e f g h i j k l", [(1, 0), (1, 0)]),
        # What is correct in one system only is no boundary.
        ("a b X d e f X h i j k l", "a b c d X f g h i j k l", [(2, 1)]),
        ("a b X d e f X h i j k l", "a b c Y Y f g h i j k l", [(2, 2)]),
        # Insertions break a run of correct tokens and deletions are errors; ends of the utterance bound as well.
        ("a X b c d e f g h i j k l", "b c d e f g h i j k", [(1, 1), (0, 1)]),
        ("a b c d X e f g h i j k l", "a b c d e f g h i j k l m", [(1, 0), (0, 1)]),
        ("a b c d X Y e f g h i j k l", "a b c d e f g h i j k l m m m", [(2, 0), (0, 3)]),
        ("", "a b c d e f g h i j k l", [(12, 0)]),
    ],
)
def test_segments_by_hand(first, second, expected):
    assert segments(REFERENCE, _tokens(first), _tokens(second)) == expected


def test_segments_are_those_of_a_search_for_patterns(rng):
    references, first, second = _systems(rng)
    seen = 0
    for name, reference in references.items():
        found = segments(reference, first[name], second[name])
        assert found == _by_pattern(reference, first[name], second[name])
        seen += len(found)
    assert seen > 100


def test_statistic_is_the_t_of_the_differences_and_p_the_normal_tail(rng):
    references, first, second = _systems(rng, better=0.05)
    cut = [one for name in references for one in segments(references[name], first[name], second[name])]
    differences = [b - a for a, b in cut]
    found = matched_pairs(references, first, second, AS_WRITTEN)
    peer = stats.ttest_1samp(differences, 0)
    assert found.segments == len(differences)
    assert found.mean == pytest.approx(sum(differences) / len(differences))
    assert found.statistic == pytest.approx(peer.statistic)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(peer.statistic)))


def test_hand_computed_statistic():
    # Differences -1, -1, 1, -1: mean -1/2, standard deviation 1, so W = -1/2 / (1 / 2) = -1.
    references = {name: ["a", "b"] for name in "uvwx"}
    right, wrong = ["a", "b"], ["a", "c"]
    first = {"u": wrong, "v": wrong, "w": right, "x": wrong}
    second = {"u": right, "v": right, "w": wrong, "x": right}
    found = matched_pairs(references, first, second, AS_WRITTEN)
    assert (found.segments, found.mean, found.statistic) == (4, -0.5, -1.0)
    assert found.p_value == pytest.approx(0.3173, abs=1e-4)


def test_order_of_systems_turns_the_sign_only(rng):
    references, first, second = _systems(rng, better=0.05)
    one, other = (
        matched_pairs(references, first, second, AS_WRITTEN),
        matched_pairs(references, second, first, AS_WRITTEN),
    )
    assert (one.statistic, one.p_value) == (pytest.approx(-other.statistic), pytest.approx(other.p_value))


def test_equal_systems_seldom_differ_and_a_better_one_is_found(rng):
    p_values = [matched_pairs(*_systems(rng), AS_WRITTEN).p_value for _ in range(40)]
    assert sum(p < 0.05 for p in p_values) <= 6
    found = matched_pairs(*_systems(rng, better=0.1), AS_WRITTEN)
    assert found.statistic < 0
    assert found.p_value < 0.001


def test_too_little_to_test():
    assert matched_pairs({"u": ["a"]}, {"u": ["a"]}, {"u": ["a"]}, AS_WRITTEN).p_value == 1
    one = matched_pairs({"u": ["a"]}, {"u": ["b"]}, {"u": ["a"]}, AS_WRITTEN)
    assert (one.segments, one.statistic, one.p_value) == (1, 0.0, 1.0)
    right, wrong = {"u": ["a"], "v": ["a"]}, {"u": ["b"], "v": ["b"]}
    always = matched_pairs(right, wrong, right, AS_WRITTEN)
    assert (always.statistic, always.p_value) == (-math.inf, 0.0)


def test_utterances_must_be_the_same_in_all_three():
    with pytest.raises(ScoreError, match="1 have no hypothesis: u"):
        matched_pairs({"u": []}, {"u": []}, {}, AS_WRITTEN)
