"""A list of SHA-256 sums at a corpus's root, `SHA256SUMS`, as `sha256sum` writes and checks it.

A flipped bit in a WAV file cannot be seen otherwise. Made corpora carry such a list; for others, run in their root
`find . -type f -not -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speechcnn.corpora import CorpusError, Fault

NAME = "SHA256SUMS"
CHANGED = f"the file is not the one that {NAME} lists: it was changed or damaged"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?(.+)")


@dataclass(frozen=True)
class Checksums:
    """Sums by path; a file that is not listed is not judged."""

    sums: Mapping[Path, str]

    def hold_for(self, path: Path) -> bool:
        """Say whether a file is as it was listed."""
        return path not in self.sums or self.sums[path] == sha256(path)


def read(root: Path) -> Checksums:
    """Return the sums that stand at a corpus's root; none when there is no list.

    Raises:
        CorpusError: a line of the list cannot be understood.
    """
    path = root / NAME
    if not path.is_file():
        return Checksums({})
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    bad = [number for number, match in enumerate(found, 1) if not match]
    if bad:
        raise CorpusError(
            f"{path}, line {bad[0]}: a line must hold a SHA-256 sum and a path, got {lines[bad[0] - 1]!r}"
        )
    return Checksums({root / match[2]: match[1] for match in found if match})


def write(root: Path) -> None:
    """List every file below a root; the list appears whole or not at all."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != NAME)
    part = root / f".{NAME}.{os.getpid()}.part"
    part.write_text("".join(f"{sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in files))
    part.replace(root / NAME)


def faults(root: Path) -> list[Fault]:
    """Return what is not as it was listed."""
    try:
        sums = read(root)
    except CorpusError as error:
        return [Fault.of(root / NAME, error)]
    missing = [Fault(path, 0, f"the file is missing, {NAME} lists it") for path in sums.sums if not path.is_file()]
    return missing + [Fault(path, 0, CHANGED) for path in sums.sums if path.is_file() and not sums.hold_for(path)]


def sha256(path: Path) -> str:
    """Return a file's SHA-256 sum in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
