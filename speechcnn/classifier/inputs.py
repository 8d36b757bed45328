"""What users hand in as clips, read and checked: paths, pairs (samples, rate), arrays with a rate."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from speechcnn import progress
from speechcnn.audio import AudioError
from speechcnn.audio.source import Source, waveform
from speechcnn.corpora import Fault, listing

BAR_FROM = 200  # clips; fewer are read before a bar would mean anything

Samples = NDArray[np.float32]


def clips_of(X: Any) -> list[Source]:
    """Return clips as a list; a single path, pair or one-dimensional array is a list of one.

    Raises:
        ValueError: nothing, or something that cannot be clips.
    """
    if isinstance(X, str | Path) or is_pair(X):
        return [X]
    if hasattr(X, "toarray"):
        raise ValueError("sparse input is not supported: clips are samples; pass a dense array or a list")
    if hasattr(X, "__array__") and not hasattr(X, "tolist"):
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "iufc":
        X = _rows(X)
    if hasattr(X, "tolist") and not isinstance(X, np.ndarray):  # a column of a data frame
        X = X.tolist()
    if not isinstance(X, list | tuple | np.ndarray):
        raise ValueError(f"X must be a list of paths, of pairs (samples, rate) or of arrays, got {type(X).__name__}")
    clips = list(X)
    if not clips:
        raise ValueError("X must hold at least one clip, got none")
    return clips


def _rows(array: NDArray[Any]) -> list[NDArray[Any]]:
    if array.ndim not in (1, 2):
        raise ValueError(f"an array of clips must be [n, N], one clip a row, got the shape {list(array.shape)}")
    if array.ndim == 2 and len(array) and not array.shape[1]:
        raise ValueError(f"clips hold 0 feature(s) (shape={array.shape}) while a minimum of 1 is required, a sample")
    return [array] if array.ndim == 1 else list(array)


def is_pair(clip: Any) -> TypeGuard[tuple[Any, int]]:
    """Say whether something is samples with their rate."""
    return isinstance(clip, tuple) and len(clip) == 2 and isinstance(clip[1], int | np.integer)


def name_of(clip: Source, number: int) -> str:
    """Return the name by which messages call a clip: its path, or its place in the list from 0."""
    return str(clip) if isinstance(clip, str | Path) else f"clip {number}"


def read_clips(
    clips: Sequence[Source], rate: int | None, wanted_rate: int, n_jobs: int | None = None, show: bool = False
) -> list[Samples]:
    """Read clips at one rate, in order, whatever the number of threads.

    Args:
        clips: paths, pairs (samples, rate), or arrays at `rate`.
        rate: samples per second of bare arrays.
        wanted_rate: samples per second of the result.
        n_jobs: threads; None or 1 for none, -1 for one a core.
        show: whether many clips show a bar.

    Raises:
        AudioError: some cannot be read; every one of them is named.
    """
    read = partial(_read_one, rate=rate, wanted_rate=wanted_rate)
    found: list[Samples | Fault] = []
    with (
        ThreadPoolExecutor(n_threads(n_jobs)) as pool,
        progress.bar("reading clips", show and len(clips) >= BAR_FROM) as update,
    ):
        for one in pool.map(read, clips, range(len(clips))):
            found.append(one)
            update(len(found), len(clips))
    faults = [str(one) for one in found if isinstance(one, Fault)]
    if faults:
        raise AudioError(listing([f"{len(faults)} of {len(clips)} clips cannot be used:", *faults]))
    return [one for one in found if not isinstance(one, Fault)]


def n_threads(n_jobs: int | None) -> int:
    """Return a number of threads by scikit-learn's convention.

    Raises:
        ValueError: 0.
    """
    import os

    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; None or 1 reads in one thread, -1 in one a core")
    cores = os.cpu_count() or 1
    return max(1, cores + 1 + n_jobs) if n_jobs is not None and n_jobs < 0 else n_jobs or 1


def _read_one(clip: Source, number: int, rate: int | None, wanted_rate: int) -> Samples | Fault:
    place = Path(name_of(clip, number))
    try:
        return waveform(_scaled(clip), rate, wanted_rate)
    except (AudioError, OSError, ValueError, TypeError) as error:
        return Fault.of(place, error)


def _scaled(clip: Source) -> Source:
    """The clip with integer samples brought to -1..1, as reading them from a file would."""
    if isinstance(clip, str | Path):
        return str(clip)
    samples, *rate = clip if is_pair(clip) else (clip,)
    array = np.asarray(samples)
    if array.dtype.kind == "c":
        raise AudioError("samples must be real numbers, these are complex")
    if array.dtype.kind == "i":
        array = array.astype(np.float32) / (np.iinfo(array.dtype).max + 1.0)
    return (array, int(rate[0])) if rate else array
