from __future__ import annotations

import math
from functools import cache

import jiwer
import numpy as np
import pytest

from speechcnn.metrics import ErrorCounts, align, count


def _phones(text):
    return text.split()


def _sequences(rng, n, longest=12):
    phones = ["aa", "b", "sil", "ih"]
    return [[phones[i] for i in rng.integers(len(phones), size=rng.integers(0, longest))] for _ in range(n)]


def _fewest_errors(reference, hypothesis):
    @cache
    def cost(i, j):
        if i == 0 or j == 0:
            return i + j
        same = reference[i - 1] == hypothesis[j - 1]
        return min(cost(i - 1, j) + 1, cost(i, j - 1) + 1, cost(i - 1, j - 1) + (not same))

    return cost(len(reference), len(hypothesis))


def test_counts_are_jiwers(rng):
    for reference, hypothesis in zip(_sequences(rng, 200), _sequences(rng, 200), strict=True):
        peer = jiwer.process_words(" ".join(reference or ["-"]), " ".join(hypothesis))
        ours = count(reference or ["-"], hypothesis)
        assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
            peer.hits,
            peer.substitutions,
            peer.deletions,
            peer.insertions,
        )


def test_counts_have_the_fewest_errors_and_account_for_every_token(rng):
    for reference, hypothesis in zip(_sequences(rng, 100), _sequences(rng, 100), strict=True):
        found = count(reference, hypothesis)
        assert found.errors == _fewest_errors(tuple(reference), tuple(hypothesis))
        assert (found.reference, found.hypothesis) == (len(reference), len(hypothesis))


def test_alignment_reads_back_as_both_sequences_and_has_the_same_counts(rng):
    for reference, hypothesis in zip(_sequences(rng, 100), _sequences(rng, 100), strict=True):
        pairs = align(reference, hypothesis)
        assert [left for left, _ in pairs if left is not None] == reference
        assert [right for _, right in pairs if right is not None] == hypothesis
        substitutions = sum(None not in pair and pair[0] != pair[1] for pair in pairs)
        deletions = sum(right is None for _, right in pairs)
        found = count(reference, hypothesis)
        assert (substitutions, deletions) == (found.substitutions, found.deletions)


def test_hand_computed_rate():
    counts = count(_phones("sil sh iy hh ae d k sil"), _phones("sil s iy ae d k sil t"))
    assert counts == ErrorCounts(hits=6, substitutions=1, deletions=1, insertions=1)
    assert counts.rate == 3 / 8


def test_rate_of_a_sum_is_not_the_mean_of_rates():
    short, long = ErrorCounts(hits=0, substitutions=1), ErrorCounts(hits=9, insertions=1)
    assert (short + long).rate == 2 / 10
    assert (short.rate + long.rate) / 2 != (short + long).rate


def test_rate_of_an_empty_reference():
    assert count([], []).rate == 0.0
    assert count([], ["aa"]).rate == math.inf
    assert (count([], ["aa"]) + count(["b"] * 4, ["b"] * 4)).rate == 1 / 4


def test_a_string_is_not_a_sequence_of_labels():
    with pytest.raises(ValueError, match="split it first"):
        count("sh iy", ["sh", "iy"])
    with pytest.raises(ValueError, match="split it first"):
        align(["sh", "iy"], "sh iy")


def test_arrays_of_names_are_counted_as_lists():
    assert count(np.array(["aa", "b"]), np.array(["aa"])) == ErrorCounts(hits=1, deletions=1)
