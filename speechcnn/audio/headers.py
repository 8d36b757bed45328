"""What the first bytes of a sound file say, read without the decoder and believed only as far as the file goes.

Formats: RIFF/WAVE (Microsoft and IBM, 1991), FLAC (RFC 9639), Ogg (RFC 3533), NIST SPHERE. Everything else is
refused here, before a decoder for rare formats sees a byte of it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_WAVE_CODINGS = {1: "PCM", 3: "float"}
_WAVE_NAMES = {2: "Microsoft ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM 6.10", 85: "MP3"}
_WAVE_BITS = {1: (8, 16, 24, 32), 3: (32, 64)}
_UNKNOWN_LENGTH = 0xFFFFFFFF  # what a program writes that streams a WAVE file into a pipe
_MOST_CHUNKS = 1000
_LONGEST_SPHERE_HEADER = 2**16
_LONGEST_OGG_PAGE = 27 + 255 + 255 * 255
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")  # str.isdigit would also take a superscript two
_REFUSED = {
    b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xf2": "MP3", b"FORM": "AIFF", b".snd": "AU",
    b"RIFX": "big-endian RIFF", b"RF64": "RF64", b"riff": "Wave64", b"caff": "CAF", b"MATLAB": "MAT",
    b"Creative": "VOC", b"\x64\xa3": "IRCAM", b"#!AMR": "AMR", b"wvpk": "WavPack", b"\x1aE\xdf\xa3": "Matroska",
    b"ajkg": "Shorten", b"PK\x03\x04": "zip",
}  # fmt: skip
_ADVICE = "convert it to WAV or FLAC first (for example: ffmpeg -i IN OUT.flac)"
_SPHERE_ADVICE = "convert it first: sph2pipe -f wav IN OUT.wav, or sox IN OUT.wav"


class AudioError(ValueError):
    """A sound file that cannot or must not be read; the message names the file and the cause."""


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file declares, checked against its size."""

    format: str  # wav, flac, ogg or sphere
    rate: int  # samples per second
    channels: int
    n_samples: int  # per channel; 0 where the file leaves it open

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.n_samples / self.rate


def sniff(path: str | Path) -> str:
    """Format of a sound file by its first bytes: ``wav``, ``flac``, ``ogg`` or ``sphere``.

    Raises:
        FileNotFoundError: no such file.
        AudioError: a folder, an empty file, or a format that is not read here.
    """
    with open_binary(path) as file:
        start = file.read(64)
    found = _format(start)
    if found:
        return found
    raise AudioError(f"{path}: {_refusal(start)}")


def header(path: str | Path) -> AudioInfo:
    """What the header declares; for Ogg, whose header holds no length, the length is 0.

    Raises:
        AudioError: a header that contradicts itself or the size of the file, or a coding that is not read here.
    """
    kind = sniff(path)
    with open_binary(path) as file:
        try:
            return _PARSERS[kind](file, Path(path))
        except (struct.error, IndexError):
            raise AudioError(f"{path}: truncated within the {kind} header") from None


def open_binary(path: str | Path) -> BinaryIO:
    """Open a file for reading; FileNotFoundError and AudioError say why it cannot be."""
    if Path(path).is_dir():
        raise AudioError(f"{path}: this is a folder, a sound file is needed")
    if Path(path).exists() and not Path(path).is_file():  # opening a pipe would wait for ever
        raise AudioError(f"{path}: this is a pipe or a device, a sound file is needed")
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such sound file") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened: {error.strerror}") from error


def _format(start: bytes) -> str:
    if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
        return "wav"
    if start[:4] == b"OggS" and (b"\x01vorbis" in start or b"OpusHead" in start):
        return "ogg"
    return {b"fLaC": "flac", b"NIST": "sphere"}.get(start[:4], "")


def _refusal(start: bytes) -> str:
    allowed = "read are WAV (PCM, float), FLAC, Ogg (Vorbis, Opus) and NIST SPHERE"
    if not start:
        return f"the file is empty (0 bytes); {allowed}"
    name = next((name for magic, name in _REFUSED.items() if start.startswith(magic)), "")
    name = name or ("MP4" if start[4:8] == b"ftyp" else "") or ("Ogg of another codec" if start[:4] == b"OggS" else "")
    if name:
        return f"{name} is not read here; {allowed}; {_ADVICE}"
    return f"not a sound file that is read here, it starts with {start[:16]!r}; {allowed}"


def _file_bytes(file: BinaryIO) -> int:
    here = file.tell()
    size = file.seek(0, 2)
    file.seek(here)
    return size


def _wave(file: BinaryIO, path: Path) -> AudioInfo:
    size = _file_bytes(file)
    file.seek(12)
    form = b""
    for _ in range(_MOST_CHUNKS):
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"data":
            return _wave_info(form, length, size - file.tell(), path)
        if name == b"fmt ":
            form = file.read(min(length, 40))
            file.seek(length - len(form), 1)
        else:
            file.seek(length, 1)
        file.seek(length % 2, 1)
    raise AudioError(f"{path}: no data chunk among the first {_MOST_CHUNKS} chunks of this WAV file")


