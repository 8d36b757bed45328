"""The model file `*.speechcnn`: an uncompressed zip of `model.json`, `weights.safetensors` and their SHA-256 sums.

Nothing in it is code. It is read by named members and never unpacked; the model is built through the tables of
names that configurations use, so a file can only choose among the project's own classes. Sizes, counts, names, types,
shapes and depth are bounded before memory is spent on them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save as save_tensors
from torch import Tensor

from speechcnn.bundle import archive, strict_json, tensors
from speechcnn.bundle.tensors import check_fit

__all__ = ["CARD", "FORMAT", "MANIFEST", "WEIGHTS", "Bundle", "BundleError", "check_fit", "digest", "read", "write"]

FORMAT = 1
CARD, WEIGHTS, MANIFEST = "model.json", "weights.safetensors", "manifest.json"
MOST_BYTES = {CARD: 4 * 2**20, WEIGHTS: 2**31 - 2**24, MANIFEST: 64 * 2**10}  # in the order of the members


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


# How a bundle of one format becomes one of the next. An entry stays for ever, as does tests/data/format_N.speechcnn.
MIGRATIONS: Mapping[int, Callable[[Bundle], Bundle]] = {}


def write(path: Path, bundle: Bundle) -> None:
    """Write a model file whole or not at all; figures that are not finite are written as null.

    Raises:
        BundleError: `read` would refuse the file; nothing is written.
    """
    card = json.dumps({"format": 0, **_finite(bundle.card)} | {"format": FORMAT}, indent=1, ensure_ascii=False)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in bundle.tensors.items()}
    members = {CARD: card.encode(), WEIGHTS: save_tensors(contiguous)}
    members[MANIFEST] = manifest(members)
    try:
        parse(members)
    except ValueError as error:
        raise BundleError(f"{path}: this cannot be kept in a model file ({error}).") from error
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.writelines(archive.pack(members))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Bundle:
    """Read a model file after checking its layout, its bounds and its sums, and bring it to the present format.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is no model file, is damaged, or has a format that this version does not read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file.")
    try:
        with path.open("rb") as file:
            members = archive.unpack(file, MOST_BYTES)
        return migrated(parse(members))
    except (ValueError, SafetensorError) as error:
        raise BundleError(f"{path}: not a whole speechcnn model file ({error}).") from error


def parse(members: Mapping[str, bytes]) -> Bundle:
    """Return what the members hold, in the format they were written in.

    Raises:
        ValueError: the sums do not fit, or a member is not what it must be.
    """
    if members[MANIFEST] != manifest(members):
        raise ValueError("its content does not match its manifest")
    card = strict_json.parse(members[CARD], CARD)
    if not isinstance(card, dict) or type(card.get("format")) is not int:
        raise ValueError(f"{CARD} must be an object that names its format")
    return Bundle(card, tensors.parse(members[WEIGHTS]))


def migrated(bundle: Bundle) -> Bundle:
    """Bring a bundle to the present format.

    Raises:
        ValueError: its format is newer than this version, or unknown.
    """
    while (found := bundle.card["format"]) != FORMAT:
        if found not in MIGRATIONS:
            advice = "; it was written by a newer version, update speechcnn" if found > FORMAT else ""
            raise ValueError(f"its format is {found}, this version reads 1 to {FORMAT}{advice}")
        bundle = MIGRATIONS[found](bundle)
    return bundle


def manifest(members: Mapping[str, bytes]) -> bytes:
    """Return the member that holds the sums of the others."""
    return json.dumps({name: digest(members[name]) for name in (CARD, WEIGHTS)}, indent=1).encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 sum in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _finite(value: Any) -> Any:
    """Plain data in which figures without a value (an error rate over nothing) are None, as JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
