"""The model file `*.speechcnn`: an uncompressed zip of `model.json`, `weights.safetensors` and their SHA-256 sums.

Nothing in it is code. It is read by named members and never unpacked; the model is built through the tables of
names that configurations use, so a file can only choose among the project's own classes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

FORMAT = 1
CARD, WEIGHTS, MANIFEST = "model.json", "weights.safetensors", "manifest.json"
MOST_BYTES = {CARD: 16 * 2**20, WEIGHTS: 2 * 2**30, MANIFEST: 64 * 2**10}
EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed time stamp: the same model gives the same bytes


class BundleError(ValueError):
    """A file that is not a whole model file of a version this program reads."""


@dataclass(frozen=True)
class Bundle:
    """What a model file holds: the card (plain data) and named tensors ("model.first.weight")."""

    card: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """Return the tensors under one prefix, without it."""
        return {key.removeprefix(f"{name}."): t for key, t in self.tensors.items() if key.startswith(f"{name}.")}


def write(path: Path, bundle: Bundle) -> None:
    """Write a model file whole or not at all."""
    members = {
        CARD: json.dumps({"format": FORMAT, **bundle.card}, indent=1, ensure_ascii=False).encode(),
        WEIGHTS: save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in bundle.tensors.items()}),
    }
    members[MANIFEST] = json.dumps({name: digest(content) for name, content in members.items()}, indent=1).encode()
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, EARLIEST_DATE), content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read(path: Path) -> Bundle:
    """Read a model file after checking its members, their sizes and their sums.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is no model file, is damaged, or has another format version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file.")
    try:
        with (
            path.open("rb") as file,
            zipfile.ZipFile(io.BytesIO(bounded(file.read(sum(MOST_BYTES.values()) + 1)))) as archive,
        ):
            members = read_members(archive)
        card = json.loads(members[CARD])
        if not isinstance(card, dict) or card.get("format") != FORMAT:
            raise BundleError(f"its format is not {FORMAT}, the one that this version reads")
        return Bundle(card, load_tensors(members[WEIGHTS]))
    except (BundleError, zipfile.BadZipFile, SafetensorError, ValueError, RecursionError, KeyError) as error:
        raise BundleError(f"{path}: not a whole speechcnn model file ({error}).") from error


def bounded(content: bytes) -> bytes:
    """Refuse a file above the largest size that a model file can have."""
    if len(content) > sum(MOST_BYTES.values()):
        raise BundleError("it is larger than a model file can be")
    return content


def read_members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Return the three members' bytes, after checking names, storage, sizes and sums."""
    names = [entry.filename for entry in archive.infolist()]
    if sorted(names) != sorted(MOST_BYTES):
        raise BundleError(f"it must hold {', '.join(MOST_BYTES)} and nothing else")
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > MOST_BYTES[entry.filename]:
            raise BundleError(f"{entry.filename} is compressed or too large")
    members = {name: archive.read(name) for name in names}
    if json.loads(members[MANIFEST]) != {name: digest(members[name]) for name in (CARD, WEIGHTS)}:
        raise BundleError("its content does not match its manifest")
    return members


def digest(content: bytes) -> str:
    """Return the SHA-256 sum in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
