"""The one door to sound files: sniff, info, read, blocks, resample, write.

The format comes from the first bytes, never from the name. What a header declares is checked against limits and
against the file before memory is spent, and decoding goes block by block and stops at the limit, so that a small file
that unpacks to hours costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from speechcnn.audio.headers import AudioError, AudioInfo, header, sniff
from speechcnn.audio.isolation import decode_apart
from speechcnn.audio.resampling import Regrouper, Resampler, Samples, resample
from speechcnn.stages import Chain, Stage, through

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = [
    "LIMITS", "STREAM_LIMITS", "AudioError", "AudioInfo", "AudioLimits",
    "blocks", "info", "read", "resample", "sniff", "write",
]  # fmt: skip

_BLOCK_FRAMES = 2**18
_LOUDEST = 10.0
_SUBFORMATS = {".wav": "WAV", ".flac": "FLAC"}


@dataclass(frozen=True)
class AudioLimits:
    """What a sound file may cost; beyond it AudioError is raised before the cost arises."""

    file_bytes: int = 512 * 2**20
    seconds: float = 3600.0  # by counted frames, whatever the header says
    channels: int = 8
    lowest_rate: int = 4000  # samples per second
    highest_rate: int = 192_000
    decoded_bytes: int = 2**30  # of the mono float32 samples in memory
    process_bytes: int = 2**29  # of the process of an isolated read
    process_seconds: float = 60.0  # that an isolated read may take


LIMITS = AudioLimits()
STREAM_LIMITS = AudioLimits(file_bytes=2**33, seconds=24 * 3600.0, decoded_bytes=2**40)


def info(path: str | Path, limits: AudioLimits = LIMITS) -> AudioInfo:
    """Format, rate, channels and length of a sound file, without decoding it where the header holds the length.

    Raises:
        FileNotFoundError: no such file.
        AudioError: not a sound file, damaged, empty, or beyond the limits.
    """
    found = _declared(path, limits)
    if found.n_samples:
        return found
    n_samples = sum(len(block) for block in _native_blocks(path, found, limits))
    return replace(found, n_samples=n_samples)


def read(
    path: str | Path, rate: int | None = None, limits: AudioLimits = LIMITS, *, isolated: bool = False
) -> tuple[Samples, int]:
    """Mono float32 samples [N] within -1..1 and their rate; several channels are averaged.

    Args:
        path: the sound file.
        rate: samples per second wanted; None keeps the file's own.
        limits: what the file may cost.
        isolated: decode in a process of its own with bounded memory and time, so that a file that crashes the
            decoder costs that process only; a third of a second dearer.

    Raises:
        FileNotFoundError: no such file.
        AudioError: not a sound file, damaged, truncated, empty, not finite, or beyond the limits.
    """
    samples, own_rate = decode_apart(path, limits) if isolated else _decoded(path, limits)
    if rate is None:
        return samples, own_rate
    return resample(samples, own_rate, rate), rate


def _decoded(path: str | Path, limits: AudioLimits) -> tuple[Samples, int]:
    found = _declared(path, limits)
    return np.concatenate(list(_native_blocks(path, found, limits))), found.rate


def blocks(
    path: str | Path, seconds: float, rate: int | None = None, limits: AudioLimits = STREAM_LIMITS
) -> Iterator[Samples]:
    """Mono float32 blocks of a long sound file, one after the other without a seam; the last may be shorter.

    Joined they equal what `read` returns, up to rounding where they are resampled.

    Args:
        path: the sound file.
        seconds: length of a block.
        rate: samples per second wanted; None keeps the file's own.
        limits: what the file may cost; by default a day.

    Raises:
        FileNotFoundError: no such file.
        AudioError: as `read`, at the latest when the block with the fault is reached.
    """
    found = _declared(path, limits)
    size = round(seconds * (rate or found.rate))
    if size < 1:
        raise ValueError(f"seconds must hold at least one sample, got {seconds} at {rate or found.rate} Hz")
    stages: list[Stage] = [Resampler(found.rate, rate or found.rate), Regrouper(size)]
    return through(Chain(stages), _native_blocks(path, found, limits))


def write(path: str | Path, samples: npt.ArrayLike, rate: int) -> None:
    """Write mono samples [N] as 16-bit WAV or FLAC by the suffix; the file appears whole or not at all.

    Floats count from -1 to 1, int16 samples are written as they are.

    Raises:
        AudioError: another suffix, another shape, nothing to write, samples beyond -1..1 or not finite.
    """
    import soundfile

    target = Path(path)
    if target.suffix.lower() not in _SUBFORMATS:
        raise AudioError(f"{path}: sound is written as .wav or .flac, got the suffix {target.suffix!r}")
    pcm = _pcm(np.asarray(samples), target)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        soundfile.write(unfinished, pcm, rate, "PCM_16", format=_SUBFORMATS[target.suffix.lower()])
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _pcm(samples: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.int16]:
    if samples.ndim != 1 or not samples.size:
        raise AudioError(f"{path}: samples to write must have the shape [N], N > 0, got {list(samples.shape)}")
    if samples.dtype == np.int16:
        return samples.astype(np.int16, copy=False)
    values = samples.astype(np.float64)
    peak = np.abs(values).max()
    if not peak <= 1.0:
        raise AudioError(f"{path}: samples to write must lie within -1..1, the largest magnitude is {peak:.4g}")
    return np.clip(np.rint(values * 32768), -32768, 32767).astype(np.int16)


def _declared(path: str | Path, limits: AudioLimits) -> AudioInfo:
    """The header, refused when what it declares is beyond the limits."""
    found = header(path)
    size = Path(path).stat().st_size
    if size > limits.file_bytes:
        raise AudioError(f"{path}: the file may have {limits.file_bytes} bytes, it has {size}")
    if not 1 <= found.channels <= limits.channels:
        raise AudioError(f"{path}: 1 to {limits.channels} channels are read, the file declares {found.channels}")
    if not limits.lowest_rate <= found.rate <= limits.highest_rate:
        raise AudioError(
            f"{path}: rates from {limits.lowest_rate} to {limits.highest_rate} Hz are read, "
            f"the file declares {found.rate}"
        )
    if found.format in ("wav", "sphere") and not found.n_samples:
        raise AudioError(f"{path}: the file holds no samples")
    _check_length(found.n_samples, found.rate, limits, path)
    return found


def _check_length(n_samples: int, rate: int, limits: AudioLimits, path: str | Path) -> None:
    if n_samples > limits.seconds * rate:
        raise AudioError(
            f"{path}: sound may last {limits.seconds:g} s, this lasts {n_samples / rate:.0f} s or more; "
            "cut it into pieces, or read it in blocks with wider limits"
        )
    if 4 * n_samples > limits.decoded_bytes:
        raise AudioError(f"{path}: decoded sound may take {limits.decoded_bytes} bytes, this takes more")


def _native_blocks(path: str | Path, found: AudioInfo, limits: AudioLimits) -> Iterator[Samples]:
    """Mono blocks at the file's own rate, checked; what is declared and what is counted must agree at the end."""
    count = 0
    with _decoder(path, found) as sound:
        while True:
            # Bytes after the declared samples are no sound (SPHERE files often carry some).
            left = found.n_samples - count if found.n_samples else _BLOCK_FRAMES
            frames = sound.read(min(left, _BLOCK_FRAMES), dtype="float32", always_2d=True)
            if not len(frames):
                break
            count += len(frames)
            _check_length(count, found.rate, limits, path)
            yield _mono(frames, path)
    if not count:
        raise AudioError(f"{path}: the file holds no samples")
    if count < found.n_samples:
        raise AudioError(f"{path}: truncated or damaged: {found.n_samples} samples declared, {count} decoded")


@contextmanager
def _decoder(path: str | Path, found: AudioInfo) -> Iterator[SoundFile]:
    import soundfile

    try:
        with _forward_only(soundfile.SoundFile)(path) as sound:
            if (sound.samplerate, sound.channels) != (found.rate, found.channels):
                raise AudioError(f"{path}: the header is damaged, two readings of its rate and channels differ")
            yield sound
    except soundfile.SoundFileError as error:
        raise AudioError(f"{path}: damaged, it could not be decoded: {error}") from error


def _forward_only(sound_file: type[SoundFile]) -> type[SoundFile]:
    """The decoder without seeking, which fails in a FLAC file that leaves its length open."""
    return type("ForwardOnly", (sound_file,), {"seekable": lambda self: False})


def _mono(frames: Samples, path: str | Path) -> Samples:
    peak = np.abs(frames).max()
    if not np.isfinite(peak):
        raise AudioError(f"{path}: the file holds samples that are not finite numbers (NaN or infinity)")
    if peak > _LOUDEST:
        raise AudioError(
            f"{path}: float samples must lie within -1..1 (up to {_LOUDEST:g} is taken), got {peak:.4g}; "
            "if they count 16-bit steps, divide by 32768"
        )
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
