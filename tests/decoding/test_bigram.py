from __future__ import annotations

import numpy as np
import pytest

from speechcnn.decoding.bigram import estimate_bigram
from speechcnn.labels import Labels

LABELS = Labels(("a", "b"))


def test_by_hand() -> None:
    """Two utterances, "a b" and "a": after the start a, a; after a b, end; after b the end."""
    bigram = np.exp(estimate_bigram([["a", "b"], ["a"]], LABELS).log_probabilities)
    unigram = np.array([2 + 1, 1 + 1, 2 + 1]) / 8
    assert bigram[2] == pytest.approx((np.array([2, 0, 0]) + 1 * unigram) / 3)
    assert bigram[0] == pytest.approx((np.array([0, 1, 1]) + 2 * unigram) / 4)
    assert bigram[1] == pytest.approx((np.array([0, 0, 1]) + 1 * unigram) / 2)


def test_rows_are_distributions_and_nothing_is_impossible(rng) -> None:
    labels = Labels(tuple("abcdefg"))
    transcripts = [rng.choice(list("abcde"), rng.integers(0, 9)).tolist() for _ in range(40)]
    probabilities = np.exp(estimate_bigram(transcripts, labels).log_probabilities)
    assert probabilities.sum(1) == pytest.approx(np.ones(8))
    assert probabilities.min() > 0


def test_an_utterance_is_the_product_of_its_steps() -> None:
    bigram = estimate_bigram([["a", "b"], ["b", "a", "a"]], LABELS)
    p = bigram.log_probabilities
    assert bigram.log_probability([1, 0]) == pytest.approx(p[2, 1] + p[1, 0] + p[0, 2])


def test_an_unknown_label() -> None:
    with pytest.raises(ValueError, match="c"):
        estimate_bigram([["a", "c"]], LABELS)
