"""Rooms, channels and noise for synthetic speakers, on the time scale of the clean signal: nothing is delayed."""

from __future__ import annotations

import numpy as np
from scipy import signal

from speechcnn.corpora.synthesis.plan import Speaker

CHANNEL_DB = 4.0  # largest gain of a channel at any frequency
RATE = 16000


def record(clean: np.ndarray, speaker: Speaker, utterance: int) -> np.ndarray:
    """Play a clean signal in the speaker's room and record it: reverberation, channel, noise, level.

    Shape: [N] -> [N], 16 kHz, within full scale.
    """
    heard = signal.oaconvolve(clean, impulse_response(speaker))[: len(clean)]
    heard *= 10 ** (speaker.level_db / 20) / (_rms(heard) + 1e-9)
    noise = coloured_noise(len(clean), speaker.noise_slope, np.random.default_rng((*speaker.key, 2, utterance)))
    heard += noise * _rms(heard) * 10 ** (-speaker.snr_db / 20)
    return heard * min(1.0, 0.98 / np.abs(heard).max())


def impulse_response(speaker: Speaker) -> np.ndarray:
    """Room and channel of a speaker: direct sound, a tail of decaying noise, then a smooth random equalizer."""
    rng = np.random.default_rng((*speaker.key, 1))
    n_samples = int(RATE * speaker.reverberation_seconds)
    seconds = np.arange(n_samples) / RATE
    tail = rng.standard_normal(n_samples) * 10 ** (-3 * seconds / speaker.reverberation_seconds)
    tail[: RATE // 500] = 0  # the first reflection comes 2 ms behind the direct sound
    tail *= 10 ** (-speaker.direct_db / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return signal.oaconvolve(tail, _channel(rng))


def coloured_noise(n_samples: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit root mean square whose power falls as frequency ** -slope.

    Shape: [n_samples].
    """
    n_fft = 1 << (n_samples - 1).bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(n_fft))
    hertz = np.maximum(np.fft.rfftfreq(n_fft, 1 / RATE), 50.0)
    noise = np.fft.irfft(spectrum * hertz ** (-slope / 2))[:n_samples]
    return noise / _rms(noise)


def _channel(rng: np.random.Generator) -> np.ndarray:
    # Minimum phase, so that the channel moves no boundary: half the length of the linear-phase filter, no delay.
    knots = np.array([0, 200, 700, 1500, 3000, 5000, 8000]) / 8000
    gains = 10 ** (rng.uniform(-CHANNEL_DB, CHANNEL_DB, len(knots)) / 20)
    return signal.minimum_phase(signal.firwin2(255, knots, gains), half=False)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt((samples**2).mean()))
