"""Features against torchaudio's Kaldi front end, librosa and loops.

Tolerances: 1e-4 in natural logarithms for bands and energies, 2e-4 for cepstra (single precision).
"""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from numpy.testing import assert_allclose

from speechcnn.features import FEATURES, LOG_FLOOR, LogMel, Mfcc, Normalizer, statistics, with_deltas


def speech(rng: np.random.Generator, n_samples: int = 16000) -> torch.Tensor:
    """Harmonics under a slow envelope, with noise: quiet and loud frames, all bands filled."""
    time = np.arange(n_samples) / 16000
    tone = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 40))
    loud = 0.1 * (1.05 + np.sin(2 * np.pi * 3 * time)) * tone + 0.01 * rng.standard_normal(n_samples) + 0.02
    return torch.from_numpy(loud.astype(np.float32))


def kaldi(name: str, samples: torch.Tensor, **options: object) -> torch.Tensor:
    import torchaudio.compliance.kaldi as peer

    return getattr(peer, name)(samples[None], window_type="hamming", dither=0.0, energy_floor=0.0, **options).T


@pytest.mark.parametrize(("n_bands", "low_hz", "high_hz"), [(40, 20.0, None), (23, 100.0, 7000.0), (80, 20.0, 7600.0)])
def test_bands_and_energy_are_those_of_kaldi(rng, n_bands: int, low_hz: float, high_hz: float | None) -> None:
    samples = speech(rng)
    found, lengths = LogMel(n_bands, low_hz=low_hz, high_hz=high_hz, deltas=0)(samples[None])
    options = {"num_mel_bins": n_bands, "low_freq": low_hz, "high_freq": high_hz or 0.0, "use_energy": True}
    assert lengths.tolist() == [98]
    assert_allclose(found[0, 0], kaldi("fbank", samples, htk_compat=True, **options), atol=1e-4)


def test_options_switched_off_are_those_of_kaldi(rng) -> None:
    samples = speech(rng)
    found, _ = LogMel(deltas=0, energy=False, preemphasis=0.0, remove_mean=False)(samples[None])
    expected = kaldi("fbank", samples, num_mel_bins=40, preemphasis_coefficient=0.0, remove_dc_offset=False)
    assert_allclose(found[0, 0], expected, atol=1e-4)


def test_bands_with_flanks_straight_in_hertz_are_those_of_librosa(rng) -> None:
    samples = speech(rng)
    features = LogMel(deltas=0, energy=False, preemphasis=0.0, remove_mean=False, triangles="hz")
    # librosa centres the window of 400 samples in its spectrum's 512.
    mel = librosa.feature.melspectrogram(
        y=np.pad(samples.numpy(), 56), sr=16000, n_fft=512, win_length=400, hop_length=160, center=False, n_mels=40,
        fmin=20.0, htk=True, norm=None, window=scipy.signal.get_window("hamming", 400, fftbins=False),
    )  # fmt: skip
    assert_allclose(features(samples[None])[0][0, 0], np.log(mel), atol=1e-4)


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_cepstra_are_those_of_kaldi(rng, lifter: float) -> None:
    samples = speech(rng)
    found, _ = Mfcc(deltas=0, lifter=lifter)(samples[None])
    expected = kaldi("mfcc", samples, num_ceps=13, num_mel_bins=23, cepstral_lifter=lifter)
    assert_allclose(found[0, 0], expected, atol=2e-4)


def test_the_energy_follows_the_cepstra(rng) -> None:
    samples = speech(rng)[None]
    found, plain = Mfcc(energy=True)(samples)[0], LogMel(23)(samples)[0]
    assert torch.equal(found[:, :, -1], plain[:, :, -1])


@pytest.mark.parametrize("n_frames", [1, 2, 5, 40])
def test_deltas_are_those_of_torchaudio(rng, n_frames: int) -> None:
    from torchaudio.functional import compute_deltas

    static = torch.from_numpy(rng.standard_normal((2, 6, n_frames))).float()
    found = with_deltas(static, torch.tensor([n_frames, n_frames]), 2)
    first = compute_deltas(static, win_length=5)
    assert_allclose(found, torch.stack([static, first, compute_deltas(first, win_length=5)], 1), atol=1e-6)


@pytest.mark.parametrize("name", FEATURES)
def test_an_utterance_has_the_same_features_alone_and_in_a_batch(rng, name: str) -> None:
    features, lengths = FEATURES[name](), torch.tensor([4000, 399, 400, 561, 9999, 730])
    samples = torch.from_numpy(rng.standard_normal((6, 9999))).float()
    batch, counts = features(samples, lengths)
    for one, length, found, count in zip(samples, lengths, batch, counts, strict=True):
        alone, alone_count = features(one[None, :length])
        assert int(count) == int(alone_count) == alone.shape[-1]
        assert torch.equal(found[..., :count], alone[0])
        assert not found[..., count:].any()


@pytest.mark.parametrize("name", FEATURES)
def test_a_recording_shorter_than_a_window_has_no_frames(name: str) -> None:
    features = FEATURES[name]()
    found, lengths = features(torch.zeros(2, 399))
    assert found.shape == (2, features.n_streams, features.n_bands + features.energy, 0)
    assert lengths.tolist() == [0, 0]


