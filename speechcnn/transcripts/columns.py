"""Formats of one record a line: sclite's trn and ctm, TIMIT's phn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from speechcnn.labels import Segment
from speechcnn.transcripts.faults import DECIMALS, check_size, moment, raise_faults, seconds, unfit

_SAMPLE = re.compile(r"[0-9]{1,15}")


def write_trn(transcripts: Mapping[str, Sequence[str]]) -> str:
    r"""One line an utterance: labels, then the utterance id in parentheses (sclite's trn).

    Raises:
        TranscriptError: a label or an id that holds white space or is empty, an id with parentheses.

    >>> write_trn({"fadg0_si1279": ["h#", "sh"]})
    'h# sh (fadg0_si1279)\n'
    """
    faults = [unfit(label, "label") for labels in transcripts.values() for label in labels]
    faults += [unfit(utterance, "utterance id", "()") for utterance in transcripts]
    raise_faults(faults, "a trn line")
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
        if not opened or end[-1:] != ")" or unfit(utterance, "id", "()"):
            faults.append(f"line {number} must end in (utterance-id), got {line[:60]!r}")
        elif utterance in found:
            faults.append(f"line {number} repeats utterance {utterance}")
        else:
            found[utterance] = labels.split()
    raise_faults(faults, source)
    return found


def write_ctm(utterances: Mapping[str, Sequence[Segment]], channel: str = "1") -> str:
    r"""One line a segment: utterance, channel, start, duration, label and, where known, posterior (sclite's ctm).

    An utterance without segments leaves no line: `read_ctm` cannot bring it back.

    Raises:
        TranscriptError: a label or an id that holds white space or is empty.

    >>> write_ctm({"utt": [Segment("sh", 0.1, 0.25, 0.9)]})
    'utt 1 0.10 0.15 sh 0.9000\n'
    """
    faults = [unfit(one.label, "label") for segments in utterances.values() for one in segments]
    faults += [unfit(utterance, "utterance id") for utterance in utterances]
    raise_faults(faults, "a ctm line")
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
    raise_faults(faults, source)
    return {name: sorted(segments, key=lambda one: one.start) for name, segments in found.items()}


def write_phn(segments: Iterable[Segment], rate: int = 16000) -> str:
    r"""One line a segment: first sample, sample after the last, label (TIMIT's phn).

    Raises:
        TranscriptError: a label that holds white space or is empty.

    >>> write_phn([Segment("h#", 0.0, 0.1), Segment("sh", 0.1, 0.25)])
    '0 1600 h#\n1600 4000 sh\n'
    """
    segments = list(segments)
    raise_faults([unfit(one.label, "label") for one in segments], "a phn line")
    return "".join(f"{round(one.start * rate)} {round(one.end * rate)} {one.label}\n" for one in segments)


def read_phn(text: str, source: str = "the phn text", rate: int = 16000) -> list[Segment]:
    """Segments in the order of the lines; `rate` is what the file's samples are counted in, 16 kHz for TIMIT.

    Raises:
        TranscriptError: lines that are not ``begin end label`` with begin before end.
    """
    found = []
    faults = []
    for number, line in _lines(text, source):
        fields = line.split()
        if len(fields) == 3 and all(map(_SAMPLE.fullmatch, fields[:2])) and int(fields[0]) < int(fields[1]):
            found.append(Segment(fields[2], int(fields[0]) / rate, int(fields[1]) / rate))
        else:
            faults.append(f"line {number} must hold: first sample, sample after the last, label; got {line[:60]!r}")
    raise_faults(faults, source)
    return found


def _lines(text: str, source: str) -> list[tuple[int, str]]:
    check_size(len(text), source)
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith(";;")]


def _ctm_end(one: Segment) -> str:
    # The difference of the rounded times: start + duration reads back as the end.
    duration = round(one.end, DECIMALS) - round(one.start, DECIMALS)
    posterior = "" if one.posterior is None else f" {one.posterior:.4f}"
    return f"{seconds(one.start)} {seconds(duration)} {one.label}{posterior}"


def _ctm_record(line: str) -> tuple[str, Segment]:
    fields = line.split()
    if len(fields) not in (5, 6):
        raise ValueError("must hold: utterance channel start duration label [posterior]")
    utterance, _, start, duration, label = fields[:5]
    begin, length = moment(start, "start"), moment(duration, "duration")
    posterior = moment(fields[5], "posterior") if fields[5:] not in ([], ["NA"]) else None
    return utterance, Segment(label, begin, round(begin + length, DECIMALS), posterior)
