"""Transcripts as text: sclite's trn and ctm, TIMIT's phn, Praat's TextGrid, JSON.

Every function turns records into a string or a string into records; files are the caller's business. Times are
seconds. A reader lists all faults of its text at once, each with its line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence

from speechcnn.labels import Segment

_MOST_CHARACTERS = 2**25  # of a text that is read: all of TIMIT takes a third of it
_MOST_FAULTS = 100  # that one text lists; a text of another format would list millions
_DECIMALS = 6  # of seconds in text: a thirtieth of the shortest sample at 32 kHz


class TranscriptError(ValueError):
    """A text or a record that does not fit its format; the sentence lists every fault."""


def write_trn(transcripts: Mapping[str, Sequence[str]]) -> str:
    r"""One line an utterance: labels, then the utterance id in parentheses (sclite's trn).

    Raises:
        TranscriptError: a label or an id that holds white space or is empty, an id with parentheses.

    >>> write_trn({"fadg0_si1279": ["h#", "sh"]})
    'h# sh (fadg0_si1279)\n'
    """
    faults = [_unfit(label, "label") for labels in transcripts.values() for label in labels]
    faults += [_unfit(utterance, "utterance id", "()") for utterance in transcripts]
    _raise(faults, "a trn line")
    return "".join(" ".join([*labels, f"({name})"]) + "\n" for name, labels in transcripts.items())


def read_trn(text: str, source: str = "the trn text") -> dict[str, list[str]]:
    """Labels by utterance id; empty lines and lines that begin with ``;;`` are passed over.

    Raises:
        TranscriptError: lines without an id in parentheses at their end, ids that stand twice; named by `source`.
    """
    found: dict[str, list[str]] = {}
    faults = []
    for number, line in _lines(text, source):
        labels, opened, end = line.rpartition("(")
        utterance = end[:-1]
        if not opened or end[-1:] != ")" or _unfit(utterance, "id", "()"):
            faults.append(f"line {number} must end in (utterance-id), got {line[:60]!r}")
        elif utterance in found:
            faults.append(f"line {number} repeats utterance {utterance}")
        else:
            found[utterance] = labels.split()
    _raise(faults, source)
    return found


def write_ctm(utterances: Mapping[str, Sequence[Segment]], channel: str = "1") -> str:
    r"""One line a segment: utterance, channel, start, duration, label and, where known, posterior (sclite's ctm).

    An utterance without segments leaves no line: `read_ctm` cannot bring it back.

    Raises:
        TranscriptError: a label or an id that holds white space or is empty.

    >>> write_ctm({"utt": [Segment("sh", 0.1, 0.25, 0.9)]})
    'utt 1 0.10 0.15 sh 0.9000\n'
    """
    faults = [_unfit(one.label, "label") for segments in utterances.values() for one in segments]
    faults += [_unfit(utterance, "utterance id") for utterance in utterances]
    _raise(faults, "a ctm line")
    return "".join(f"{name} {channel} {_ctm_end(one)}\n" for name, own in utterances.items() for one in own)


def read_ctm(text: str, source: str = "the ctm text") -> dict[str, list[Segment]]:
    """Segments by utterance id, sorted by start; empty lines and ``;;`` comments are passed over.

    Raises:
        TranscriptError: lines that are not ``utterance channel start duration label [posterior]``, negative times.
    """
    found: dict[str, list[Segment]] = {}
    faults = []
    for number, line in _lines(text, source):
        try:
            utterance, segment = _ctm_record(line)
        except ValueError as error:
            faults.append(f"line {number} {error}, got {line[:60]!r}")
        else:
            found.setdefault(utterance, []).append(segment)
    _raise(faults, source)
    return {name: sorted(segments, key=lambda one: one.start) for name, segments in found.items()}


def write_phn(segments: Iterable[Segment], rate: int = 16000) -> str:
    r"""One line a segment: first sample, sample after the last, label (TIMIT's phn).

    Raises:
        TranscriptError: a label that holds white space or is empty.

    >>> write_phn([Segment("h#", 0.0, 0.1), Segment("sh", 0.1, 0.25)])
    '0 1600 h#\n1600 4000 sh\n'
    """
    segments = list(segments)
    _raise([_unfit(one.label, "label") for one in segments], "a phn line")
    return "".join(f"{round(one.start * rate)} {round(one.end * rate)} {one.label}\n" for one in segments)


def write_textgrid(segments: Iterable[Segment], duration: float | None = None, tier: str = "phones") -> str:
    """A Praat TextGrid with one interval tier; time without a segment becomes an interval without a label.

    `duration` is the length of the recording, by default the end of the last segment.

    Raises:
        TranscriptError: segments that overlap, end before they start or pass `duration`.
    """
    ordered = sorted(segments, key=lambda one: (one.start, one.end))
    end = max((one.end for one in ordered), default=0.0) if duration is None else duration
    _raise(_grid_faults(ordered, end), "a TextGrid tier")
    intervals = _gapless(ordered, end)
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(end)}"]
    head += ["tiers? <exists>", "size = 1", "item []:", "    item [1]:", '        class = "IntervalTier"']
    head += [f"        name = {_quoted(tier)}", "        xmin = 0", f"        xmax = {_seconds(end)}"]
    head += [f"        intervals: size = {len(intervals)}"]
    body = [line for number, one in enumerate(intervals, 1) for line in _grid_interval(number, one)]
    return "\n".join(head + body) + "\n"


def write_json(utterances: Mapping[str, Sequence[Segment]]) -> str:
    r"""An object of utterance ids, each with a list of segments (label, start, end and, where known, posterior).

    >>> write_json({"utt": [Segment("sh", 0.1, 0.25)]})
    '{\n "utt": [\n  {"label": "sh", "start": 0.1, "end": 0.25}\n ]\n}\n'
    """
    blocks = [f" {_json(name)}: {_json_list(segments)}" for name, segments in utterances.items()]
    return "{\n" + ",\n".join(blocks) + "\n}\n" if blocks else "{}\n"


def read_json(text: str, source: str = "the JSON text") -> dict[str, list[Segment]]:
    """Segments by utterance id, as `write_json` writes them.

    Raises:
        TranscriptError: no JSON, another shape, a segment with other fields than those written.
    """
    _check_size(text, source)
    try:
        read = json.loads(text)
        return {str(name): [_json_segment(one) for one in segments] for name, segments in read.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        rule = "an object of utterance ids with lists of {label, start, end, posterior}"
        raise TranscriptError(f"{source} must be {rule}: {type(error).__name__}: {error}") from error


def _check_size(text: str, source: str) -> None:
    if len(text) > _MOST_CHARACTERS:
        raise TranscriptError(f"{source} may hold {_MOST_CHARACTERS} characters, it holds {len(text)}")


def _lines(text: str, source: str) -> list[tuple[int, str]]:
    _check_size(text, source)
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith(";;")]


def _unfit(name: str, what: str, barred: str = "") -> str:
    if name and not any(letter.isspace() or letter in barred for letter in name):
        return ""
    return f"{what} {name!r} must not be empty or hold white space{' or parentheses' if barred else ''}"


def _raise(faults: Iterable[str], source: str) -> None:
    told = list(dict.fromkeys(fault for fault in faults if fault))
    if told:
        listed = [*told[:_MOST_FAULTS], *(["and more"] if len(told) > _MOST_FAULTS else [])]
        raise TranscriptError(f"{source} has {len(told)} fault{'s' * (len(told) > 1)}: {'; '.join(listed)}")


def _seconds(value: float) -> str:
    """At least two decimals, at most six, none of the rest zeros."""
    whole, _, decimals = f"{value:.{_DECIMALS}f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def _ctm_end(one: Segment) -> str:
    # The difference of the rounded times: start + duration reads back as the end.
    duration = round(one.end, _DECIMALS) - round(one.start, _DECIMALS)
    posterior = "" if one.posterior is None else f" {one.posterior:.4f}"
    return f"{_seconds(one.start)} {_seconds(duration)} {one.label}{posterior}"


def _ctm_record(line: str) -> tuple[str, Segment]:
    fields = line.split()
    if len(fields) not in (5, 6):
        raise ValueError("must hold: utterance channel start duration label [posterior]")
    utterance, _, start, duration, label = fields[:5]
    begin, length = _time(start, "start"), _time(duration, "duration")
    posterior = _time(fields[5], "posterior") if fields[5:] not in ([], ["NA"]) else None
    return utterance, Segment(label, begin, round(begin + length, _DECIMALS), posterior)


def _time(text: str | float, what: str) -> float:
    try:
        value = float(text)
    except (ValueError, OverflowError):
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f"must have a number of at least 0 as {what}")
    return value


def _grid_faults(ordered: Sequence[Segment], end: float) -> Iterable[str]:
    reached = 0.0
    for one in ordered:
        shown = f"{one.label!r} ({_seconds(one.start)} to {_seconds(one.end)})"
        if one.end <= one.start:
            yield f"{shown} must end after it starts"
        elif round(one.start - reached, _DECIMALS) < 0:
            yield f"{shown} must not overlap what ends at {_seconds(reached)}"
        reached = max(reached, one.end)
        if round(one.end - end, _DECIMALS) > 0:
            yield f"{shown} must end within the recording of {_seconds(end)} s"


def _gapless(ordered: Sequence[Segment], end: float) -> list[Segment]:
    filled: list[Segment] = []
    reached = 0.0
    for one in [*ordered, Segment("", end, end)]:
        if round(one.start - reached, _DECIMALS) > 0:
            filled.append(Segment("", reached, one.start))
        if one.end > one.start:
            filled.append(one)
        reached = one.end
    return filled


def _grid_interval(number: int, one: Segment) -> list[str]:
    times = [f"            xmin = {_seconds(one.start)}", f"            xmax = {_seconds(one.end)}"]
    return [f"        intervals [{number}]:", *times, f"            text = {_quoted(one.label)}"]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _json_list(segments: Sequence[Segment]) -> str:
    return "[\n" + ",\n".join(f"  {_json(_json_fields(one))}" for one in segments) + "\n ]" if segments else "[]"


def _json_fields(one: Segment) -> dict[str, str | float]:
    fields: dict[str, str | float] = {"label": one.label, "start": one.start, "end": one.end}
    return fields if one.posterior is None else {**fields, "posterior": one.posterior}


def _json_segment(fields: dict[str, str | float]) -> Segment:
    unknown = fields.keys() - {"label", "start", "end", "posterior"}
    if unknown:
        raise ValueError(f"unknown fields {', '.join(sorted(unknown))}")
    posterior = fields.get("posterior")
    known = None if posterior is None else _time(posterior, "posterior")
    return Segment(str(fields["label"]), _time(fields["start"], "start"), _time(fields["end"], "end"), known)
