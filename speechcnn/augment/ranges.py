"""Ranges to draw from, and what samples and maps must be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST_DB, MOST_KNOTS = 60.0, 100
LONGEST_RESPONSE = 2**14  # samples beside it that a filter smooth over frequency may answer a sound with


def check_range(name: str, low: float, high: float, least: float = -math.inf, most: float = math.inf) -> None:
    """Raise a ValueError unless least <= low <= high <= most."""
    if not least <= low <= high <= most:
        limits = "" if math.isinf(least) and math.isinf(most) else f", within {least:g} to {most:g}"
        raise ValueError(f"{name} must run from a lower to a higher value{limits}; got {low:g} to {high:g}.")


def uniform(draw: np.random.Generator, low: float, high: float) -> float:
    """Draw one value of a range."""
    return float(draw.uniform(low, high))


def check_gain(name: str, gain_db: float) -> None:
    """Raise a ValueError unless a gain is from 0 to `MOST_DB`."""
    if not 0 <= gain_db <= MOST_DB:
        raise ValueError(f"{name} must be from 0 to {MOST_DB:g}; got {gain_db:g}.")


def check_knots(knots: int) -> None:
    """Raise a ValueError unless knots are from 2 to `MOST_KNOTS`."""
    if not 2 <= knots <= MOST_KNOTS:
        raise ValueError(f"knots must be from 2 to {MOST_KNOTS}; got {knots}.")


def curve(draw: np.random.Generator, most: float, knots: NDArray[np.float64], places: NDArray[Any]) -> NDArray[Any]:
    """Draw values from -most to most at knots, join them by straight lines, and return the curve at places.

    Shape: knots [M], places [N] -> [N].
    """
    return np.interp(places, knots, draw.uniform(-most, most, len(knots)))


def between(maps: Tensor, places: NDArray[np.float64], dim: int) -> Tensor:
    """Return maps read between their bands or frames; beyond the edges, the edge is read.

    Args:
        maps: of any shape, N long along `dim`.
        places: where to read, in bands or frames.
        dim: the axis.

    Shape: [..., N, ...], [M] -> [..., M, ...].
    """
    last = maps.shape[dim] - 1
    at = torch.from_numpy(np.clip(places, 0, last))
    below = at.long().clamp(max=max(0, last - 1))
    above = (below + 1).clamp(max=last)
    share = (at - below).to(maps.dtype)
    share = share.reshape(-1, *[1] * (maps.dim() - 1 - dim % maps.dim()))
    return torch.lerp(maps.index_select(dim, below), maps.index_select(dim, above), share)


def check_samples(samples: Tensor, rate: int) -> None:
    """Raise a ValueError unless samples are [N], float32, at a rate above 0."""
    if samples.dim() != 1 or samples.dtype != torch.float32:
        raise ValueError(f"samples must be [N], float32; got {list(samples.shape)}, {samples.dtype}.")
    if rate < 1:
        raise ValueError(f"rate must be at least 1 sample per second; got {rate}.")


def check_map(features: Tensor, n_bands: int | None) -> int:
    """Return how many rows lie on the frequency axis: all where `n_bands` is None.

    Raises:
        ValueError: features that are not [C, F, T], or fewer rows than bands.
    """
    if features.dim() != 3 or not features.is_floating_point():
        raise ValueError(f"features must be [C, F, T], of real numbers; got {list(features.shape)}, {features.dtype}.")
    rows = features.shape[1]
    if n_bands is not None and not 1 <= n_bands <= rows:
        raise ValueError(f"n_bands must be from 1 to the features' {rows} rows; got {n_bands}.")
    return n_bands or rows


def loudness(samples: Tensor) -> float:
    """Return the root mean square; 0 for no samples."""
    return float(samples.double().square().mean().sqrt()) if len(samples) else 0.0


def filtered(samples: Tensor, gains: Tensor) -> Tensor:
    """Multiply the spectrum of samples by real gains, which moves nothing in time; zeros stand around the samples.

    Shape: samples [N], gains [M // 2 + 1] for a spectrum of even M >= N -> [N].
    """
    size = 2 * (len(gains) - 1)
    return torch.fft.irfft(torch.fft.rfft(samples, size) * gains, size)[: len(samples)]


def spectrum_size(n_samples: int) -> int:
    """Return the power of two that holds the samples and zeros beside them, as many or `LONGEST_RESPONSE` at least."""
    n = max(1, n_samples)
    return 1 << (n + min(n, LONGEST_RESPONSE) - 1).bit_length()
