from __future__ import annotations

import numpy as np
import pytest

from speechcnn.decoding.hmm import decode
from speechcnn.decoding.path import DecodedPhone
from speechcnn.decoding.streaming import StreamingDecoder

WEIGHTS = (1.5, 1.0, 1.0)


def stream(decoder: StreamingDecoder, posteriors: np.ndarray, size: int) -> tuple[list[DecodedPhone], list[int], int]:
    """All phones, how many frames after its last one each came (the rest's left out), and the most frames undecided."""
    state, found, delays, held = decoder.start(), [], [], 0
    for first in range(0, len(posteriors), size):
        phones, state = decoder.step(posteriors[first : first + size], state)
        found += phones
        delays += [state.n_frames - 1 - one.last_frame for one in phones]
        held = max(held, len(state.moved))
    return found + decoder.finish(state), delays, held


@pytest.fixture
def speech_like(rng) -> np.ndarray:
    """Posteriors of four phones of three states that follow a path, and are unsure about it."""
    phones = rng.integers(4, size=60)
    states = np.repeat(3 * np.repeat(phones, 3) + np.tile(np.arange(3), 60), rng.integers(1, 4, 180))
    scores = 2 * rng.standard_normal((len(states), 12))
    scores[np.arange(len(states)), states] += 2
    return (scores - np.log(np.exp(scores).sum(1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 7, 10, 64, 1000])
def test_without_a_limit_the_phones_are_those_of_the_whole(random_hmm, speech_like, order: int, size: int) -> None:
    hmm = random_hmm(4, 3, order)
    found, _, _ = stream(StreamingDecoder(hmm, *WEIGHTS, max_delay=None), speech_like, size)
    assert found == decode(speech_like, hmm, *WEIGHTS)


@pytest.mark.parametrize("max_delay", [6, 20, 60])
def test_pieces_of_any_size_give_the_same(random_hmm, speech_like, max_delay: int) -> None:
    decoder = StreamingDecoder(random_hmm(4), *WEIGHTS, max_delay=max_delay, check_every=5)
    one, *others = (stream(decoder, speech_like, size)[0] for size in (1, 3, 5, 50, 1000))
    assert all(other == one for other in others)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize(("max_delay", "check_every"), [(6, 5), (20, 5), (20, 1)])
def test_a_phone_comes_within_the_delay_and_memory_is_bounded(
    random_hmm, speech_like, order: int, max_delay: int, check_every: int
) -> None:
    decoder = StreamingDecoder(random_hmm(4, 3, order), *WEIGHTS, max_delay=max_delay, check_every=check_every)
    found, delays, held = stream(decoder, speech_like, 1)
    assert max(delays) <= max_delay
    assert held <= max_delay
    firsts, lasts = [one.first_frame for one in found], [one.last_frame for one in found]
    assert firsts == [0, *(last + 1 for last in lasts[:-1])]
    assert lasts[-1] == len(speech_like) - 1


def test_what_follows_a_cut_goes_on_from_it(random_hmm, random_posteriors) -> None:
    """Phones pass all their states, which takes three frames, also where the best path changed after a cut."""
    lengths: list[int] = []
    for _ in range(20):
        decoder = StreamingDecoder(random_hmm(4), *WEIGHTS, max_delay=4, check_every=1)
        found, _, _ = stream(decoder, random_posteriors(80, 12), 1)
        lengths += [one.last_frame - one.first_frame + 1 for one in found[:-1]]
    assert len(lengths) > 20
    assert min(lengths) >= 3


def test_a_longer_delay_changes_less(random_hmm, speech_like) -> None:
    """Errors against the whole utterance's phones, by frames; at the longest limit nothing was ever cut short."""
    hmm = random_hmm(4)
    whole = frames(decode(speech_like, hmm, *WEIGHTS))
    wrong = []
    for max_delay in (3, 8, 200):
        found, _, _ = stream(StreamingDecoder(hmm, *WEIGHTS, max_delay=max_delay, check_every=2), speech_like, 50)
        wrong.append(int((frames(found) != whole).sum()))
    assert wrong[0] > wrong[1] >= wrong[2] == 0


def frames(decoded: list[DecodedPhone]) -> np.ndarray:
    return np.concatenate([np.full(one.last_frame - one.first_frame + 1, one.phone) for one in decoded])


def test_paths_that_differ_for_ever_are_cut_at_the_limit(random_hmm) -> None:
    """Two phones that nothing tells apart: no frame is ever agreed on."""
    hmm = random_hmm(2, 1)
    for array in (hmm.log_prior, hmm.log_self, hmm.log_next, hmm.language_model.log_probabilities):
        array[:] = -1.0
    posteriors = np.zeros((100, 2), np.float32)
    _, _, held = stream(StreamingDecoder(hmm, max_delay=None, check_every=1), posteriors, 1)
    assert held == 100
    _, _, held = stream(StreamingDecoder(hmm, max_delay=30, check_every=1), posteriors, 1)
    assert held <= 30


def test_a_state_may_be_gone_on_from_twice(random_hmm, speech_like) -> None:
    decoder = StreamingDecoder(random_hmm(4), *WEIGHTS)
    _, state = decoder.step(speech_like[:100], decoder.start())
    first, _ = decoder.step(speech_like[100:], state)
    again, _ = decoder.step(speech_like[100:], state)
    assert first == again
    assert state.n_frames == 100


def test_an_end_within_a_phone_after_a_cut(random_hmm, random_posteriors) -> None:
    """With every path but one given up in every frame, the end may come where no path has passed a whole phone."""
    for _ in range(20):
        decoder = StreamingDecoder(random_hmm(2, 5), max_delay=2, check_every=1)
        found, _, _ = stream(decoder, random_posteriors(30, 10), 1)
        assert found[-1].last_frame == 29


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_nothing_in_too_few_frames(random_hmm, random_posteriors, n_frames: int) -> None:
    found, _, _ = stream(StreamingDecoder(random_hmm()), random_posteriors(n_frames, 6), 1)
    assert found == []


def test_impossible_frames_end_the_search_quietly(random_hmm) -> None:
    posteriors = np.full((60, 6), -np.inf, np.float32)
    found, _, held = stream(StreamingDecoder(random_hmm(), max_delay=20), posteriors, 1)
    assert found == []
    assert held <= 20


def test_limits_that_cannot_be_kept_are_refused(random_hmm) -> None:
    with pytest.raises(ValueError, match=r"max_delay must be above check_every, 10 frames, .* got 10"):
        StreamingDecoder(random_hmm(), max_delay=10)
    with pytest.raises(ValueError, match="check_every must be at least 1 frame; got 0"):
        StreamingDecoder(random_hmm(), check_every=0)
