"""Ten classes of synthetic sounds; each sound's pitch, speed, shape and length are drawn, so no two are alike.

A class is a function from a generator of random numbers to samples. The band of a sound is measured, by one rule for
all classes: the frequencies between which the middle 98 per cent of its energy lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from speechcnn.corpora.synthesis.acoustics import RATE

Samples = npt.NDArray[np.float64]
Generator = np.random.Generator

TAIL = 0.01  # share of the energy that lies outside a band, at either end
HIGHEST_HZ = 0.45 * RATE
_EDGE_SECONDS = 0.005  # of the fades that keep cut sounds from clicking
_DECAY_DB = 30.0  # by how much dying sounds have fallen at their offset


@dataclass(frozen=True)
class Sound:
    """A sound without background, of root mean square 1, and the band that holds 98 per cent of its energy."""

    label: str
    samples: Samples
    low_hz: float
    high_hz: float


def sound(label: str, rng: Generator) -> Sound:
    """Draw one sound of a class.

    Shape: samples [N] at 16 kHz, N drawn.

    Raises:
        KeyError: an unknown class.
    """
    raw = _faded(SOUNDS[label](rng))
    samples = raw / np.sqrt((raw**2).mean())
    return Sound(label, samples, *band(samples))


def band(samples: Samples) -> tuple[float, float]:
    """Return the frequencies in hertz below and above which one per cent of the energy lies each."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    share = np.cumsum(power) / power.sum()
    low, high = np.searchsorted(share, [TAIL, 1 - TAIL])
    width = RATE / len(samples)  # of a bin; the band ends at the edges of its outer bins
    return float(max(0.0, (low - 0.5) * width)), float(min(RATE / 2, (high + 0.5) * width))


def chirp_up(rng: Generator) -> Samples:
    """A tone that rises by one to two octaves."""
    return _chirp(rng, rising=True)


def chirp_down(rng: Generator) -> Samples:
    """A tone that falls by one to two octaves."""
    return _chirp(rng, rising=False)


def whistle(rng: Generator) -> Samples:
    """A steady tone with a few harmonics and a little vibrato."""
    n = _length(rng, 0.4, 1.8)
    pitch = _log(rng, 500, 2200)
    depth, speed = rng.uniform(0, 0.015), rng.uniform(4, 7)
    hertz = pitch * (1 + depth * np.sin(2 * np.pi * speed * _seconds(n)))
    return _harmonics(hertz, rng, int(rng.integers(1, 4))) * _swell(n, rng)


def bell(rng: Generator) -> Samples:
    """Partials out of tune that are struck together and die away, the high ones first."""
    n = _length(rng, 0.7, 2.0)
    pitch = _log(rng, 250, 1100)
    ratios = np.array([1.0, 2.0, 2.76, 3.6, 5.4]) * rng.uniform(0.95, 1.05, 5)
    fall = np.log(10) * _DECAY_DB / 20 * _seconds(n) / (n / RATE)
    partials = [
        rng.uniform(0.3, 1) * np.exp(-fall * ratio**0.7) * np.sin(2 * np.pi * pitch * ratio * _seconds(n) + phase)
        for ratio, phase in zip(ratios, rng.uniform(0, 2 * np.pi, 5), strict=True)
        if pitch * ratio < HIGHEST_HZ
    ]
    return np.sum(partials, axis=0)


def clicks(rng: Generator) -> Samples:
    """A row of drum-like strokes, each a short damped resonance with a noisy start."""
    interval = rng.uniform(0.07, 0.16)
    n = round(RATE * interval * rng.integers(4, 12))
    pitch, decay = _log(rng, 200, 2500), rng.uniform(0.004, 0.02)
    strokes = np.zeros(n)
    for start in range(0, n, round(RATE * interval)):
        rest = n - start
        ring = np.sin(2 * np.pi * pitch * rng.uniform(0.97, 1.03) * _seconds(rest))
        hiss = rng.standard_normal(rest) * np.exp(-_seconds(rest) / 0.002)
        strokes[start:] += rng.uniform(0.6, 1) * (ring + 0.5 * hiss) * np.exp(-_seconds(rest) / decay)
    return strokes


def noise_burst(rng: Generator) -> Samples:
    """Noise in a band one half to two octaves wide."""
    n = _length(rng, 0.2, 1.0)
    low = _log(rng, 300, 3000)
    return _in_band(rng.standard_normal(n), low, low * 2 ** rng.uniform(0.5, 2)) * _swell(n, rng)


def siren(rng: Generator) -> Samples:
    """A tone with harmonics that goes up and down, slowly enough to be followed."""
    n = _length(rng, 1.0, 2.5)
    phase = 2 * np.pi * rng.uniform(1.0, 3.0) * _seconds(n) + rng.uniform(0, 2 * np.pi)
    shape = np.sin(phase) if rng.random() < 0.5 else signal.sawtooth(phase, 0.5)
    hertz = _log(rng, 500, 1300) * 2 ** (rng.uniform(0.3, 0.6) * shape)
    return _harmonics(hertz, rng, int(rng.integers(2, 5))) * _swell(n, rng)


