"""Event formats: what the programs write is read, what is written is read back, faults are all named."""

from __future__ import annotations

import pytest

from speechcnn import transcripts
from speechcnn.events import Event
from speechcnn.transcripts import TranscriptError

BELL = Event("bell", 0.5, 2.0, 400.0, 3000.5)
SIREN = Event("a siren", 1.25, 3.000001)


def test_a_dcase_table_as_desed_writes_it():
    text = "filename\tonset\toffset\tevent_label\nY1.wav\t2.5\t3.5\tDog\nY1.wav\t0.008\t2.0\tSpeech\nY2.wav\t\t\t\n"
    assert transcripts.read_dcase(text) == {
        "Y1.wav": [Event("Speech", 0.008, 2.0), Event("Dog", 2.5, 3.5)],
        "Y2.wav": [],
    }


def test_an_audacity_track_with_spectral_selections_as_audacity_writes_it():
    text = "0.500000\t2.000000\tbell\n\\\t400.000000\t3000.500000\n1.25\t3.000001\ta siren\n\\\t-1.000000\t4000.0\n"
    assert transcripts.read_audacity(text) == [BELL, SIREN]


def test_a_raven_table_counts_the_views_of_a_selection_once():
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation"
    rows = ["1\tWaveform 1\t1\t0.5\t2.0\t400.0\t3000.5\tbell", "1\tSpectrogram 1\t1\t0.5\t2.0\t400.0\t3000.5\tbell"]
    assert transcripts.read_raven("\n".join([head, *rows])) == [BELL]


@pytest.mark.parametrize("events", [[], [BELL], [BELL, SIREN]])
def test_what_is_written_is_read_back(events):
    table = {"a.wav": events, "sub/b.wav": []}
    assert transcripts.read_dcase(transcripts.write_dcase(table)) == table
    assert transcripts.read_audacity(transcripts.write_audacity(events)) == events
    boxes = [one if one.band else Event(one.label, one.onset, one.offset, 0.0, 8000.0) for one in events]
    assert transcripts.read_raven(transcripts.write_raven(events, highest_hz=8000)) == boxes


def test_all_faults_of_a_table_are_named_with_their_lines():
    text = "filename\tonset\toffset\tevent_label\na\t1\t0.5\tx\na\tnan\t2\tx\na\t0\t1\t\n"
    with pytest.raises(TranscriptError, match=r"t\.tsv has 3 faults: line 2 .*offset.*; line 3 .*; line 4 .*label"):
        transcripts.read_dcase(text, "t.tsv")


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        ("read_dcase", "onset\toffset\n", "filename, event_label is missing"),
        ("read_raven", "Selection\tBegin Time (s)\tEnd Time (s)\n", "Annotation is missing"),
        ("read_audacity", "1.0\t1.0\tpoint\n", "line 1 point: onset must be 0 or later and before offset"),
        ("read_audacity", "no tabs at all\n", "line 1 must have a label"),
    ],
)
def test_what_does_not_fit_is_one_sentence(read, text, message):
    with pytest.raises(TranscriptError, match=message):
        getattr(transcripts, read)(text)


def test_a_label_with_a_tab_is_not_written():
    with pytest.raises(TranscriptError, match="tab"):
        transcripts.write_dcase({"a": [Event("two\tcells", 0, 1)]})
    with pytest.raises(TranscriptError, match="file name"):
        transcripts.write_dcase({"a\nb": []})


@pytest.mark.parametrize(
    "values", [("x", 1, 1), ("x", -1, 1), ("x", 0, 1, 5.0), ("x", 0, 1, 5.0, 5.0), ("x", 0, 1, -1.0, 5.0)]
)
def test_an_impossible_event_is_refused(values):
    with pytest.raises(ValueError, match=r"^x: "):
        Event(*values)
