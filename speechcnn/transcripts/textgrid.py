"""Praat's TextGrid: one interval tier."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from speechcnn.labels import Segment
from speechcnn.transcripts.faults import DECIMALS, TranscriptError, check_size, raise_faults, seconds

# A TextGrid is the sequence of its strings, <flags> and numbers that stand free; all other text is for the human eye.
# So one reader takes Praat's long and its short form.
_VALUE = re.compile(r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)<(?P<flag>\w+)>|(?<!\S)(?P<number>[-+]?\d[\d.eE+-]*)(?!\S)')
_PHONE_TIERS = ("phones", "phone", "phn")  # names by which a tier is taken when none is asked for


def write_textgrid(segments: Iterable[Segment], duration: float | None = None, tier: str = "phones") -> str:
    """A Praat TextGrid with one interval tier; time without a segment becomes an interval without a label.

    `duration` is the length of the recording, by default the end of the last segment.

    Raises:
        TranscriptError: segments that overlap, end before they start or pass `duration`.
    """
    ordered = sorted(segments, key=lambda one: (one.start, one.end))
    end = max((one.end for one in ordered), default=0.0) if duration is None else duration
    raise_faults(_grid_faults(ordered, end), "a TextGrid tier")
    intervals = _gapless(ordered, end)
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {seconds(end)}"]
    head += ["tiers? <exists>", "size = 1", "item []:", "    item [1]:", '        class = "IntervalTier"']
    head += [f"        name = {_quoted(tier)}", "        xmin = 0", f"        xmax = {seconds(end)}"]
    head += [f"        intervals: size = {len(intervals)}"]
    body = [line for number, one in enumerate(intervals, 1) for line in _grid_interval(number, one)]
    return "\n".join(head + body) + "\n"


def read_textgrid(text: str, source: str = "the TextGrid", tier: str = "") -> list[Segment]:
    """Segments of one interval tier, of Praat's long or short form; intervals without a label are left out.

    Without `tier` it is the one named phones, phone or phn (also "speaker - phones"), or else the only one.

    Raises:
        TranscriptError: no whole TextGrid, no such tier, or several and none of these names.
    """
    check_size(len(text), source)
    try:
        tiers = _interval_tiers(_VALUE.finditer(text))
    except (StopIteration, ValueError) as error:
        raise TranscriptError(
            f"{source} must be a whole TextGrid in Praat's text form ({str(error) or 'it ends early'})"
        ) from None
    return [one for one in tiers[_chosen(list(tiers), tier, source)] if one.label.strip()]


def _interval_tiers(values: Iterator[re.Match[str]]) -> dict[str, list[Segment]]:
    if (_text(values), _text(values)) not in (("ooTextFile", "TextGrid"), ("ooTextFile short", "TextGrid")):
        raise ValueError("it does not begin as one")
    _number(values), _number(values)
    if next(values)["flag"] != "exists":
        raise ValueError("it holds no tier")
    tiers: dict[str, list[Segment]] = {}
    for _ in range(int(_number(values))):
        kind, name = _text(values), _text(values)
        _number(values), _number(values)
        if kind == "IntervalTier":
            tiers.setdefault(name, _intervals(values))
        else:
            _pass_points(values)
    return tiers


def _intervals(values: Iterator[re.Match[str]]) -> list[Segment]:
    found = []
    for _ in range(int(_number(values))):
        start, end, label = _number(values), _number(values), _text(values)
        found.append(Segment(label.strip(), start, end))
    return found


def _pass_points(values: Iterator[re.Match[str]]) -> None:
    for _ in range(int(_number(values))):
        _number(values), _text(values)


def _text(values: Iterator[re.Match[str]]) -> str:
    found = next(values)
    if found["text"] is None:
        raise ValueError(f"{found[0]} stands where a quoted text is due")
    return found["text"].replace('""', '"')


def _number(values: Iterator[re.Match[str]]) -> float:
    found = next(values)
    if found["number"] is None:
        raise ValueError(f"{found[0]} stands where a number is due")
    value = float(found["number"])
    if not math.isfinite(value):
        raise ValueError(f"{found[0]} stands where a finite number is due")
    return value


def _chosen(names: Sequence[str], wanted: str, source: str) -> str:
    known = (wanted,) if wanted else _PHONE_TIERS
    found = [name for name in names if name.lower().rpartition(" - ")[2] in known or name == wanted]
    if not found and not wanted and len(names) == 1:
        found = list(names)
    if len(found) != 1:
        rule = f"one interval tier named {' or '.join(known)}"
        raise TranscriptError(f"{source} must have {rule}, its interval tiers are: {', '.join(names) or 'none'}")
    return found[0]


def _grid_faults(ordered: Sequence[Segment], end: float) -> Iterable[str]:
    reached = 0.0
    for one in ordered:
        shown = f"{one.label!r} ({seconds(one.start)} to {seconds(one.end)})"
        if one.end <= one.start:
            yield f"{shown} must end after it starts"
        elif round(one.start - reached, DECIMALS) < 0:
            yield f"{shown} must not overlap what ends at {seconds(reached)}"
        reached = max(reached, one.end)
        if round(one.end - end, DECIMALS) > 0:
            yield f"{shown} must end within the recording of {seconds(end)} s"


def _gapless(ordered: Sequence[Segment], end: float) -> list[Segment]:
    filled: list[Segment] = []
    reached = 0.0
    for one in [*ordered, Segment("", end, end)]:
        if round(one.start - reached, DECIMALS) > 0:
            filled.append(Segment("", reached, one.start))
        if one.end > one.start:
            filled.append(one)
        reached = one.end
    return filled


def _grid_interval(number: int, one: Segment) -> list[str]:
    times = [f"            xmin = {seconds(one.start)}", f"            xmax = {seconds(one.end)}"]
    return [f"        intervals [{number}]:", *times, f"            text = {_quoted(one.label)}"]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
