"""Live recognition against the recogniser of recordings, in chunks of any size."""

from __future__ import annotations

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.labels import Segment
from speechcnn.recognizer import PhoneStream, Running


def run(stream: PhoneStream, samples: np.ndarray, size: int) -> tuple[list[Segment], list[float]]:
    """All phones, and how many ms after its end each came, those left to the end not counted."""
    state, found, delays = stream.start(), [], []
    for first in range(0, len(samples), size):
        phones, state = stream.step(samples[first : first + size], state)
        heard = min(first + size, len(samples)) / stream.rate
        delays += [1000 * (heard - one.end) for one in phones]
        found += phones
    return found + stream.finish(state), delays


@pytest.mark.parametrize("kind", ["corpus", "utterance", "speaker", "none"])
def test_without_a_limit_it_hears_what_the_recogniser_of_recordings_hears(make, sound, kind: str) -> None:
    recognizer, samples = make(kind), sound(6)
    statistics = recognizer.statistics(samples, 8000)
    found, _ = run(recognizer.stream(None, None, statistics), samples, 700)
    expected = recognizer.transcribe(samples, 8000)
    assert [(one.label, one.start, one.end) for one in found] == [(one.label, one.start, one.end) for one in expected]
    np.testing.assert_allclose([one.posterior for one in found], [one.posterior for one in expected], atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 11025])
def test_chunks_of_any_size_give_the_very_same(make, sound, rate: int) -> None:
    recognizer, samples = make(), audio.resample(sound(2), 8000, rate)
    stream = recognizer.stream(rate, 150, Running(0.5, 2.0), hop_ms=50)
    whole, _ = run(stream, samples, len(samples))
    assert len(whole) > 5
    for size in (1, 37, 1600, 5000):
        assert run(stream, samples, size)[0] == whole


@pytest.mark.parametrize(("max_delay_ms", "hop_ms"), [(60, 50), (100, 20), (300, 100)])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_phones_come_within_the_delay(make, sound, rate: int, max_delay_ms: float, hop_ms: float) -> None:
    recognizer, samples = make("corpus"), audio.resample(sound(4), 8000, rate)
    stream = recognizer.stream(rate, max_delay_ms, hop_ms=hop_ms)
    found, delays = run(stream, samples, rate // 200)
    assert len(delays) > 10
    assert max(delays) <= stream.delay_ms + 5  # a chunk's length
    if hop_ms == 20:  # the limit is reached, and no larger than it must be
        assert max(delays) > stream.delay_ms - hop_ms
    starts = [one.start for one in found]
    assert starts == sorted(starts)


def test_the_first_phones_wait_for_the_warm_up(make, sound) -> None:
    recognizer, samples = make(), sound(4)
    stream = recognizer.stream(8000, 100, Running(2.0, 30.0), hop_ms=50)
    state, heard = stream.start(), 0.0
    for first in range(0, len(samples), 400):
        found, state = stream.step(samples[first : first + 400], state)
        heard += 0.05
        if found:
            break
    assert 2.0 <= heard <= 2.3


def test_a_state_may_be_gone_on_from_twice(make, sound) -> None:
    recognizer, samples = make(), sound(3)
    stream = recognizer.stream(8000, 100, hop_ms=50)
    _, state = stream.step(samples[:16000], stream.start())
    assert stream.finish(state) == stream.finish(state)
    assert stream.step(samples[16000:], state)[0] == stream.step(samples[16000:], state)[0]


def test_nothing_heard_is_nothing_said(make) -> None:
    stream = make().stream(8000)
    found, state = stream.step(np.zeros(0, np.float32), stream.start())
    assert found == stream.finish(state) == []


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(5, np.int16), r"floats of the shape \[N\] within -1\.\.1; got int16"),
        (np.zeros((5, 2)), r"of the shape \[5, 2\]"),
        (np.array([0.0, np.nan]), "NaN or infinity"),
    ],
)
def test_what_is_no_sound_is_refused(make, samples: np.ndarray, sentence: str) -> None:
    stream = make().stream(8000)
    with pytest.raises(audio.AudioError, match=sentence):
        stream.step(samples, stream.start())


def test_settings_that_cannot_be_kept_are_refused(make) -> None:
    with pytest.raises(ValueError, match="max_delay must be above check_every"):
        make().stream(8000, 50, hop_ms=100)
    with pytest.raises(ValueError, match="must be above 0"):
        Running(0.0, 1.0)


def test_a_network_that_sees_everything_cannot_listen_live(make, sound) -> None:
    recognizer = make()
    recognizer.model.context = None
    with pytest.raises(ValueError, match="must see the whole recording"):
        recognizer.stream(8000)
    samples = sound(3)
    expected = recognizer.log_posteriors(recognizer.extract(samples, 8000))
    np.testing.assert_allclose(recognizer.all_scores(samples, 8000), expected, rtol=0, atol=1e-4)
