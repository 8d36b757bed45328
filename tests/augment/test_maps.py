from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.augment import BandGains, BandNoise, FormantWarp, FrequencyWarp, Gain, SpecAugment
from speechcnn.augment.ranges import between
from speechcnn.features import LogMel

BANDS = {"n_bands": 40, "rate": 16000, "low_hz": 20.0, "high_hz": 8000.0}


def draw(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def masked_runs(hidden: np.ndarray) -> int:
    return int((np.diff(np.concatenate([[0], hidden.astype(int), [0]])) == 1).sum())


def test_masks_hide_whole_bands_and_frames_behind_the_means() -> None:
    features = torch.randn(3, 41, 60, dtype=torch.float64)
    means = features.mean(-1, keepdim=True).expand_as(features)
    widths, frames = [], []
    for seed in range(200):
        found = SpecAugment(1, 8, 1, 25, 0.2, n_bands=40)(features, draw(seed))
        hidden = (found != features).numpy()
        assert torch.equal(found[hidden], means[hidden])
        columns, rows = hidden.all((0, 1)), hidden[:, :, ~hidden.all((0, 1))].all((0, 2))
        assert not rows[40]
        assert max(masked_runs(rows), masked_runs(columns)) <= 1
        assert hidden.sum() == 3 * (41 * columns.sum() + rows.sum() * (60 - columns.sum()))
        widths.append(rows.sum())
        frames.append(columns.sum())
    assert (min(widths), max(widths)) == (0, 8)
    assert (min(frames), max(frames)) == (0, 12)  # a fifth of 60 frames


def test_every_place_is_masked_sometimes() -> None:
    features = torch.randn(1, 10, 20)
    hidden = sum((SpecAugment(1, 3, 1, 5, 1.0)(features, draw(s)) != features).float() for s in range(300))
    assert bool((hidden > 0).all())


def test_no_masks_change_nothing() -> None:
    features = torch.randn(3, 41, 60)
    assert torch.equal(SpecAugment(0, 8, 0, 25)(features, draw()), features)
    assert SpecAugment()(torch.zeros(3, 41, 0), draw()).shape == (3, 41, 0)


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_the_warp_is_the_papers(factor: float) -> None:
    """Jaitly and Hinton (2013), section 2: f -> G(f), written out; the source of G(f) must be f."""
    warp, f_hi, half = FrequencyWarp(**BANDS), 4800.0, 8000.0
    for f in np.linspace(1, half, 50):
        if f <= f_hi * min(factor, 1) / factor:
            g = f * factor
        else:
            slope = (half - f_hi * min(factor, 1)) / (half - f_hi * min(factor, 1) / factor)
            g = half - slope * (half - f)
        assert float(warp.source(torch.tensor(g), factor)) == pytest.approx(f, rel=1e-5)


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_a_warped_tone_lies_where_the_scaled_tone_lies(factor: float) -> None:
    features = LogMel(deltas=0)
    time = torch.arange(8000) / 16000
    for hertz in (900, 1500, 3000):
        here, there = (features(torch.sin(2 * torch.pi * f * time)[None])[0][0] for f in (hertz, hertz * factor))
        warped = FrequencyWarp(**BANDS, low=factor, high=factor)(here, draw())
        assert abs(int(warped[0, :40].mean(-1).argmax()) - int(there[0, :40].mean(-1).argmax())) <= 1
        assert int(warped[0, :40].mean(-1).argmax()) != int(here[0, :40].mean(-1).argmax())
        assert torch.equal(warped[:, 40], here[:, 40])


def test_bands_are_read_between_by_hand() -> None:
    """A map that rises by one a band gives the places themselves; the edges hold."""
    rising = torch.arange(40.0, dtype=torch.float64)[:, None].expand(2, 40, 3)
    warp = FrequencyWarp(**BANDS, low=1.1, high=1.1)
    expected = warp.places(1.1)[:, None].expand(2, 40, 3)
    torch.testing.assert_close(warp(rising, draw()), expected)
    assert expected[0, 0, 0] == 0
    assert bool((expected[0, 1:, 0] < torch.arange(1.0, 40.0)).all())


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_between_is_interpolation_along_an_axis(dim: int) -> None:
    maps = torch.randn(4, 5, 6, dtype=torch.float64)
    places = np.array([-1.0, 0.0, 0.25, 1.9, 3.0, 3.5, 9.0])
    expected = np.apply_along_axis(lambda row: np.interp(places, np.arange(len(row)), row), dim, maps.numpy())
    torch.testing.assert_close(between(maps, places, dim), torch.from_numpy(expected))
    one = torch.full((1, 1, 1), 2.0)
    assert between(one, places, dim).flatten().tolist() == [2.0] * len(places)


def test_factor_one_changes_nothing() -> None:
    features = torch.randn(3, 41, 5, dtype=torch.float64)
    torch.testing.assert_close(FrequencyWarp(**BANDS, low=1.0, high=1.0)(features, draw()), features)


def test_the_warp_of_deltas_is_the_deltas_of_the_warp() -> None:
    from speechcnn.features import with_deltas

    static, lengths = torch.randn(1, 40, 30, dtype=torch.float64), torch.tensor([30])
    warp = FrequencyWarp(**BANDS)
    before = with_deltas(warp(static, draw()), lengths, 2)[0]
    torch.testing.assert_close(warp(with_deltas(static, lengths, 2)[0], draw()), before)


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: SpecAugment(frequency_masks=-1), "frequency_masks must be from 0"),
    (lambda: SpecAugment(most_frames=-1), "most_frames must be at least 0"),
    (lambda: SpecAugment(most_share=1.5), "most_share must be from 0 to 1"),
    (lambda: SpecAugment(n_bands=9)(torch.zeros(1, 8, 4), draw()), "n_bands must be from 1 to the features' 8 rows"),
    (lambda: SpecAugment()(torch.zeros(8, 4), draw()), r"features must be \[C, F, T\]"),
    (lambda: FrequencyWarp(**BANDS, low=0.1), "warping factor must run"),
    (lambda: FrequencyWarp(**{**BANDS, "high_hz": 9000.0}), "the bands' edges in hertz must run"),
    (lambda: FrequencyWarp(**BANDS, boundary_hz=8000), "boundary_hz must lie between 0 and half the rate, 8000"),
])  # fmt: skip
def test_bad_values_are_answered_by_a_sentence(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_gains_of_bands_are_gains_of_sounds() -> None:
    """A level of samples moves all log energies by as much as `BandGains` says it does."""
    log_mel, samples = LogMel(), 0.1 * torch.randn(8000)
    louder = log_mel(Gain(6.0, 6.0)(samples, 16000, draw())[None])[0][0]
    plain = log_mel(samples[None])[0][0]
    gains = BandGains(6.0, 0.0, n_bands=40)
    level = np.random.default_rng(7).uniform(-6, 6)
    assert torch.allclose(gains(plain, draw()) - plain, (louder - plain) * level / 6, atol=1e-4)


def test_gains_are_smooth_and_leave_deltas_and_energy() -> None:
    changed = BandGains(0.0, 8.0, 5, n_bands=40)(torch.zeros(3, 41, 7), draw())
    bands = changed[0, :40, 0].numpy() * 10 / np.log(10)
    assert np.all(changed[1:].numpy() == 0)
    assert np.all(changed[0, 40].numpy() == 0)
    assert np.abs(np.diff(bands)).max() < 2 * 8 / 9  # from knot to knot at most 16 dB in 9.75 bands
    knots = np.random.default_rng(7)
    knots.uniform(0, 0)  # the level is drawn first
    np.testing.assert_allclose([bands[0], bands[39]], knots.uniform(-8, 8, 5)[[0, 4]], rtol=1e-4)


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"level_db": -1.0}, "level_db must be from 0 to 60"),
    ({"gain_db": 61.0}, "gain_db must be from 0 to 60"),
    ({"knots": 1}, "knots must be from 2"),
])  # fmt: skip
def test_gains_out_of_range_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BandGains(**settings)


