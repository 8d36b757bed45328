"""Posteriors of phones against the sum over every path, each listed and scored on its own."""

from __future__ import annotations

import numpy as np
import pytest

from speechcnn.decoding.forward_backward import path_posteriors, weighted_sums
from speechcnn.decoding.hmm import decode


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize(("n_phones", "n_states", "n_frames"), [(2, 3, 8), (3, 2, 5), (3, 1, 4), (2, 3, 3)])
def test_a_phone_has_the_share_of_its_paths(
    random_hmm, random_posteriors, every_path, order, temperature, n_phones, n_states, n_frames
) -> None:
    hmm, posteriors = random_hmm(n_phones, n_states, order), random_posteriors(n_frames, n_phones * n_states)
    shares = np.zeros((n_frames, n_phones))
    for value, _, states in every_path(posteriors - 0.7 * hmm.log_prior, hmm, 1.7, -0.4):
        shares[np.arange(n_frames), np.array(states) // n_states] += np.exp(value / temperature)
    found = path_posteriors(posteriors, hmm, 1.7, -0.4, 0.7, temperature)
    assert found == pytest.approx(shares / shares.sum(1, keepdims=True), abs=1e-5)


@pytest.mark.parametrize("order", [2, 3])
def test_frames_sum_to_one_over_many_blocks(random_hmm, random_posteriors, order: int) -> None:
    found = path_posteriors(random_posteriors(1000, 12), random_hmm(4, 3, order))
    assert found.sum(1) == pytest.approx(np.ones(1000), abs=1e-5)


def test_at_a_low_temperature_the_best_path_has_it_all(random_hmm, random_posteriors) -> None:
    hmm, posteriors = random_hmm(3), random_posteriors(60, 9)
    found = path_posteriors(posteriors, hmm, 1.5, 1.0, temperature=0.01)
    for one in decode(posteriors, hmm, 1.5, 1.0):
        assert found[one.first_frame : one.last_frame + 1, one.phone] == pytest.approx(1, abs=1e-3)


def test_weights_far_below_the_range_of_a_float() -> None:
    """Each sum's largest term is more than exp(700) below the largest of the logs."""
    logs, prices = np.array([0.0, -900.0, -901.0]), np.array([[-2000.0], [-1.0], [-1.5]])
    sums = np.empty(1)
    weighted_sums(logs, prices, np.exp(prices), sums)
    assert sums == pytest.approx(np.logaddexp(-901, -902.5))


@pytest.mark.parametrize("n_frames", [0, 2])
def test_without_a_path_nothing_is_probable(random_hmm, random_posteriors, n_frames: int) -> None:
    found = path_posteriors(random_posteriors(n_frames, 6), random_hmm())
    assert found.shape == (n_frames, 2)
    assert not found.any()


def test_a_temperature_of_nothing_is_refused(random_hmm, random_posteriors) -> None:
    with pytest.raises(ValueError, match=r"temperature must be above 0; got 0"):
        path_posteriors(random_posteriors(5, 6), random_hmm(), temperature=0)
