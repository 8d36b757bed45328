"""Phones of recordings as text: to standard output, or one file a recording into a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from speechcnn import transcripts
from speechcnn.audio import STREAM_LIMITS, info
from speechcnn.cli.recordings import Recording
from speechcnn.labels import Segment

ENDINGS = {"text": ".txt", "json": ".json", "ctm": ".ctm", "textgrid": ".TextGrid", "phn": ".phn"}
SINGLE = ("textgrid", "phn")  # describe one recording

Result = tuple[Recording, Sequence[Segment]]


def check(recordings: Sequence[Recording], form: str, folder: Path | None) -> None:
    """Raise a ValueError where results could not be written, before there are any."""
    if folder is None and form in SINGLE and len(recordings) > 1:
        raise ValueError(
            f"--format {form} describes one recording, got {len(recordings)} of them; --output DIR writes a file each."
        )
    if form == "ctm":
        transcripts.write_ctm({one.name: [] for one in recordings})
    if folder is not None or form == "ctm":
        _check_names(recordings)


def _check_names(recordings: Sequence[Recording]) -> None:
    by_name: dict[str, list[str]] = {}
    for one in recordings:
        by_name.setdefault(one.name, []).append(str(one.path))
    twice = [f"{' and '.join(paths)} would both be {name}" for name, paths in by_name.items() if len(paths) > 1]
    if twice:
        raise ValueError(f"{'; '.join(twice)}; give a folder that holds them instead, or one at a time.")


def write(results: Iterable[Result], form: str, folder: Path | None) -> None:
    """Write each result as soon as it is there; JSON to standard output, being one object, at the end."""
    if folder is not None:
        for one, segments in results:
            path = folder / f"{one.name}{ENDINGS[form]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(one, segments, form), encoding="utf-8")
    elif form == "json":
        _write_json(results)
    else:
        for one, segments in results:
            sys.stdout.write(render(one, segments, form))
            sys.stdout.flush()


def render(one: Recording, segments: Sequence[Segment], form: str) -> str:
    """Return the phones of a recording as text in one of the command's formats."""
    if form == "json":
        return transcripts.write_json({str(one.path): segments})
    if form == "ctm":
        return transcripts.write_ctm({one.name: segments})
    if form == "textgrid":
        return transcripts.write_textgrid(segments, info(one.path, STREAM_LIMITS).seconds)
    if form == "phn":
        return transcripts.write_phn(segments)
    return f"{one.path}\n" + "".join(map(line, segments))


def line(segment: Segment) -> str:
    """Return one phone as a line: start and end in seconds, the phone, its posterior."""
    posterior = "" if segment.posterior is None else f"{segment.posterior:.2f}"
    return f"{segment.start:8.3f} {segment.end:8.3f}  {segment.label:<5} {posterior}\n"


def _write_json(results: Iterable[Result]) -> None:
    found: dict[str, Sequence[Segment]] = {}
    try:
        for one, segments in results:
            found[str(one.path)] = segments
    finally:  # what could be done is written also where some could not
        sys.stdout.write(transcripts.write_json(found))
