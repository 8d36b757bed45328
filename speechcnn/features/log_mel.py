"""Log energies in mel bands."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.features.deltas import with_deltas
from speechcnn.features.matrices import mel_bands
from speechcnn.shapes import frame_count, frame_counts

LOG_FLOOR = torch.finfo(torch.float32).eps
LOWEST_RATE, HIGHEST_RATE = 1000, 192_000  # samples per second
# Together they bound what the matrix of bands may take: 8193 x 256 numbers.
MOST_WINDOW_SAMPLES, MOST_BANDS = 2**14, 256
MOST_DELTAS = 4


class LogMel(nn.Module):
    """Log energies in mel bands, with the log energy of the frame and deltas.

    Args:
        n_bands: bands between `low_hz` and `high_hz`.
        deltas: 0 for the static values alone, 1 for deltas too, 2 for deltas of deltas too; each is a channel.
        energy: whether a last row holds the frame's log energy (before pre-emphasis and window).
        rate: samples per second.
        window_ms: length of a frame.
        shift_ms: distance between frames.
        low_hz: lower edge of the first band.
        high_hz: upper edge of the last band; None: half the rate.
        preemphasis: share of the previous sample that is subtracted from each.
        remove_mean: whether each frame's mean is removed first.
        triangles: whether the bands' flanks are straight in "mel" (HTK, Kaldi) or in "hz" (librosa, torchaudio).

    Raises:
        ValueError: a setting outside its range, or more bands than the spectrum can resolve.
    """

    window: Tensor
    bands: Tensor

    def __init__(
        self,
        n_bands: int = 40,
        deltas: int = 2,
        energy: bool = True,
        rate: int = 16000,
        window_ms: float = 25.0,
        shift_ms: float = 10.0,
        low_hz: float = 20.0,
        high_hz: float | None = None,
        preemphasis: float = 0.97,
        remove_mean: bool = True,
        triangles: Literal["mel", "hz"] = "mel",
    ) -> None:
        super().__init__()
        high_hz = rate / 2 if high_hz is None else high_hz
        _check_frames(rate, window_ms, shift_ms, deltas)
        _check_bands(n_bands, low_hz, high_hz, rate, preemphasis)
        self.n_bands, self.n_deltas, self.energy, self.rate = n_bands, deltas, energy, rate
        self.low_hz, self.high_hz = low_hz, high_hz
        self.window_samples, self.shift_samples = round(rate * window_ms / 1000), round(rate * shift_ms / 1000)
        self.preemphasis, self.remove_mean = preemphasis, remove_mean
        self.fft_size = 2 ** math.ceil(math.log2(self.window_samples))
        window = torch.hamming_window(self.window_samples, periodic=False)
        self.register_buffer("window", window, persistent=False)
        bands = mel_bands(n_bands, self.fft_size, rate, low_hz, high_hz, triangles)
        self.register_buffer("bands", bands, persistent=False)

    @property
    def n_streams(self) -> int:
        """Channels of the result: static values and their deltas."""
        return 1 + self.n_deltas

    @property
    def shift_seconds(self) -> float:
        """Distance between frames."""
        return self.shift_samples / self.rate

    @property
    def first_centre_seconds(self) -> float:
        """Centre of frame 0; frame t's is this plus t shifts."""
        return self.window_samples / 2 / self.rate

    def forward(self, samples: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the features and how many frames of each item are real; those beyond are zero.

        Shape: samples [B, N], lengths [B] in samples (None: all of N) -> features [B, C, F (+1), T], lengths [B].
        """
        static, counts = self.static(samples, lengths)
        return with_deltas(static, counts, self.n_deltas), counts

    def static(self, samples: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the features without deltas; frames beyond an item's length hold anything.

        Shape: samples [B, N], lengths [B] -> [B, F (+1), T], [B].
        """
        lengths = _all_of(samples) if lengths is None else lengths
        counts = frame_counts(lengths, self.window_samples, self.shift_samples)
        if frame_count(samples.shape[-1], self.window_samples, self.shift_samples) == 0:
            return samples.new_zeros(len(samples), self.n_bands + self.energy, 0), counts
        frames = samples.unfold(-1, self.window_samples, self.shift_samples)
        if self.remove_mean:
            frames = frames - frames.mean(-1, keepdim=True)
        rows = self._log_bands(frames)
        if self.energy:
            power = frames.square().sum(-1, keepdim=True)
            rows = torch.cat([rows, power.clamp(min=LOG_FLOOR).log()], -1)
        return rows.transpose(1, 2), counts

    def _log_bands(self, frames: Tensor) -> Tensor:
        first = frames[..., :1] * (1 - self.preemphasis)
        rest = torch.sub(frames[..., 1:], frames[..., :-1], alpha=self.preemphasis)
        weighted = torch.cat([first, rest], -1) * self.window
        # Padding here is twice as fast as leaving it to rfft.
        spectrum = torch.fft.rfft(F.pad(weighted, (0, self.fft_size - self.window_samples)))
        spectrum = spectrum.real.square() + spectrum.imag.square()
        return project(spectrum, self.bands).clamp(min=LOG_FLOOR).log()


def project(rows: Tensor, weights: Tensor) -> Tensor:
    """Multiply each row by a matrix with sums in double precision, so that no row depends on its neighbours.

    Shape: rows [..., N], weights [N, M] -> [..., M].
    """
    return (rows.double() @ weights.double()).to(rows.dtype)


def _all_of(samples: Tensor) -> Tensor:
    return torch.full((samples.shape[0],), samples.shape[1], device=samples.device)


def _check_frames(rate: int, window_ms: float, shift_ms: float, deltas: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"rate must be from {LOWEST_RATE} to {HIGHEST_RATE} samples per second, got {rate}")
    for name, milliseconds in (("window_ms", window_ms), ("shift_ms", shift_ms)):
        if rate * milliseconds < 1000:
            raise ValueError(f"{name} must be at least one sample of {1000 / rate:g} ms, got {milliseconds:g}")
        if rate * milliseconds > 1000 * MOST_WINDOW_SAMPLES:
            raise ValueError(f"{name} must be at most {MOST_WINDOW_SAMPLES} samples, got {milliseconds:g} ms")
    if not 0 <= deltas <= MOST_DELTAS:
        raise ValueError(f"deltas must be 0, 1, 2 ... {MOST_DELTAS}, got {deltas}")


def _check_bands(n_bands: int, low_hz: float, high_hz: float, rate: int, preemphasis: float) -> None:
    if not 1 <= n_bands <= MOST_BANDS:
        raise ValueError(f"n_bands must be from 1 to {MOST_BANDS}, got {n_bands}")
    if not 0 <= low_hz < high_hz <= rate / 2:
        raise ValueError(
            f"bands must lie between 0 and half the rate ({rate / 2:g} Hz), got low_hz={low_hz:g}, high_hz={high_hz:g}"
        )
    if not 0 <= preemphasis <= 1:
        raise ValueError(f"preemphasis must be from 0 to 1, got {preemphasis:g}")
