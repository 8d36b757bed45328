"""Each change of samples against what it promises: frequencies, ratios, decay times, gains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from speechcnn import audio
from speechcnn.augment import AUGMENTATIONS, Clip, Equalizer, Gain, Noise, Room, Speed, moved_labels
from speechcnn.augment.equalizer import STOP_DB
from speechcnn.augment.noise import coloured_noise
from speechcnn.labels import Segment

RATE = 16000
WAVEFORM = {name: kind() for name, kind in AUGMENTATIONS.items() if kind.on == "waveform"}


def draw(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(round(RATE * seconds)) / RATE)


def power_db(samples: torch.Tensor) -> float:
    return 10 * float(torch.log10(samples.double().square().mean()))


@pytest.mark.parametrize("name", sorted(WAVEFORM))
def test_the_same_draw_gives_the_same_and_another_another(name: str, rng: np.random.Generator) -> None:
    samples = torch.from_numpy(rng.standard_normal(4000, np.float32))
    kept = samples.clone()
    one, same, other = (WAVEFORM[name](samples, RATE, draw(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert one.shape != other.shape or not torch.equal(one, other)
    assert torch.equal(samples, kept)
    assert one.dtype == torch.float32


@pytest.mark.parametrize("name", sorted(WAVEFORM))
@pytest.mark.parametrize("n_samples", [0, 1, 7])
def test_short_and_silent_recordings_stay_what_they_are(name: str, n_samples: int) -> None:
    found = WAVEFORM[name](torch.zeros(n_samples), RATE, draw())
    assert torch.equal(found, torch.zeros(n_samples))


@pytest.mark.parametrize("name", sorted(WAVEFORM))
def test_what_is_no_recording_is_answered_by_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match=r"samples must be \[N\], float32; got \[2, 5\]"):
        WAVEFORM[name](torch.zeros(2, 5), RATE, draw())
    with pytest.raises(ValueError, match="rate must be at least 1"):
        WAVEFORM[name](torch.zeros(5), 0, draw())


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_moves_length_and_frequency(factor: float) -> None:
    fast, found = Speed(factor, factor).moved(tone(1000), RATE, draw())
    assert found == factor
    assert len(fast) == round(RATE / factor)
    spectrum = torch.fft.rfft(fast * torch.hann_window(len(fast))).abs()
    assert float(spectrum.argmax()) * RATE / len(fast) == pytest.approx(1000 * factor, abs=2)


def test_speed_tells_the_factor_that_it_uses() -> None:
    speed, factors = Speed(0.8, 1.2), []
    for seed in range(50):
        factors.append(speed.factor(draw(seed)))
        assert len(speed(torch.zeros(RATE), RATE, draw(seed))) == pytest.approx(RATE / factors[-1], abs=1)
    assert min(factors) >= 0.8
    assert max(factors) <= 1.2
    assert len(set(factors)) > 20


def test_labels_stay_on_the_sound_they_name() -> None:
    """A click keeps the label around it."""
    samples = torch.zeros(RATE)
    samples[12000] = 1.0
    fast, factor = Speed(1.17, 1.17).moved(samples, RATE, draw())
    clicked = moved_labels([Segment("a", 0, 0.74), Segment("b", 0.74, 0.76)], factor)[1]
    assert clicked.start < float(fast.argmax()) / RATE < clicked.end


def test_gain_is_within_its_decibels() -> None:
    gains = [power_db(Gain(-7, 3)(tone(500), RATE, draw(seed))) - power_db(tone(500)) for seed in range(60)]
    assert -7 <= min(gains) < -6
    assert 2 < max(gains) <= 3


def test_clipping_cuts_at_the_threshold() -> None:
    samples = 0.5 * tone(100)
    clipped = Clip(6, 6)(samples, RATE, draw())
    threshold = 0.5 * 10 ** (-6 / 20)
    assert float(clipped.abs().max()) == pytest.approx(threshold)
    inside = samples.abs() < threshold
    assert torch.equal(clipped[inside], samples[inside])


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_noise_has_the_ratio_asked_for(snr_db: float) -> None:
    samples = 0.1 * tone(300)
    noise = Noise(snr_db, snr_db)(samples, RATE, draw()) - samples
    assert power_db(samples) - power_db(noise) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_the_colour_of_noise(slope: float) -> None:
    """The regression of power on frequency, both logarithmic, over a minute of noise."""
    noise = coloured_noise(60 * RATE, RATE, slope, draw()).numpy()
    power = (np.abs(np.fft.rfft(noise.reshape(-1, 1600))) ** 2).mean(0)
    hertz = np.fft.rfftfreq(1600, 1 / RATE)
    use = (hertz > 200) & (hertz < 7000)
    fitted = np.polyfit(np.log(hertz[use]), np.log(power[use]), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.05)


def test_recorded_noise_is_that_of_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "hum.wav"
    audio.write(path, 0.3 * tone(700, 0.25).numpy(), RATE)
    samples = 0.1 * tone(300)
    added = Noise(10, 10, recordings=[str(path)])(samples, RATE, draw()) - samples
    spectrum = torch.fft.rfft(added).abs()
    assert float(spectrum.argmax()) == 700
    assert power_db(samples) - power_db(added) == pytest.approx(10, abs=0.05)


def test_recordings_that_are_not_there_are_all_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"not there: a\.wav, b\.wav"):
        Noise(recordings=["a.wav", "b.wav"])


@pytest.mark.parametrize("t60", [0.15, 0.5, 1.0])
def test_the_reverberation_time_by_backward_integration(t60: float) -> None:
    """Schroeder (1965): the fall of the energy still to come, fitted between -5 and -25 dB below the tail's begin."""
    response = Room(t60, t60, 0, 0).impulse_response(RATE, draw()).double().numpy()
    tail = response[RATE // 500 :]
    left_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / (tail**2).sum())
    use = (left_db < -5) & (left_db > -25)
    per_second = np.polyfit(np.arange(len(tail))[use] / RATE, left_db[use], 1)[0]
    assert -60 / per_second == pytest.approx(t60, rel=0.1)


