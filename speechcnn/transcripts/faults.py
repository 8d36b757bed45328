"""What every format shares: the error, the checks of names, seconds as text."""

from __future__ import annotations

from collections.abc import Iterable

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
        raise TranscriptError(f"{source} has {len(told)} fault{'s' * (len(told) > 1)}: {'; '.join(told)}")


def seconds(value: float) -> str:
    """At least two decimals, at most six, none of the rest zeros."""
    whole, _, decimals = f"{value:.{DECIMALS}f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
