"""Streams of segments against the decoder of whole utterances."""

from __future__ import annotations

import numpy as np
import pytest

from speechcnn.decoding.hmm import decode, phone_posteriors, phone_segments
from speechcnn.decoding.streaming import StreamingDecoder
from speechcnn.decoding.timed import TimedDecoder
from speechcnn.stages import through


@pytest.fixture
def scores(rng) -> np.ndarray:
    """Phones of four that last up to a hundred frames, so that some outlast many looks."""
    states = np.repeat(rng.integers(4, size=12) * 3, rng.integers(3, 100, 12))
    logits = 2 * rng.standard_normal((len(states), 12))
    logits[np.arange(len(states)), states] += 3
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("size", [1, 13, 64, 2000])
def test_segments_and_means_are_those_of_the_whole(random_hmm, scores, size: int) -> None:
    hmm = random_hmm(4)
    posteriors = phone_posteriors(scores, 3)
    expected = phone_segments(decode(scores, hmm), scores, hmm, 0.01, 0.0125)
    timed = TimedDecoder(StreamingDecoder(hmm, max_delay=None), 0.01, 0.0125)
    pieces = [(scores[t : t + size], posteriors[t : t + size]) for t in range(0, len(scores), size)]
    found = list(through(timed, pieces))
    assert [(one.label, one.start, one.end) for one in found] == [(one.label, one.start, one.end) for one in expected]
    np.testing.assert_allclose([one.posterior for one in found], [one.posterior for one in expected], atol=1e-6)


def test_memory_does_not_grow_within_a_phone(random_hmm) -> None:
    hmm = random_hmm(2)
    timed = TimedDecoder(StreamingDecoder(hmm, max_delay=40), 0.01, 0.0125)
    scores = np.full((10, 6), -20.0, np.float32)
    scores[:, 1] = 0.0
    piece, state = (scores, phone_posteriors(scores, 3)), timed.start()
    for _ in range(50):
        found, state = timed.step(piece, state)
        assert found == []
        assert len(state.posteriors) == len(state.search.moved) <= 40
    (one,) = timed.finish(state)
    assert one.posterior == pytest.approx(1, abs=1e-6)
    assert one.end == pytest.approx(0.0125 + 499.5 * 0.01)


def test_no_frames_give_no_segments(random_hmm) -> None:
    timed = TimedDecoder(StreamingDecoder(random_hmm()), 0.01, 0.0125)
    assert list(through(timed, [])) == []