def test_the_room_keeps_loudness_and_the_moment_of_the_direct_sound() -> None:
    samples = torch.zeros(RATE)
    samples[4000] = 1.0
    heard = Room(0.3, 0.3, 10, 10)(samples, RATE, draw())
    assert int(heard.abs().argmax()) == 4000
    assert power_db(heard) == pytest.approx(power_db(samples), abs=0.01)
    direct, tail = float(heard[4000]) ** 2, float(heard[4001:].square().sum())
    assert 10 * np.log10(direct / tail) == pytest.approx(10, abs=0.05)
    assert torch.allclose(heard[4001:4031], torch.zeros(30), atol=1e-6)  # 2 ms of pause


def test_the_channel_has_the_gains_that_it_draws() -> None:
    """Tones through the channel, against the drawn response at their frequencies."""
    equalizer = Equalizer(12, 5)
    hertz = [200.0, 900.0, 2500.0, 6000.0]
    expected = equalizer.response_db(torch.tensor(hertz, dtype=torch.float64), RATE, draw())
    middle = slice(RATE // 4, -RATE // 4)  # away from the edges, where the tone begins
    found = [power_db(equalizer(tone(f), RATE, draw())[middle]) - power_db(tone(f)[middle]) for f in hertz]
    assert_allclose(found, expected, atol=0.1)
    assert float(expected.abs().max()) <= 12
    assert float(expected.diff().abs().min()) > 0.1


def test_the_band_ends_where_it_should() -> None:
    line = Equalizer(0.0, 2, low_limit_hz=0.001, high_limit_hz=3400.0)
    limits = []
    for seed in range(30):
        response = line.response_db(torch.arange(8001, dtype=torch.float64), RATE, draw(seed))
        assert response[:3401].abs().max() == 0
        limits.append(int((response < 0).nonzero()[0]) if bool((response < 0).any()) else 8000)
    assert 3400 <= min(limits) < 4200
    phone = Equalizer(0.0, 2, low_limit_hz=300.0, high_limit_hz=3400.0)
    lowest = [float(phone.response_db(torch.tensor([2.0], dtype=torch.float64), RATE, draw(seed))) for seed in range(9)]
    assert min(lowest) == -STOP_DB


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: Speed(1.1, 0.9), "speed must run from a lower to a higher value, within 0.5 to 2; got 1.1 to 0.9"),
    (lambda: Speed(0.1, 1.0), "speed must run"),
    (lambda: Gain(3, -3), "gain in dB must run"),
    (lambda: Clip(-1, 3), "clipping in dB below the peak must run"),
    (lambda: Noise(20, 10), "signal-to-noise ratio in dB must run"),
    (lambda: Noise(recordings=[]), "recordings must list at least one"),
    (lambda: Room(0.0, 1.0), "reverberation time in seconds must run"),
    (lambda: Room(0.01, 1.0, first_reflection_ms=10), "first_reflection_ms must be at least 0 and below"),
    (lambda: Equalizer(-1), "gain_db must be from 0"),
    (lambda: Equalizer(3, 1), "knots must be from 2"),
    (lambda: Equalizer(low_limit_hz=300, high_limit_hz=200), "high_limit_hz must be above low_limit_hz, 300; got 200"),
])  # fmt: skip
def test_bad_values_are_answered_by_a_sentence(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
