"""The tensors of a model file: a safetensors member whose header is checked before anything is allocated for it."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from speechcnn.bundle import strict_json

MOST_HEAD_BYTES = 2**20  # of the header and its length
MOST_TENSORS = 10_000
MOST_AXES = 8
_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){1,30}")
_LONGEST_NAME = 200


def outline(head: bytes, n_bytes: int) -> dict[str, Tensor]:
    """Return the tensors without their numbers (on the meta device).

    Args:
        head: the first `MOST_HEAD_BYTES` of the member, or all of it.
        n_bytes: the size of the whole member.

    Raises:
        ValueError: a header that is no strict JSON, names or types that models do not have, shapes that do not fit
            the bytes, overlaps or holes.
    """
    start, header = _header(head, n_bytes)
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _begin(*item)):
        end = _end(name, entry, end)
    if end != n_bytes - start:
        raise ValueError(f"the tensors need {end} bytes, {n_bytes - start} are there")
    return {
        name: torch.empty(entry["shape"], dtype=_TYPES[entry["dtype"]], device="meta") for name, entry in header.items()
    }


def load(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a member whose outline was checked.

    Raises:
        ValueError: numbers that are not finite.
    """
    tensors = load_safetensors(content)
    not_finite = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if not_finite:
        raise ValueError(f"numbers that are not finite in {', '.join(sorted(not_finite)[:5])}")
    return tensors


def check_fit(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Compare names, shapes and types of tensors; both may stand on the meta device, without numbers.

    Raises:
        ValueError: they differ; the sentence names the first three differences.
    """
    needed = {name: _kind(tensor) for name, tensor in wanted.items()}
    given = {name: _kind(tensor) for name, tensor in tensors.items()}
    faults = [
        f"{name} must be {needed.get(name, 'absent')}, is {given.get(name, 'absent')}"
        for name in sorted(needed.keys() | given.keys())
        if needed.get(name) != given.get(name)
    ]
    if faults:
        raise ValueError("; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else ""))


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _header(head: bytes, n_bytes: int) -> tuple[int, dict[str, Any]]:
    """Where the tensors' bytes start, and the header."""
    (length,) = struct.unpack("<Q", head[:8].ljust(8, b"\xff"))
    if 8 + length > min(MOST_HEAD_BYTES, n_bytes):
        raise ValueError("the header of the tensors is cut off or too long")
    header = strict_json.parse(head[8 : 8 + length], "the header of the tensors")
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise ValueError(f"the header of the tensors must be an object of up to {MOST_TENSORS} tensors")
    return 8 + length, header


def _begin(name: str, entry: Any) -> tuple[int, int]:
    """The tensor's place among the bytes, after checking that the entry has its form."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"{name[:_LONGEST_NAME]!r} is no name of a tensor")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} must have dtype, shape and data_offsets")
    if entry["dtype"] not in tuple(_TYPES):  # by comparison: what came may be a list
        raise ValueError(f"{name} must be one of {', '.join(_TYPES)}, got {entry['dtype']!r:.40}")
    if not (_whole(entry["shape"]) and _whole(entry["data_offsets"])):
        raise ValueError(f"{name} must have a shape and offsets of whole numbers")
    if len(entry["shape"]) > MOST_AXES or len(entry["data_offsets"]) != 2:
        raise ValueError(f"{name} must have up to {MOST_AXES} axes and two offsets")
    return entry["data_offsets"][0], entry["data_offsets"][1]


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**32 for value in values)


def _end(name: str, entry: Mapping[str, Any], before: int) -> int:
    begin, end = entry["data_offsets"]
    if begin != before:
        raise ValueError(f"{name} must start at byte {before}, where the tensor before it ends, not at {begin}")
    needed = math.prod(entry["shape"]) * _TYPES[entry["dtype"]].itemsize
    if end - begin != needed or 0 in entry["shape"]:
        raise ValueError(
            f"{name} of the shape {entry['shape']} needs {needed} bytes, more than none, not {end - begin}"
        )
    return end
