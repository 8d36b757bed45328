"""Transcripts as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from speechcnn.labels import Segment
from speechcnn.transcripts.faults import TranscriptError, check_size, moment


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
    check_size(len(text), source)
    try:
        read = json.loads(text)
        return {str(name): [_json_segment(one) for one in segments] for name, segments in read.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        rule = "an object of utterance ids with lists of {label, start, end, posterior}"
        raise TranscriptError(f"{source} must be {rule}: {type(error).__name__}: {error}") from error


def read_json_labels(text: str, source: str = "the JSON text") -> dict[str, list[str]]:
    """Labels by utterance id, of what `write_json` writes, of lists of labels or of labels in one string.

    Raises:
        TranscriptError: no JSON, or another shape.

    >>> read_json_labels('{"a": ["sh", "iy"], "b": "sh iy", "c": [{"label": "sh", "start": 0, "end": 1}]}')
    {'a': ['sh', 'iy'], 'b': ['sh', 'iy'], 'c': ['sh']}
    """
    check_size(len(text), source)
    try:
        return {str(name): _labels(own) for name, own in json.loads(text).items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        rule = "an object of utterance ids with lists of segments, lists of labels or labels in a string"
        raise TranscriptError(f"{source} must be {rule}: {type(error).__name__}: {error}") from error


def _labels(own: str | list[str | dict[str, str | float]]) -> list[str]:
    if isinstance(own, str):
        return own.split()
    return [one if isinstance(one, str) else _json_segment(one).label for one in own]


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
    known = None if posterior is None else moment(posterior, "posterior")
    return Segment(str(fields["label"]), moment(fields["start"], "start"), moment(fields["end"], "end"), known)
