"""What a user may hand in as audio, brought to one form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from speechcnn.audio import AudioError, blocks, read, resample

Source: TypeAlias = str | Path | tuple[npt.ArrayLike, int] | npt.ArrayLike


def waveform(source: Source, rate: int | None, wanted_rate: int) -> npt.NDArray[np.float32]:
    """Return mono float32 samples [N] at `wanted_rate`.

    Args:
        source: a path, a pair (samples, rate), or an array of samples with `rate`; arrays are [N] or [N, channels].
        rate: samples per second of an array.
        wanted_rate: samples per second of the result.

    Raises:
        FileNotFoundError: no such file.
        AudioError: an array without a rate, of another shape, empty or not finite; a file that cannot be read.
    """
    if isinstance(source, str | Path):
        return read(source, wanted_rate)[0]
    if isinstance(source, tuple):
        source, rate = source
    if rate is None:
        raise AudioError("an array of samples must come with its rate; pass (samples, rate) or rate=16000")
    samples = np.asarray(source, dtype=np.float32)
    if samples.ndim == 2 and samples.shape[1] <= 8:
        samples = samples.mean(axis=1)
    if samples.ndim != 1 or not samples.size:
        raise AudioError(f"samples must have the shape [N] or [N, channels], N > 0, got {list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise AudioError("samples must be finite numbers, some are NaN or infinity")
    return resample(samples, rate, wanted_rate)


def waveform_blocks(
    source: Source, rate: int | None, wanted_rate: int, seconds: float
) -> Iterator[npt.NDArray[np.float32]]:
    """Give out what `waveform` returns in blocks of `seconds`; of a file, one block at a time is in memory.

    Raises:
        FileNotFoundError, AudioError: as `waveform`, at the latest when the block with the fault is reached.
    """
    if isinstance(source, str | Path):
        yield from blocks(source, seconds, wanted_rate)
        return
    samples, size = waveform(source, rate, wanted_rate), round(seconds * wanted_rate)
    yield from (samples[start : start + size] for start in range(0, len(samples), size))
