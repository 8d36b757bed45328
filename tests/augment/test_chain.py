from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.augment import Chain, Gain, Noise, SpecAugment, Speed

RATE = 16000


def draw(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_steps_act_in_order_and_speeds_multiply() -> None:
    samples = torch.ones(RATE)
    louder, total = Chain([Speed(0.8, 0.8), Gain(6, 6), Speed(1.5, 1.5)]).moved(samples, RATE, draw())
    assert total == pytest.approx(1.2)
    assert len(louder) == pytest.approx(RATE / 1.2, abs=2)
    assert float(louder[5000]) == pytest.approx(10 ** (6 / 20), rel=0.01)


def test_probabilities_are_kept() -> None:
    chain = Chain([Gain(20, 20), Gain(-6, -6)], [0.25, 1.0])
    peaks = [float(chain(torch.ones(3), RATE, draw(seed))[0]) for seed in range(1000)]
    assert sum(peak > 1 for peak in peaks) / 1000 == pytest.approx(0.25, abs=0.05)


def test_what_a_step_does_does_not_depend_on_its_neighbours() -> None:
    samples = torch.ones(2000)
    with_noise = Chain([Noise(300 - 200, 100), Gain(-9, 9)], [1.0, 1.0])(samples, RATE, draw())
    without = Chain([Noise(), Gain(-9, 9)], [0.0, 1.0])(samples, RATE, draw())
    torch.testing.assert_close(with_noise, without, atol=1e-3, rtol=0)


def test_each_kind_is_used_on_its_own() -> None:
    chain = Chain([Gain(6, 6), SpecAugment(1, 4, 0, 0)])
    features = torch.randn(1, 8, 5)
    assert float(chain(torch.ones(1), RATE, draw())) == pytest.approx(10 ** (6 / 20))
    assert not all(torch.equal(chain.maps(features, draw(seed)), features) for seed in range(5))
    assert (chain.treats("waveform"), chain.treats("features")) == (True, True)
    assert not Chain([Gain()]).treats("features")


def test_bad_values_are_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="each of the 1 steps needs one probability; got 2"):
        Chain([Gain()], [1.0, 0.5])
    with pytest.raises(ValueError, match=r"probabilities must be from 0 to 1; got 1\.5"):
        Chain([Gain()], [1.5])
