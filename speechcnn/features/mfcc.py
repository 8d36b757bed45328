"""Mel-frequency cepstral coefficients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechcnn.features.deltas import with_deltas
from speechcnn.features.log_mel import LogMel, project
from speechcnn.features.matrices import cosine_transform, lifter_weights


class Mfcc(nn.Module):
    """Mel-frequency cepstral coefficients: the cosine transform of log-mel bands (Davis and Mermelstein, 1980).

    Args:
        n_coefficients: cepstra kept, the zeroth included.
        deltas: as of `LogMel`.
        energy: whether a last row holds the frame's log energy.
        n_mel_bands: bands that are transformed.
        lifter: cepstrum i is multiplied by 1 + lifter / 2 * sin(pi i / lifter); 0 for none.
        rate: samples per second.
        window_ms: length of a frame.
        shift_ms: distance between frames.
        low_hz: lower edge of the first band.
        high_hz: upper edge of the last band; None: half the rate.

    Raises:
        ValueError: more coefficients than bands, or as `LogMel`.
    """

    transform: Tensor

    def __init__(
        self,
        n_coefficients: int = 13,
        deltas: int = 2,
        energy: bool = False,
        n_mel_bands: int = 23,
        lifter: float = 22.0,
        rate: int = 16000,
        window_ms: float = 25.0,
        shift_ms: float = 10.0,
        low_hz: float = 20.0,
        high_hz: float | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= n_coefficients <= n_mel_bands:
            raise ValueError(f"n_coefficients must be from 1 to n_mel_bands ({n_mel_bands}), got {n_coefficients}")
        self.log_mel = LogMel(n_mel_bands, deltas, energy, rate, window_ms, shift_ms, low_hz, high_hz)
        self.n_bands, self.energy, self.rate = n_coefficients, energy, rate
        self.n_streams = self.log_mel.n_streams
        self.receptive_field = self.log_mel.receptive_field
        self.shift_seconds, self.first_centre_seconds = self.log_mel.shift_seconds, self.log_mel.first_centre_seconds
        transform = cosine_transform(n_coefficients, n_mel_bands) * lifter_weights(n_coefficients, lifter)[:, None]
        self.register_buffer("transform", transform.T, persistent=False)

    def forward(self, samples: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the features and how many frames of each item are real; those beyond are zero.

        Shape: samples [B, N], lengths [B] in samples (None: all of N) -> features [B, C, F (+1), T], lengths [B].
        """
        rows, counts = self.log_mel.static(samples, lengths)
        bands, rest = rows[:, : self.log_mel.n_bands], rows[:, self.log_mel.n_bands :]
        cepstra = project(bands.transpose(1, 2), self.transform).transpose(1, 2)
        return with_deltas(torch.cat([cepstra, rest], 1), counts, self.log_mel.n_deltas), counts
