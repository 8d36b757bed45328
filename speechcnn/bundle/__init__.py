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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.torch import save as save_tensors
from torch import Tensor

from speechcnn.arguments import check_keys, shown
from speechcnn.bundle import archive, strict_json, tensors
from speechcnn.bundle.tensors import check_fit

__all__ = [
    "CARD",
    "FORMAT",
    "MANIFEST",
    "WEIGHTS",
    "Bundle",
    "BundleError",
    "check_fit",
    "check_task",
    "digest",
    "read",
    "task_of",
    "write",
]

FORMAT = 1
CARD, WEIGHTS, MANIFEST = "model.json", "weights.safetensors", "manifest.json"
MOST_BYTES = {CARD: 4 * 2**20, WEIGHTS: 2**31 - 2**24, MANIFEST: 64 * 2**10}  # in the order of the members


class BundleError(ValueError):
    """A file that is not a whole model file of a version this program reads."""


class OtherTask(ValueError):
    """A whole model file, of a model that does something else than was asked for."""


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
    members[MANIFEST] = manifest({name: digest(members[name]) for name in (CARD, WEIGHTS)})
    try:
        parse_card(members[CARD])
        tensors.outline(members[WEIGHTS], len(members[WEIGHTS]))
        tensors.load(members[WEIGHTS])
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


def read(path: Path, check: Callable[[Bundle], None] = lambda outline: None) -> Bundle:
    """Read a model file after checking its layout, its bounds and its sums, and bring it to the present format.

    Args:
        path: the model file.
        check: called with the card and the tensors without their numbers (on the meta device) before these are read;
            it raises a ValueError where they do not make a model, so that a large file of nonsense costs nothing.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is no model file, is damaged, or has a format that this version does not read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file.")
    try:
        with path.open("rb") as file:
            return read_open(file, check)
    except OtherTask as error:
        raise BundleError(f"{path}: {error}.") from error
    except (ValueError, SafetensorError) as error:
        raise BundleError(f"{path}: not a whole speechcnn model file ({error}).") from error


def check_task(content: Bundle, task: str, wanted: str, groups: Sequence[str]) -> None:
    """Check what a model is for, and that it has no tensors but those of the groups.

    Args:
        content: card and tensors.
        task: the one that is wanted.
        wanted: the class that was asked for, in words, for the message.
        groups: names before the first dot of the tensors' names.

    Raises:
        OtherTask: another task.
        ValueError: a group that is not known.
    """
    found = content.card.get("task")
    if found != task:
        raise OtherTask(f"a model for {shown(found)}; {wanted} was asked for")
    check_keys("tensors", sorted({name.split(".")[0] for name in content.tensors}), groups)


def task_of(path: Path) -> str:
    """Return what a model file is for, from its card alone.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is no model file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file.")
    try:
        with path.open("rb") as file:
            return str(parse_card(archive.content(file, archive.locate(file, MOST_BYTES)[CARD])).get("task"))
    except ValueError as error:
        raise BundleError(f"{path}: not a whole speechcnn model file ({error}).") from error


def read_open(file: BinaryIO, check: Callable[[Bundle], None]) -> Bundle:
    """Read an open model file, the large member last.

    Raises:
        ValueError: it is not a whole model file of a known format.
    """
    members = archive.locate(file, MOST_BYTES)
    text = archive.content(file, members[CARD])
    sums = archive.content(file, members[MANIFEST])
    card = parse_card(text)
    file.seek(members[WEIGHTS].start)
    head = file.read(min(tensors.MOST_HEAD_BYTES, members[WEIGHTS].size))
    check(migrated(Bundle(card, tensors.outline(head, members[WEIGHTS].size))))
    weights = archive.content(file, members[WEIGHTS])
    if sums != manifest({CARD: digest(text), WEIGHTS: digest(weights)}):
        raise ValueError("its content does not match its manifest")
    return migrated(Bundle(card, tensors.load(weights)))


def parse_card(text: bytes) -> dict[str, Any]:
    """Return the card.

    Raises:
        ValueError: it is no strict JSON object that names its format.
    """
    card = strict_json.parse(text, CARD)
    if not isinstance(card, dict) or type(card.get("format")) is not int:
        raise ValueError(f"{CARD} must be an object that names its format")
    return card


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


def manifest(sums: Mapping[str, str]) -> bytes:
    """Return the member that holds the sums of the others."""
    return json.dumps(sums, indent=1).encode()


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
