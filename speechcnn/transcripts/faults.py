"""What every format shares: the error, the checks of names, seconds as text."""

from __future__ import annotations

import math
from collections.abc import Iterable

MOST_CHARACTERS = 2**25  # of a text that is read: all of TIMIT takes a third of it
MOST_FAULTS = 100  # that one text lists; a text of another format would list millions
DECIMALS = 6  # of seconds in text: a thirtieth of the shortest sample at 32 kHz


class TranscriptError(ValueError):
    """A text or a record that does not fit its format; the sentence lists every fault."""


def unfit(name: str, what: str, barred: str = "") -> str:
    """A sentence that says why a name cannot be written, "" when it can."""
    if name and not any(letter.isspace() or letter in barred for letter in name):
        return ""
    return f"{what} {name!r} must not be empty or hold white space{' or parentheses' if barred else ''}"


def raise_faults(faults: Iterable[str], source: str) -> None:
    """Raise a TranscriptError that lists the faults once each, where there are any."""
    told = list(dict.fromkeys(fault for fault in faults if fault))
    if told:
        listed = [*told[:MOST_FAULTS], *(["and more"] if len(told) > MOST_FAULTS else [])]
        raise TranscriptError(f"{source} has {len(told)} fault{'s' * (len(told) > 1)}: {'; '.join(listed)}")


def check_size(n_characters: int, source: str) -> None:
    """Raise a TranscriptError when a text is longer than one that is read."""
    if n_characters > MOST_CHARACTERS:
        raise TranscriptError(f"{source} may hold {MOST_CHARACTERS} characters, it holds {n_characters}")


def moment(value: str | float, what: str) -> float:
    """A finite number of at least 0; ValueError with `what` it is meant to be."""
    try:
        found = float(value)
    except (ValueError, OverflowError):
        found = math.nan
    if not 0 <= found < math.inf:
        raise ValueError(f"must have a number of at least 0 as {what}")
    return found


def seconds(value: float) -> str:
    """At least two decimals, at most six, none of the rest zeros."""
    whole, _, decimals = f"{value:.{DECIMALS}f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
