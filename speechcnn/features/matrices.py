"""The fixed matrices of the features: mel triangles, cosine transform, lifter."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from speechcnn import mel


def mel_bands(
    n_bands: int, fft_size: int, rate: int, low_hz: float, high_hz: float, triangles: Literal["mel", "hz"] = "mel"
) -> Tensor:
    """Return triangular weights of spectrum bins, equally wide in mel and half overlapping.

    Shape: -> [fft_size // 2 + 1, n_bands].

    Raises:
        ValueError: a triangle that holds no bin, or another shape of triangles.
    """
    if triangles not in ("mel", "hz"):
        raise ValueError(f"triangles must be 'mel' or 'hz', got {triangles!r}")
    bins = torch.arange(fft_size // 2 + 1, dtype=torch.float64)[:, None] * rate / fft_size
    edges = mel.spaced(low_hz, high_hz, n_bands + 2)
    if triangles == "mel":
        bins = mel.from_hertz(bins)
    else:
        edges = mel.to_hertz(edges)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp(min=0)
    if not weights.any(0).all():
        raise ValueError(
            f"n_bands is {n_bands}, but {low_hz:g} to {high_hz:g} Hz of a spectrum of {fft_size // 2} bins leave some "
            "bands without a bin; take fewer bands or a longer window"
        )
    return weights.float()


def cosine_transform(n_coefficients: int, n_bands: int) -> Tensor:
    """Return the first rows of the orthonormal discrete cosine transform of type II.

    Shape: -> [n_coefficients, n_bands].
    """
    order = torch.arange(n_coefficients, dtype=torch.float64)[:, None]
    centres = torch.arange(n_bands, dtype=torch.float64) + 0.5
    rows = torch.cos(math.pi / n_bands * order * centres) * math.sqrt(2 / n_bands)
    rows[0] /= math.sqrt(2)
    return rows.float()


def lifter_weights(n_coefficients: int, lifter: float) -> Tensor:
    """Return the weights 1 + lifter / 2 * sin(pi i / lifter) of the cepstra; ones for a lifter of 0.

    Shape: -> [n_coefficients].
    """
    if lifter == 0:
        return torch.ones(n_coefficients)
    return 1 + lifter / 2 * torch.sin(math.pi / lifter * torch.arange(n_coefficients))
