r"""Events as text: DCASE's tables, Audacity's label tracks, Raven's selection tables.

A DCASE table holds many recordings, one row an event: ``filename onset offset event_label``, here with ``low_hz
high_hz`` where bands are known; a row of a file name alone says that nothing happens in it. An Audacity track and a
Raven table hold one recording. Times are seconds, columns are parted by tabs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence

from speechcnn.events import Event
from speechcnn.transcripts.faults import TranscriptError, check_size, moment, raise_faults, seconds

_DCASE = ("filename", "onset", "offset", "event_label")
_BAND = ("low_hz", "high_hz")
_RAVEN = ("Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")
_SPECTRUM = "\\"  # begins the second line of an Audacity label that has a band


def write_dcase(recordings: Mapping[str, Sequence[Event]]) -> str:
    r"""A header, then one row an event in the order given; a recording without events gets a row of its name alone.

    Raises:
        TranscriptError: a name or a label that is empty or holds a tab or a line's end.

    >>> write_dcase({"a.wav": [Event("bell", 0.5, 2.0)]})
    'filename\tonset\toffset\tevent_label\na.wav\t0.50\t2.00\tbell\n'
    """
    raise_faults([_unfit(name, "file name") for name in recordings], "a DCASE table")
    _check_labels((one for own in recordings.values() for one in own), "a DCASE table")
    banded = any(one.band for own in recordings.values() for one in own)
    rows = [[*_DCASE, *(_BAND if banded else ())]]
    for name, own in recordings.items():
        rows += [[name, seconds(one.onset), seconds(one.offset), one.label, *_band(one, banded)] for one in own]
        if not own:
            rows.append([name, *[""] * (len(rows[0]) - 1)])
    return _joined(rows)


def read_dcase(text: str, source: str = "the DCASE table") -> dict[str, list[Event]]:
    """Events by file name, sorted by onset; a recording without events has an empty list.

    Raises:
        TranscriptError: a missing column, rows that hold no event; all faults named by `source` and line.
    """
    found: dict[str, list[Event]] = {}
    faults = []
    for number, row in _table(text, source, _DCASE):
        own = found.setdefault(row["filename"], [])
        if not (row["onset"] or row["offset"] or row["event_label"]):
            continue
        try:
            own.append(_event(row["event_label"], *(row.get(key, "") for key in (*_DCASE[1:3], *_BAND))))
        except ValueError as error:
            faults.append(f"line {number} {error}")
    raise_faults(faults, source)
    return {name: _sorted(own) for name, own in found.items()}


def write_audacity(events: Iterable[Event]) -> str:
    r"""One line an event, and a second one for its band (Audacity 2.1.3 and later).

    Raises:
        TranscriptError: a label that is empty or holds a tab or a line's end.

    >>> write_audacity([Event("bell", 0.5, 2.0, 400.0, 3000.0)])
    '0.50\t2.00\tbell\n\\\t400.00\t3000.00\n'
    """
    events = list(events)
    _check_labels(events, "a label track")
    rows = []
    for one in events:
        rows.append([seconds(one.onset), seconds(one.offset), one.label])
        if one.band:
            rows.append([_SPECTRUM, *_band(one, True)])
    return _joined(rows)


def read_audacity(text: str, source: str = "the label track") -> list[Event]:
    """Events of one recording, sorted by onset.

    Raises:
        TranscriptError: lines that hold no event, among them labels of a point in time, which have no length.
    """
    check_size(len(text), source)
    rows = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found, faults = [], []
    for place, (number, row) in enumerate(rows):
        if row[0] == _SPECTRUM:
            continue
        _, after = rows[place + 1] if place + 1 < len(rows) else (0, [""])
        try:
            onset, offset, *label = [*row, "", ""]
            found.append(_event("\t".join(label).strip(), onset, offset, *_spectrum(after)))
        except ValueError as error:
            faults.append(f"line {number} {error}")
    raise_faults(faults, source)
    return _sorted(found)


def write_raven(events: Iterable[Event], highest_hz: float) -> str:
    """Raven's selection table with an Annotation column; an event without a band reaches from 0 to `highest_hz`.

    Raises:
        TranscriptError: a label that is empty or holds a tab or a line's end.
    """
    events = list(events)
    _check_labels(events, "a selection table")
    rows = [["Selection", "View", "Channel", *_RAVEN, "Annotation"]]
    for number, one in enumerate(events, 1):
        low, high = one.band or (0.0, highest_hz)
        numbers = [seconds(value) for value in (one.onset, one.offset, low, high)]
        rows.append([str(number), "Spectrogram 1", "1", *numbers, one.label])
    return _joined(rows)


def read_raven(text: str, source: str = "the selection table", column: str = "Annotation") -> list[Event]:
    """Events of one recording, sorted by onset; `column` holds the labels. The views of one selection are one event.

    Raises:
        TranscriptError: a missing column, rows that hold no event.
    """
    found: dict[str, Event] = {}
    faults = []
    for number, row in _table(text, source, (*_RAVEN[:2], column)):
        times = (row.get(key, "") for key in _RAVEN)
        try:
            found.setdefault(row.get("Selection") or f"line {number}", _event(row[column], *times))
        except ValueError as error:
            faults.append(f"line {number} {error}")
    raise_faults(faults, source)
    return _sorted(found.values())


def _table(text: str, source: str, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows below a header with the numbers of their lines; every cell a text without space around it."""
    check_size(len(text), source)
    reader = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise TranscriptError(f"{source} must have the columns {', '.join(needed)}; {', '.join(missing)} is missing")
    return [(reader.line_num, {key: cell.strip() for key, cell in row.items() if key is not None}) for row in reader]


def _event(label: str, onset: str, offset: str, low_hz: str = "", high_hz: str = "") -> Event:
    if not label:
        raise ValueError("must have a label")
    start, end = moment(onset, "onset"), moment(offset, "offset")
    low = high = None
    if low_hz or high_hz:
        low, high = moment(low_hz, "lowest frequency"), moment(high_hz, "highest frequency")
    return Event(label, start, end, low, high)


def _spectrum(row: Sequence[str]) -> tuple[str, str]:
    """The band that a line of an Audacity track adds; one open at an end is none."""
    if row[0] != _SPECTRUM or len(row) < 3 or any(cell.strip().startswith("-") for cell in row[1:3]):
        return "", ""
    return row[1], row[2]


def _band(one: Event, wanted: bool) -> list[str]:
    if not wanted:
        return []
    return [seconds(value) for value in one.band] if one.band else ["", ""]


def _check_labels(events: Iterable[Event], what: str) -> None:
    raise_faults([_unfit(one.label, "label") for one in events], what)


def _unfit(name: str, what: str) -> str:
    if name.strip() and not any(letter in name for letter in "\t\n\r"):
        return ""
    return f"{what} {name!r} must not be empty or hold a tab or a line's end"


def _joined(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _sorted(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda one: (one.onset, one.offset, one.label))
