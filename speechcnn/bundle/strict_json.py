"""JSON from a stranger: bounded before it is parsed, and with nothing that JSON does not have.

Python's parser also takes NaN, repeated keys (the last one wins) and numbers that overflow to infinity; here they are
faults, and so are control characters in texts, which a terminal would obey.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

MOST_VALUES = 100_000
MOST_DEPTH = 16
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def parse(content: bytes, what: str) -> Any:
    """Return the value that UTF-8 encoded JSON stands for.

    Args:
        content: the JSON.
        what: its name in messages.

    Raises:
        ValueError: it is no JSON, nested too deep, holds too many values, repeated keys, numbers that are not finite
            or need more than 64 bits, or texts with control characters.
    """
    _check_size(content, what)
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_whole,
        )
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
    if any(_CONTROL.search(text) for text in _texts(value)):
        raise ValueError(f"{what}: a text holds control characters")
    return value


def _check_size(content: bytes, what: str) -> None:
    bare = _TEXT.sub(b"", content)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if sum(map(bare.count, (b",", b":", b"[", b"{"))) > MOST_VALUES or len(brackets) > 2 * MOST_VALUES:
        raise ValueError(f"{what} holds more than {MOST_VALUES} values")
    if max(accumulate(_STEP[one] for one in brackets), default=0) > MOST_DEPTH:
        raise ValueError(f"{what} is nested deeper than {MOST_DEPTH}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text[:20])


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise ValueError("a whole number needs more than 64 bits")
    return int(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
