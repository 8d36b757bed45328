from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.augment import Mixup
from speechcnn.augment.mixup import added


def test_power_adds_energies_as_playing_both_does(rng: np.random.Generator) -> None:
    """Two tones in different bands: the spectrum of their mixed samples is the mixed map."""
    time = np.arange(4096) / 4096
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (200, 900)]
    share = 0.3
    mixed = (share * tones[0] + (1 - share) * tones[1]) / np.hypot(share, 1 - share)
    logs = [torch.from_numpy(np.log(np.abs(np.fft.rfft(one)) ** 2 + 1e-3))[None, :, None] for one in (*tones, mixed)]
    found = added(logs[0], logs[1], share)
    peaks = [200, 900]
    assert found[0, peaks, 0].numpy() == pytest.approx(logs[2][0, peaks, 0].numpy(), abs=1e-3)


def test_samples_are_mixed_as_the_maps_are(rng: np.random.Generator) -> None:
    first, second = (torch.from_numpy(rng.normal(size=100_000)) for _ in range(2))
    mixed, share = Mixup().samples(first, second, np.random.default_rng(4))
    assert share == np.random.default_rng(4).beta(1, 1)
    assert mixed.square().mean().item() == pytest.approx(1, abs=0.02)
    assert torch.corrcoef(torch.stack([mixed, first]))[0, 1].item() == pytest.approx(
        share / np.hypot(share, 1 - share), abs=0.02
    )


def test_features_are_averaged_with_the_share_of_the_targets(rng: np.random.Generator) -> None:
    first, second = torch.zeros(1, 3, 4), torch.ones(1, 3, 4)
    mixed, share = Mixup(how="features")(first, second, rng)
    assert mixed.numpy() == pytest.approx(np.full((1, 3, 4), 1 - share))


def test_with_probability_0_nothing_is_mixed(rng: np.random.Generator) -> None:
    first, second = torch.zeros(1, 3, 4), torch.ones(1, 3, 4)
    mixed, share = Mixup(probability=0.0)(first, second, rng)
    assert share == 1
    assert torch.equal(mixed, first)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_leaves_the_other(share: float) -> None:
    first, second = torch.zeros(1, 3, 4), torch.ones(1, 3, 4)
    assert torch.equal(added(first, second, share), first if share else second)


@pytest.mark.parametrize("setting", [{"alpha": 0}, {"probability": 1.5}, {"how": "sum"}])
def test_settings_are_checked(setting: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Mixup(**setting)