def _wave_info(form: bytes, declared: int, present: int, path: Path) -> AudioInfo:
    coding, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", form[:16])
    if coding == 0xFFFE:
        (coding,) = struct.unpack("<H", form[24:26])
    if bits not in _WAVE_BITS.get(coding, ()):
        name = _WAVE_NAMES.get(coding, _WAVE_CODINGS.get(coding, f"coding {coding}"))
        raise AudioError(f"{path}: WAV with {name} of {bits} bits is not read here; {_ADVICE}")
    if channels < 1 or frame_bytes != channels * bits // 8:
        raise AudioError(
            f"{path}: the WAV header contradicts itself: "
            f"{channels} channels of {bits} bits in frames of {frame_bytes} bytes"
        )
    if declared == _UNKNOWN_LENGTH:
        declared = present
    if declared > present:
        raise AudioError(f"{path}: truncated: the data chunk declares {declared} bytes, {present} are there")
    return AudioInfo("wav", rate, channels, declared // frame_bytes)


def _flac(file: BinaryIO, path: Path) -> AudioInfo:
    file.seek(4)
    block = file.read(38)
    if block[0] & 0x7F != 0:
        raise AudioError(f"{path}: a FLAC file must start with its stream information, this one does not")
    # STREAMINFO: 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples (RFC 9639, section 8.2).
    (packed,) = struct.unpack(">Q", block[14:22])
    return AudioInfo("flac", packed >> 44, (packed >> 41 & 7) + 1, packed & (2**36 - 1))


def _ogg(file: BinaryIO, path: Path) -> AudioInfo:
    _check_last_page(file, path)
    file.seek(0)
    start = file.read(64)
    vorbis = start.find(b"\x01vorbis")
    if vorbis < 0:
        opus = start.index(b"OpusHead")
        return AudioInfo("ogg", 48000, start[opus + 9], 0)
    channels, rate = struct.unpack("<BI", start[vorbis + 11 : vorbis + 16])
    return AudioInfo("ogg", rate, channels, 0)


def _check_last_page(file: BinaryIO, path: Path) -> None:
    """Refuse an Ogg file that ends within a page: the decoder would return a shorter sound without a word."""
    size = _file_bytes(file)
    file.seek(max(0, size - _LONGEST_OGG_PAGE))
    tail = file.read()
    page = tail[tail.rindex(b"OggS") :] if b"OggS" in tail else b""
    n_segments = page[26] if len(page) > 26 else 255
    if len(page) < 27 + n_segments + sum(page[27 : 27 + n_segments]):
        raise AudioError(f"{path}: truncated: the last page of this Ogg file is incomplete")


def _sphere(file: BinaryIO, path: Path) -> AudioInfo:
    fields, header_bytes = _sphere_fields(file, path)
    coding = fields.get("sample_coding", "pcm")
    sample_bytes = _sphere_number(fields, "sample_n_bytes", 2, path)
    if coding != "pcm" or sample_bytes != 2:
        raise AudioError(
            f"{path}: SPHERE with the coding {coding!r:.60} of {sample_bytes} bytes is not read here, only 16-bit PCM; "
            f"{_SPHERE_ADVICE}"
        )
    order = fields.get("sample_byte_format", "")
    if order not in ("01", "10"):
        raise AudioError(f"{path}: sample_byte_format in the SPHERE header must be 01 or 10, got {order!r:.60}")
    channels = _sphere_number(fields, "channel_count", 1, path)
    rate = _sphere_number(fields, "sample_rate", 16000, path)
    present = max(0, _file_bytes(file) - header_bytes) // (2 * max(1, channels))
    declared = _sphere_number(fields, "sample_count", present, path)
    if declared > present:
        raise AudioError(f"{path}: truncated: sample_count declares {declared} samples, {present} are there")
    return AudioInfo("sphere", rate, channels, declared)


def _sphere_fields(file: BinaryIO, path: Path) -> tuple[dict[str, str], int]:
    first = file.read(16).split(b"\n")
    if first[0] != b"NIST_1A" or not first[1].strip().isdigit():
        raise AudioError(f"{path}: a SPHERE header must start with NIST_1A and its length, got {b' '.join(first)!r}")
    length = int(first[1])
    if not 16 < length <= _LONGEST_SPHERE_HEADER:
        raise AudioError(
            f"{path}: a SPHERE header has up to {_LONGEST_SPHERE_HEADER} bytes, this one declares {length}"
        )
    text = file.read(length - 16).decode("latin-1").split("end_head")[0]
    rows = (line.split(None, 2) for line in text.splitlines())
    return {row[0]: row[2].strip() for row in rows if len(row) == 3}, length


def _sphere_number(fields: dict[str, str], name: str, default: int, path: Path) -> int:
    value = fields.get(name, str(default))
    if not _WHOLE_NUMBER.fullmatch(value):
        raise AudioError(f"{path}: {name} in the SPHERE header must be a whole number, got {value!r:.60}")
    return int(value)


_PARSERS: dict[str, Callable[[BinaryIO, Path], AudioInfo]] = {
    "wav": _wave,
    "flac": _flac,
    "ogg": _ogg,
    "sphere": _sphere,
}
