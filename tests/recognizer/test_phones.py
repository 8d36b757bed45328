"""Recordings read block by block against the whole at once."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.decoding import hmm
from speechcnn.decoding.hmm import confidences
from speechcnn.recognizer import phones

KINDS = ["corpus", "utterance", "speaker", "none"]


def times(segments) -> list[tuple[str, float, float]]:
    return [(one.label, one.start, one.end) for one in segments]


@pytest.fixture
def blocks_of(monkeypatch: pytest.MonkeyPatch):
    return lambda seconds: monkeypatch.setattr(phones, "BLOCK_SECONDS", seconds)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0.04, 0.31, 1.0, 60.0])
def test_scores_of_blocks_are_those_of_the_whole(make, sound, blocks_of, kind: str, seconds: float) -> None:
    recognizer, samples = make(kind), sound(2)
    blocks_of(seconds)
    whole = recognizer.log_posteriors(recognizer.extract(samples, 8000))
    found = recognizer.all_scores(samples, 8000)
    np.testing.assert_allclose(np.exp(found), np.exp(whole), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("confidence", ["network", "paths"])
def test_phones_of_blocks_are_those_of_the_whole(make, sound, blocks_of, kind: str, confidence: str) -> None:
    recognizer, samples = make(kind), sound(10)
    blocks_of(0.7)
    scores = recognizer.log_posteriors(recognizer.extract(samples, 8000))
    shares = confidences(confidence, scores, recognizer.hmm, *recognizer.weights)
    expected = hmm.phone_segments(
        hmm.decode(scores, recognizer.hmm), scores, recognizer.hmm, *recognizer.frame_times, shares
    )
    found = recognizer.transcribe(samples, 8000, confidence)
    assert times(found) == times(expected)
    assert len(found) > 10
    np.testing.assert_allclose([one.posterior for one in found], [one.posterior for one in expected], atol=1e-4)


def test_the_confidences_differ_and_others_are_refused(make, sound) -> None:
    recognizer, samples = make(), sound(3)
    network, paths = (recognizer.transcribe(samples, 8000, kind) for kind in ("network", "paths"))
    assert times(network) == times(paths)
    assert [one.posterior for one in network] != pytest.approx([one.posterior for one in paths], abs=0.01)
    with pytest.raises(ValueError, match="must be one of network, paths; got 'lattice'"):
        recognizer.transcribe(samples, 8000, "lattice")


def test_a_file_gives_what_its_samples_give(make, sound, tmp_path: Path) -> None:
    recognizer, samples = make(), sound(5)
    audio.write(tmp_path / "a.wav", samples, 8000)
    kept = audio.read(tmp_path / "a.wav")[0]
    assert recognizer.transcribe(tmp_path / "a.wav") == recognizer.transcribe(kept, 8000)


def test_paths_that_do_not_agree_for_a_minute_are_parted(make, sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is what bounds the memory of a search; at a second's length, it is reached."""
    recognizer, samples = make(), sound(8)
    monkeypatch.setattr(phones, "LONGEST_DELAY", 6)
    monkeypatch.setattr(phones, "FRAMES_AT_ONCE", 5)
    cut = recognizer.transcribe(samples, 8000)
    monkeypatch.undo()
    assert times(cut) != times(recognizer.transcribe(samples, 8000))
    assert cut[-1].end == recognizer.transcribe(samples, 8000)[-1].end


@pytest.mark.parametrize("n_samples", [1, 199, 200, 359])
def test_what_is_shorter_than_a_phone_has_none(make, n_samples: int) -> None:
    recognizer = make()
    assert recognizer.transcribe(np.full(n_samples, 0.1, np.float32), 8000) == []
    with pytest.raises(ValueError, match="aligning 1 phones of 3 states needs"):
        recognizer.align(np.full(n_samples, 0.1, np.float32), ["aa"], 8000)


def test_memory_does_not_grow_with_the_recording(make, sound, tmp_path: Path) -> None:
    recognizer = make()
    peaks = []
    for seconds in (100, 300):
        audio.write(tmp_path / "long.wav", sound(seconds), 8000)
        tracemalloc.start()
        recognizer.transcribe(tmp_path / "long.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_an_alignment_too_large_for_memory_is_refused_beforehand(make) -> None:
    recognizer = make()
    with pytest.raises(ValueError, match="cut the recording"):
        recognizer.align(np.zeros(8000 * 200, np.float32), ["h#"] * 200_000, 8000)
