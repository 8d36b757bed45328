from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.augment import BandGains, Chain, SpecAugment
from speechcnn.experiments.keyword_epochs import FreshEachEpoch, at_tempo, speeds
from speechcnn.features import Normalizer
from speechcnn.training.batches import Example
from speechcnn.training.keyword_task import Spoken, frame_targets

SHIFT, FIRST = 0.02, 0.0125  # of the targets, two feature frames each


def example(n_frames: int = 300, name: str = "a") -> Example:
    """A recording with a word from 1.0 to 1.6 s, during which its features are 1, else 0."""
    centres = FIRST + 0.01 * torch.arange(n_frames)
    features = ((centres >= 1.0) & (centres < 1.6)).float().expand(1, 40, n_frames).clone()
    return Example(name, features, frame_targets([Spoken(1, 1.0, 1.6)], -(-n_frames // 2), SHIFT, FIRST))


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
@pytest.mark.parametrize("n_frames", [300, 301])
def test_another_tempo_moves_the_word_and_its_times(factor: float, n_frames: int) -> None:
    plain, length = example(n_frames), round(n_frames / factor)
    features, targets = at_tempo(plain.features, plain.targets, np.full(length, n_frames / length), 2, 0.01)
    assert features.shape[-1] == length
    assert len(targets) == -(-features.shape[-1] // 2)
    loud = torch.nonzero(features[0, 0] > 0.5)[:, 0]
    onset, offset = FIRST + 0.01 * loud[0], FIRST + 0.01 * (loud[-1] + 1)
    assert float(offset - onset) == pytest.approx(0.6 / factor, abs=0.02)
    rows = torch.nonzero(targets[:, 1] == 1)[:, 0]
    centres = FIRST + SHIFT * rows
    assert torch.allclose(centres - targets[rows, 2], onset, atol=0.03)
    assert torch.allclose(centres - targets[rows, 3], offset, atol=0.03)
    keyword = FIRST + SHIFT * torch.nonzero(targets[:, 0] == 1)[:, 0]
    assert float(keyword.min()) == pytest.approx(float(offset) - 0.05 / factor, abs=0.03)


def test_an_uneven_tempo_moves_the_word_and_its_times() -> None:
    """The word lies where the features say it does, and each of its frames is as far from its ends as they are."""
    plain = example()
    speed = np.where(np.arange(250) < 125, 1.6, 0.8)  # 300 frames in 250
    features, targets = at_tempo(plain.features, plain.targets, speed, 2, 0.01)
    loud = torch.nonzero(features[0, 0] > 0.5)[:, 0]
    onset, offset = FIRST + 0.01 * loud[0], FIRST + 0.01 * (loud[-1] + 1)
    assert float(offset - onset) == pytest.approx(0.6 / 1.6, abs=0.02)
    rows = torch.nonzero(targets[:, 1] == 1)[:, 0]
    assert torch.allclose(FIRST + SHIFT * rows - targets[rows, 2], onset, atol=0.03)
    assert torch.allclose(FIRST + SHIFT * rows - targets[rows, 3], offset, atol=0.03)
    assert not targets[targets[:, 1] == 0][:, 2:4].any()


def test_speeds_are_drawn_within_their_limits_and_use_every_frame() -> None:
    for seed in range(20):
        speed = speeds(300, np.random.default_rng(seed))
        assert speed.sum() == pytest.approx(300)
        assert 300 / 1.22 - 1 <= len(speed) <= 300 / 0.82 + 1
        assert 1 < speed.max() / speed.min() <= 1.22**2 + 1e-9


def fresh(*steps: object, tempo: float = 0.0) -> FreshEachEpoch:
    normalizer = Normalizer("corpus", 1, 40, False)
    normalizer.fit([3 * torch.randn(1, 40, 500) - 5])
    return FreshEachEpoch(Chain(steps), tempo, normalizer, 2, 0.01, 0)  # type: ignore[arg-type]


def test_nothing_asked_for_changes_nothing() -> None:
    plain = example()
    changed = fresh()(plain, 3)
    assert torch.allclose(changed.features, plain.features, atol=1e-5)
    assert torch.equal(changed.targets, plain.targets)


def test_a_level_is_added_before_normalisation() -> None:
    augment = fresh(BandGains(10.0, 0.0))
    difference = (augment(example(), 0).features - example().features)[0, :, 0] * augment.normalizer.std[0, :, 0]
    assert float(difference.std()) < 1e-3 < float(difference.mean().abs())


def test_what_is_drawn_follows_from_epoch_and_recording_alone() -> None:
    augment = fresh(BandGains(), SpecAugment(), tempo=0.5)
    one, again = augment(example(), 4), augment(example(), 4)
    assert torch.equal(one.features, again.features)
    lengths = {augment(example(name=name), epoch).n_frames for name in "abc" for epoch in range(4)}
    assert len(lengths) > 3
    assert 300 in lengths
