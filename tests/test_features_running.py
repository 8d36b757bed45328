from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from speechcnn.features import Normalizer, RunningNormalizer, statistics
from speechcnn.stages import through


def test_it_is_the_loop_over_frames(rng) -> None:
    frames = torch.from_numpy(rng.normal(3, 2, (2, 5, 90)).astype(np.float32))
    pieces, memory = frames.split([5, 20, 1, 30, 34], -1), 25.0
    found = torch.cat(list(through(RunningNormalizer(10, memory), pieces)), -1)
    rows = frames.double().numpy()
    for first, end in ((0, 25), (25, 26), (26, 56), (56, 90)):
        for c in range(2):
            for f in range(5):
                weights = [math.exp(-(end - 1 - t) / memory) for t in range(end)]
                mean = sum(w * rows[c, f, t] for t, w in enumerate(weights)) / sum(weights)
                variance = sum(w * (rows[c, f, t] - mean) ** 2 for t, w in enumerate(weights)) / sum(weights)
                expected = (rows[c, f, first:end] - mean) / math.sqrt(variance)
                np.testing.assert_allclose(found[c, f, first:end].numpy(), expected, rtol=0, atol=1e-5)


def test_nothing_comes_before_the_warm_up_is_over() -> None:
    running = RunningNormalizer(10, 100)
    found, state = running.step(torch.randn(1, 2, 9), running.start())
    assert found == []
    found, state = running.step(torch.randn(1, 2, 1), state)
    assert found[0].shape == (1, 2, 10)
    assert running.finish(state) == []


def test_a_stream_shorter_than_the_warm_up_is_an_utterance(rng) -> None:
    frames = torch.from_numpy(rng.normal(3, 2, (2, 5, 40)).astype(np.float32))
    found = list(through(RunningNormalizer(100, 1e12), frames.split(7, -1)))
    expected = Normalizer("utterance", 2, 5, False)(frames[None], torch.tensor([40]))[0]
    torch.testing.assert_close(torch.cat(found, -1), expected, rtol=0, atol=1e-5)


def test_a_constant_band_is_not_blown_up() -> None:
    found = torch.cat(list(through(RunningNormalizer(5, 10), [torch.full((1, 1, 20), 1000.0)] * 3)), -1)
    assert found.abs().max() < 1e-6


def test_settings_below_one_frame_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame; got 0 and 5"):
        RunningNormalizer(0, 5)


@pytest.mark.parametrize("kind", ["corpus", "utterance", "speaker", "none"])
def test_parts_given_the_statistics_are_the_whole_normalised(rng, kind: str) -> None:
    frames = torch.from_numpy(rng.normal(3, 2, (2, 5, 60)).astype(np.float32))
    normalizer = Normalizer(kind, 2, 4, True)
    normalizer.fit([frames[..., :30]])
    own = statistics(frames.split(7, -1)) if normalizer.needs_statistics else None
    found = torch.cat([normalizer.part(piece, own) for piece in frames.split(11, -1)], -1)
    torch.testing.assert_close(found, normalizer(frames[None], torch.tensor([60]))[0], rtol=0, atol=1e-5)


def test_missing_statistics_are_told() -> None:
    with pytest.raises(ValueError, match="normalised by utterance need the statistics"):
        Normalizer("utterance", 1, 2, False).part(torch.zeros(1, 2, 3), None)
