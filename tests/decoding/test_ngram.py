from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from speechcnn.decoding.ngram import SMOOTHINGS, NgramModel, estimate_ngram
from speechcnn.labels import Labels

LABELS = Labels(("a", "b", "c"))
END = START = 3


@pytest.fixture
def transcripts(rng) -> list[list[str]]:
    return [rng.choice(list("aab"), rng.integers(0, 7)).tolist() for _ in range(12)]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_what_may_follow_sums_to_one_and_nothing_is_impossible(transcripts, order: int, smoothing: str) -> None:
    p = np.exp(estimate_ngram(transcripts, LABELS, order, smoothing).log_probabilities)
    assert p.shape == (4,) * order
    assert p.sum(-1) == pytest.approx(np.ones((4,) * (order - 1)))
    assert p.min() > 0


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_utterances_of_all_lengths_sum_to_one(transcripts, smoothing: str) -> None:
    """Enumerated up to a length; what is missing is the probability of going on, followed step by step."""
    model = estimate_ngram(transcripts, LABELS, 3, smoothing)
    p = np.exp(model.log_probabilities)
    ended = sum(np.exp(model.log_probability(u)) for n in range(6) for u in product(range(3), repeat=n))
    going_on = np.zeros((4, 4))
    going_on[START, START] = 1
    for _ in range(6):
        step = going_on[:, :, None] * p[:, :, :3]
        going_on = np.zeros((4, 4))
        going_on[:, :3] = step.sum(0)
    assert ended + going_on.sum() == pytest.approx(1)


def windows(transcripts: list[list[str]], order: int) -> Counter:
    padded = [[START] * (order - 1) + LABELS.encode(t) + [END] for t in transcripts]
    return Counter(tuple(u[i : i + order]) for u in padded for i in range(len(u) - order + 1))


def test_witten_bell_by_its_formula(transcripts) -> None:
    found = np.exp(estimate_ngram(transcripts, LABELS, 3, "witten_bell").log_probabilities)
    counts = {order: windows(transcripts, order) for order in (1, 2, 3)}

    def probability(history: tuple, w: int) -> float:
        if not history:
            return (counts[1][(w,)] + 1) / (counts[1].total() + 4)
        after = [counts[len(history) + 1][(*history, x)] for x in range(4)]
        lower = probability(history[1:], w)
        types = sum(c > 0 for c in after)
        return (after[w] + types * lower) / (sum(after) + types) if types else lower

    for u, v, w in product(range(4), repeat=3):
        assert found[u, v, w] == pytest.approx(probability((u, v), w))


def test_kneser_ney_by_its_formula(transcripts) -> None:
    found = np.exp(estimate_ngram(transcripts, LABELS, 3, "kneser_ney").log_probabilities)
    trigrams = windows(transcripts, 3)
    bigrams = Counter((v, w) for _, v, w in trigrams)  # each trigram once: its number of different first phones
    bigrams |= Counter({(v, w): n for (v, w), n in windows(transcripts, 2).items() if v == START})
    tables = {3: trigrams, 2: bigrams, 1: Counter((w,) for _, w in bigrams)}

    def probability(history: tuple, w: int) -> float:
        table = tables[len(history) + 1]
        after = [table[(*history, x)] for x in range(4)]
        lower = probability(history[1:], w) if history else 1 / 4
        if not any(after):
            return lower
        once, twice = (sum(c == n for c in table.values()) for n in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        freed = discount * sum(c > 0 for c in after) / sum(after)
        return max(after[w] - discount, 0) / sum(after) + freed * lower

    for u, v, w in product(range(4), repeat=3):
        assert found[u, v, w] == pytest.approx(probability((u, v), w))


def test_kneser_ney_counts_in_how_many_places_a_phone_stands() -> None:
    """c is frequent but only ever after b; a stands after three: the lower order must prefer a."""
    p = np.exp(
        estimate_ngram([list("bcbcbcbc"), ["a"], list("ba"), list("ca")], LABELS, 2, "kneser_ney").log_probabilities
    )
    assert p[0, 0] > p[0, 2]


def test_a_perplexity_by_hand() -> None:
    """A unigram of 1/2, 1/4, 1/4: "a" and its end have 1/2 and 1/4, the empty utterance 1/4."""
    model = NgramModel(np.log([0.5, 0.25, 0.25]))
    assert model.log_probability([0]) == pytest.approx(np.log(1 / 8))
    assert model.perplexity([[0], []]) == pytest.approx(32 ** (1 / 3))
    with pytest.raises(ValueError, match="at least one utterance"):
        model.perplexity([])


def test_a_longer_history_fits_a_text_of_triples_better(rng) -> None:
    words = ["abc", "acb", "bbc"]
    text = [[c for _ in range(8) for c in words[rng.integers(3)]] for _ in range(60)]
    held_out = [LABELS.encode(t) for t in text[50:]]
    for smoothing in SMOOTHINGS:
        one, two, three = (estimate_ngram(text[:50], LABELS, n, smoothing).perplexity(held_out) for n in (1, 2, 3))
        assert three < two < one


def test_orders_and_smoothings_are_named() -> None:
    with pytest.raises(ValueError, match="order must be 1, 2 or 3; got 4"):
        estimate_ngram([], LABELS, 4)
    with pytest.raises(ValueError, match="smoothing must be one of witten_bell, kneser_ney; got 'katz'"):
        estimate_ngram([], LABELS, 2, "katz")