def trill(rng: Generator) -> Samples:
    """Bird-like: short chirps that follow each other 9 to 20 times a second."""
    n = _length(rng, 0.4, 1.4)
    turn = (_seconds(n) * rng.uniform(9, 20)) % 1.0
    slope = rng.choice([-1.0, 1.0]) * rng.uniform(0.2, 0.6)
    hertz = _log(rng, 2200, 4500) * 2 ** (slope * (turn - 0.5))
    return np.sin(_phase(hertz)) * np.sin(np.pi * turn) ** rng.uniform(0.7, 2)


def engine(rng: Generator) -> Samples:
    """A train of 25 to 80 pulses a second, not quite even, through two resonances."""
    n = _length(rng, 0.8, 2.5)
    drift = np.interp(_seconds(n), np.linspace(0, n / RATE, 6), rng.uniform(0.88, 1.12, 6))
    turns = _phase(_log(rng, 25, 80) * drift) / (2 * np.pi)
    pulses = np.zeros(n)
    fired = np.flatnonzero(np.diff(np.floor(turns)))
    pulses[fired] = rng.uniform(0.6, 1, len(fired))
    heard = sum(_resonance(pulses, _log(rng, low, 4 * low), rng.uniform(2, 5)) for low in (120, 500))
    return heard + 0.05 * np.abs(heard).max() * rng.standard_normal(n) * rng.random()


def rain(rng: Generator) -> Samples:
    """Grains in great number: drops that fall at random, each a short damped tone of its own pitch."""
    n = _length(rng, 0.8, 2.5)
    drops = np.zeros(n)
    centre, spread = _log(rng, 1800, 4500), rng.uniform(0.2, 0.5)
    count = round(rng.uniform(60, 250) * n / RATE)
    for start in rng.integers(0, n, max(count, 1)):
        m = min(n - start, RATE // 50)
        hertz = min(centre * 2 ** rng.normal(0, spread), HIGHEST_HZ)
        grain = np.sin(2 * np.pi * hertz * _seconds(m)) * np.exp(-_seconds(m) / rng.uniform(0.001, 0.003))
        drops[start : start + m] += rng.exponential() * grain
    return drops


SOUNDS: dict[str, Callable[[Generator], Samples]] = {
    function.__name__: function
    for function in (bell, chirp_down, chirp_up, clicks, engine, noise_burst, rain, siren, trill, whistle)
}


def _chirp(rng: Generator, rising: bool) -> Samples:
    n = _length(rng, 0.3, 1.2)
    octaves = rng.uniform(1.0, 2.0)
    way = np.linspace(0, 1, n) ** rng.uniform(0.8, 1.3)
    hertz = _log(rng, 400, 1500) * 2 ** (octaves * (way if rising else 1 - way))
    return _harmonics(hertz, rng, int(rng.integers(1, 4))) * _swell(n, rng)


def _harmonics(hertz: Samples, rng: Generator, count: int) -> Samples:
    """A tone of moving pitch with `count` harmonics, each fainter than the one below it; none beyond HIGHEST_HZ."""
    phase, fall = _phase(hertz), rng.uniform(1.0, 2.5)
    heard = [
        np.sin(k * phase + rng.uniform(0, 2 * np.pi)) * k**-fall * (k * hertz < HIGHEST_HZ) for k in range(1, count + 1)
    ]
    return np.sum(heard, axis=0)


def _swell(n: int, rng: Generator) -> Samples:
    """A slowly changing level that neither starts nor ends below half of its mean."""
    return np.interp(_seconds(n), np.linspace(0, n / RATE, 5), rng.uniform(0.6, 1.0, 5))


def _faded(samples: Samples) -> Samples:
    m = min(round(_EDGE_SECONDS * RATE), len(samples) // 2)
    ramp = np.linspace(0, 1, m, endpoint=False)
    return np.concatenate([samples[:m] * ramp, samples[m : len(samples) - m], samples[len(samples) - m :] * ramp[::-1]])


def _in_band(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    filters = signal.butter(4, [low_hz, min(high_hz, HIGHEST_HZ)], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(filters, samples)


def _resonance(samples: Samples, hertz: float, sharpness: float) -> Samples:
    return signal.lfilter(*signal.iirpeak(hertz, sharpness, fs=RATE), samples)


def _length(rng: Generator, shortest_seconds: float, longest_seconds: float) -> int:
    return round(RATE * _log(rng, shortest_seconds, longest_seconds))


def _log(rng: Generator, low: float, high: float) -> float:
    """Draw a value whose logarithm is evenly distributed."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _phase(hertz: Samples) -> Samples:
    return 2 * np.pi * np.cumsum(hertz) / RATE


def _seconds(n: int) -> Samples:
    return np.arange(n) / RATE