def test_noise_on_bands_is_noise_on_samples() -> None:
    """White noise under a tone: the log energies that its samples give, in level and in scatter."""
    log_mel = LogMel(n_bands=20, deltas=0, energy=False)
    generator = torch.Generator().manual_seed(0)
    noise = log_mel(0.01 * torch.randn(1, 64000, generator=generator))[0][0]
    quiet = noise.mean(-1, keepdim=True).expand_as(noise) - 20  # 87 dB below: adding noise gives the noise
    levels = quiet.clone()
    levels[..., :40] = noise.mean() + 3.0  # a tenth of the frames is loud, 13 dB above the noise
    found = BandNoise(10 / np.log(10) * 3, 10 / np.log(10) * 3, 0.0, n_bands=20)(levels, draw())[..., 40:]
    assert float(found.exp().mean().log()) == pytest.approx(float(noise.mean()), abs=0.02)
    assert 0.5 < float(found[0, 5].std() / noise[0, 5].std()) < 1.5
    assert abs(float(np.corrcoef(found[0, 5], found[0, 6])[0, 1])) < 0.15


def test_noise_never_lowers_a_band_and_leaves_the_rest() -> None:
    features = torch.randn(3, 41, 50)
    found = BandNoise(0.0, 0.0, n_bands=40)(features, draw())
    assert torch.equal(found[1:], features[1:])
    assert torch.equal(found[0, 40], features[0, 40])
    assert bool((found[0, :40] >= features[0, :40]).all())
    assert float((found[0, :40] - features[0, :40]).mean()) > 0.1
    assert BandNoise()(torch.zeros(1, 40, 0), draw()).shape == (1, 40, 0)
    with pytest.raises(ValueError, match=r"signal-to-noise ratio in dB must run .* within -60 to 120; got 9 to 5"):
        BandNoise(9.0, 5.0)


def test_formants_are_moved_apart_and_together() -> None:
    """A map that says its own band number tells where each band was read."""
    ramp = torch.arange(41.0).expand(2, 3, 41).transpose(1, 2).contiguous()
    shifts = []
    for seed in range(100):
        found = FormantWarp(40, 3.0)(ramp, draw(seed))
        assert torch.equal(found[:, 40], ramp[:, 40])
        places = found[0, :40, 0].numpy()
        assert np.all(np.diff(places) >= 0)
        shifts.append(places - np.arange(40))
    at = np.stack(shifts)[:, [8, 31]]  # two knots in the inside lie at 7.8 and 31.2
    assert np.abs(at).max() <= 3.0
    assert np.abs(at).max() > 2.5
    assert abs(np.corrcoef(at.T)[0, 1]) < 0.3  # each moves for itself


@pytest.mark.parametrize(("settings", "sentence"), [
    ((40, 4.0), "most_bands must be at least 0 and below half a knot's distance, 3.9"),
    ((40, 1.0, 1), "knots must be from 2"),
    ((4, 0.1, 6), "knots must be from 2 to 40 and at most the bands"),
])  # fmt: skip
def test_formants_that_would_change_places_are_refused(settings: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        FormantWarp(*settings)
