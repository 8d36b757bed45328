"""The zip around a model file's members: one layout, byte for byte.

Any zip program can list and unpack such a file, but only this layout is read: members stored one after the other in a
fixed order, without comments, extra fields or dates of their own. A reader that knows every byte beforehand has no
choices that a hostile file could make for it, and a changed bit shows wherever it falls.

Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _DATE = 20, 0x21  # zip 2.0; 1 January 1980: the same model gives the same bytes
_MADE_BY, _MODE = 3 << 8 | _VERSION, 0o600 << 16  # a Unix file that its owner may read and write
_SEAL_FIELDS = slice(14, 22)  # checksum and size


def pack(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """Return the bytes of the archive, piece by piece."""
    seals = {name: (zlib.crc32(content), len(content)) for name, content in members.items()}
    for name, content in members.items():
        yield _local(name, *seals[name])
        yield content
    yield _directory(seals)


@dataclass(frozen=True)
class Member:
    """Where a member's content lies in the file."""

    name: str
    start: int
    size: int
    crc: int


def locate(file: BinaryIO, most_bytes: Mapping[str, int]) -> dict[str, Member]:
    """Find the members without reading them; `most_bytes` names them in their order with the size each may have.

    Raises:
        ValueError: the file is laid out in any other way than `pack` does it.
    """
    size = os.fstat(file.fileno()).st_size
    members: dict[str, Member] = {}
    for name, most in most_bytes.items():
        members[name] = _member(file, name, min(most, size - file.tell()))
        file.seek(members[name].size, os.SEEK_CUR)
    directory = _directory({member.name: (member.crc, member.size) for member in members.values()})
    if file.read(len(directory) + 1) != directory:
        raise ValueError(f"it must hold {', '.join(most_bytes)} and nothing else, as this program writes them")
    return members


def content(file: BinaryIO, member: Member) -> bytes:
    """Return a member's bytes.

    Raises:
        ValueError: they are not the ones that were written.
    """
    file.seek(member.start)
    found = file.read(member.size)
    if zlib.crc32(found) != member.crc:
        raise ValueError(f"{member.name} was changed after it was written")
    return found


def _member(file: BinaryIO, name: str, most: int) -> Member:
    header = file.read(_LOCAL.size + len(name))
    if header[:4] != b"PK\x03\x04":
        raise ValueError(f"no zip archive, or {name} is missing")
    crc, size = struct.unpack("<2L", header[_SEAL_FIELDS].ljust(8, b"\0"))
    if header != _local(name, crc, size):
        raise ValueError(f"{name} is not stored as this program writes it")
    if size > most:
        raise ValueError(f"{name} is cut off or too large")
    return Member(name, file.tell(), size, crc)


def _local(name: str, crc: int, size: int) -> bytes:
    return _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DATE, crc, size, size, len(name), 0) + name.encode()


def _directory(seals: Mapping[str, tuple[int, int]]) -> bytes:
    offset, entries = 0, b""
    for name, (crc, size) in seals.items():
        fields = (_MADE_BY, _VERSION, 0, 0, 0, _DATE, crc, size, size, len(name), 0, 0, 0, 0, _MODE, offset)
        entries += _CENTRAL.pack(b"PK\x01\x02", *fields) + name.encode()
        offset += _LOCAL.size + len(name) + size
    return entries + _END.pack(b"PK\x05\x06", 0, 0, len(seals), len(seals), len(entries), offset, 0)
