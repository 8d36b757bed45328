from __future__ import annotations

import itertools

import numpy as np
import pytest

from speechcnn.decoding.ngram import estimate_ngram
from speechcnn.decoding.phone_ctc import PhoneCtc, n_outputs
from speechcnn.labels import Labels

LABELS = Labels(("a", "b", "c"))


def models(order: int = 2) -> PhoneCtc:
    return PhoneCtc(LABELS, estimate_ngram([["a", "b", "a"], ["b", "c"], ["a", "b"]], LABELS, order, "witten_bell"))


def test_the_best_sequence_is_that_of_trying_all_paths(rng: np.random.Generator) -> None:
    """Every path of five frames, merged, weighed with the language model, against the search."""
    model, lm, penalty = models(), 0.7, 0.3
    for _ in range(10):
        scores = np.log(rng.dirichlet(np.full(4, 0.7), 5)).astype(np.float32)
        totals: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(4), repeat=5):
            spelled = tuple(c - 1 for c, _ in itertools.groupby(path) if c)
            log_probability = sum(scores[t, c] for t, c in enumerate(path))
            totals[spelled] = np.logaddexp(totals.get(spelled, -np.inf), log_probability)
        table = model.language_model.log_probabilities

        def weighed(labels: tuple[int, ...], totals: dict = totals, table: np.ndarray = table) -> float:
            steps = [3, *labels, 3]
            prior = sum(table[a, b] for a, b in itertools.pairwise(steps))
            return totals[labels] + lm * prior - penalty * len(labels)

        best = max(totals, key=weighed)
        found = model.decode(scores, lm, penalty)
        assert tuple(one.phone for one in found) == best
        for one in found:  # each lies where some frames are, one behind the other
            assert one.first_frame <= one.last_frame
        assert all(a.last_frame < b.first_frame for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_model_file_gives_the_same_models(order: int) -> None:
    one = models(order)
    again = PhoneCtc.from_arrays(LABELS, one.arrays())
    assert again.language_model.order == order
    np.testing.assert_array_equal(again.language_model.log_probabilities, one.language_model.log_probabilities)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"an n-gram of 2 labels has axes of 3; got \[4, 4\]"):
        PhoneCtc.from_arrays(Labels(("a", "b")), models().arrays())
    with pytest.raises(ValueError, match="phone models need one language model"):
        PhoneCtc.from_arrays(LABELS, {})


def test_outputs_are_states_or_labels_and_a_blank() -> None:
    assert (n_outputs(61, 3), n_outputs(61, 0)) == (183, 62)


def test_no_frames_have_no_phones() -> None:
    assert models().decode(np.zeros((0, 4), np.float32)) == []