def test_silence_stays_at_the_floor() -> None:
    found, _ = LogMel()(torch.zeros(1, 1600))
    assert_allclose(found[0, 0], np.log(LOG_FLOOR), rtol=1e-6)
    assert not found[0, 1:].any()


def test_times_of_frames() -> None:
    for features in (LogMel(), Mfcc(), LogMel(rate=8000)):
        assert (features.shift_seconds, features.first_centre_seconds) == (0.01, 0.0125)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"shift_ms": -10.0}, "shift_ms must be at least one sample of 0.0625 ms, got -10"),
        ({"shift_ms": 2000.0}, "shift_ms must be at most 16384 samples, got 2000 ms"),
        ({"window_ms": 1e300}, "window_ms must be at most 16384 samples"),
        ({"rate": 10**9}, "rate must be from 1000 to 192000 samples per second, got 1000000000"),
        ({"n_bands": 10**6}, "n_bands must be from 1 to 256, got 1000000"),
        ({"high_hz": 9000.0}, r"half the rate \(8000 Hz\), got low_hz=20, high_hz=9000"),
        ({"n_bands": 0}, "n_bands must be from 1 to 256, got 0"),
        ({"n_bands": 200}, "n_bands is 200, .* take fewer bands or a longer window"),
        ({"deltas": -1}, "deltas must be 0, 1, 2 ... 4, got -1"),
        ({"preemphasis": 1.5}, "preemphasis must be from 0 to 1, got 1.5"),
        ({"triangles": "bark"}, "triangles must be 'mel' or 'hz', got 'bark'"),
    ],
)
def test_settings_out_of_range(settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LogMel(**settings)


def test_more_cepstra_than_bands() -> None:
    with pytest.raises(ValueError, match=r"from 1 to n_mel_bands \(23\), got 24"):
        Mfcc(n_coefficients=24)


def normalizer(kind: str) -> Normalizer:
    return Normalizer(kind, n_streams=3, n_bands=4, energy=True)


def utterances(rng: np.random.Generator) -> list[torch.Tensor]:
    return [torch.from_numpy(7 + 3 * rng.standard_normal((3, 5, n))).float() for n in (4, 9, 30)]


def test_the_corpus_gets_zero_mean_and_unit_variance(rng) -> None:
    ours, corpus = normalizer("corpus"), utterances(rng)
    ours.fit(corpus)
    again = normalizer("corpus")
    again.load_state_dict(ours.state_dict())
    frames = np.concatenate([again(one[None], torch.tensor([one.shape[-1]]))[0].numpy() for one in corpus], -1)
    assert_allclose(frames.mean(-1), 0, atol=1e-5)
    assert_allclose(frames.std(-1), 1, atol=1e-5)


def test_an_utterance_is_normalised_by_its_own_frames(rng) -> None:
    batch = torch.full((3, 3, 5, 30), 1e6)
    lengths = torch.tensor([4, 9, 30])
    for row, one in zip(batch, utterances(rng), strict=True):
        row[..., : one.shape[-1]] = one
    for found, one, length in zip(normalizer("utterance")(batch, lengths), batch, lengths, strict=True):
        real = one[..., :length].double().numpy()
        expected = (real - real.mean(-1, keepdims=True)) / real.std(-1, keepdims=True)
        assert_allclose(found[..., :length], expected, atol=1e-4)
        assert not found[..., length:].any()


def test_a_speaker_is_normalised_by_all_that_is_given(rng) -> None:
    spoken, lengths = utterances(rng), torch.tensor([9])
    found = normalizer("speaker")(spoken[1][None], lengths, statistics(spoken))
    everything = torch.cat(spoken, -1).double().numpy()
    expected = (spoken[1].numpy() - everything.mean(-1, keepdims=True)) / everything.std(-1, keepdims=True)
    assert_allclose(found[0], expected, atol=1e-5)
    alone = normalizer("speaker")(spoken[1][None], lengths)
    assert torch.equal(alone, normalizer("utterance")(spoken[1][None], lengths))


def test_nothing_is_normalised_when_none_is_asked(rng) -> None:
    one = utterances(rng)[0][None]
    assert torch.equal(normalizer("none")(one, torch.tensor([4])), one)


def test_a_constant_band_is_not_blown_up() -> None:
    ours = normalizer("corpus")
    ours.fit([torch.full((3, 5, 8), -15.9)])
    assert_allclose(ours(torch.full((1, 3, 5, 2), -15.9), torch.tensor([2])), 0, atol=1e-2)


def test_faults_of_normalisation(rng) -> None:
    with pytest.raises(ValueError, match="kind must be one of corpus, speaker, utterance, none, got 'global'"):
        normalizer("global")
    with pytest.raises(ValueError, match="at least one frame"):
        normalizer("corpus").fit([])
    with pytest.raises(ValueError, match=r"must be \(3, 5\) rows a frame, got \(3, 2\)"):
        normalizer("corpus").fit([torch.zeros(3, 2, 8)])


def test_the_front_end_exports(rng) -> None:
    samples, length = speech(rng, 4000)[None], torch.tensor([4000])
    exported = torch.export.export(LogMel(), (samples, length)).module()
    assert_allclose(exported(samples, length)[0], LogMel()(samples, length)[0], atol=1e-6)
