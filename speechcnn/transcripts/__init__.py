"""Transcripts as text and as files: sclite's trn and ctm, TIMIT's phn, Praat's TextGrid, JSON; and of events.

`events` has DCASE's tables, Audacity's label tracks and Raven's selection tables.

The functions named after a format turn records into a string or a string into records; `files` reads and writes
files and folders and tells the format by the ending. Times are seconds. A reader lists all faults of its text at
once, each with its line.
"""

from __future__ import annotations

from speechcnn.transcripts.columns import read_ctm, read_phn, read_trn, write_ctm, write_phn, write_trn
from speechcnn.transcripts.events import (
    read_audacity,
    read_dcase,
    read_raven,
    write_audacity,
    write_dcase,
    write_raven,
)
from speechcnn.transcripts.faults import TranscriptError
from speechcnn.transcripts.files import read_labels, read_segments, write_labels, write_segments
from speechcnn.transcripts.structured import read_json, read_json_labels, write_json
from speechcnn.transcripts.textgrid import read_textgrid, write_textgrid

__all__ = [
    "TranscriptError",
    "read_audacity",
    "read_ctm",
    "read_dcase",
    "read_json",
    "read_json_labels",
    "read_labels",
    "read_phn",
    "read_raven",
    "read_segments",
    "read_textgrid",
    "read_trn",
    "write_audacity",
    "write_ctm",
    "write_dcase",
    "write_json",
    "write_labels",
    "write_phn",
    "write_raven",
    "write_segments",
    "write_textgrid",
    "write_trn",
]
