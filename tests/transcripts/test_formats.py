from __future__ import annotations

import itertools
import json
import time

import pytest

from speechcnn.labels import Segment
from speechcnn.transcripts import (
    TranscriptError,
    faults,
    read_ctm,
    read_json,
    read_json_labels,
    read_phn,
    read_textgrid,
    read_trn,
    write_ctm,
    write_json,
    write_phn,
    write_textgrid,
    write_trn,
)

SEGMENTS = [Segment("h#", 0.0, 0.1325, 0.9876), Segment("sh", 0.1325, 0.2, 0.5), Segment("iy", 0.31, 0.4)]


def test_trn_comes_back():
    transcripts = {"fadg0_si1279": ["h#", "ax-h", "q"], "silent": [], "b": ["aa"]}
    assert read_trn(write_trn(transcripts)) == transcripts


def test_trn_by_hand():
    text = ";; made by hand\nsh iy (hh)  (utt-1)\r\n\n(utt-2)\n"
    assert read_trn(text) == {"utt-1": ["sh", "iy", "(hh)"], "utt-2": []}


def test_all_faults_of_a_trn_are_listed():
    with pytest.raises(TranscriptError) as caught:
        read_trn("sh iy\naa (u)\nb (u)\nc ()\n", "hyp.trn")
    sentence = str(caught.value)
    assert sentence.startswith("hyp.trn has 3 faults: line 1 must end in (utterance-id), got 'sh iy'")
    assert "line 3 repeats utterance u; line 4 must" in sentence


@pytest.mark.parametrize("transcripts", [{"a b": ["aa"]}, {"a": ["a a"]}, {"a": [""]}, {"(a)": ["aa"]}, {"": []}])
def test_trn_refuses_what_it_could_not_read(transcripts):
    with pytest.raises(TranscriptError, match="must not be empty or hold white space"):
        write_trn(transcripts)


def test_ctm_by_hand():
    assert write_ctm({"utt": SEGMENTS}) == (
        "utt 1 0.00 0.1325 h# 0.9876\nutt 1 0.1325 0.0675 sh 0.5000\nutt 1 0.31 0.09 iy\n"
    )


def test_ctm_comes_back():
    assert read_ctm(write_ctm({"utt": SEGMENTS, "other": SEGMENTS[:1]})) == {
        "utt": SEGMENTS,
        "other": SEGMENTS[:1],
    }


def test_ctm_end_is_no_sum_of_rounded_floats():
    assert read_ctm("u 1 0.1 0.2 a\n") == {"u": [Segment("a", 0.1, 0.3)]}


def test_ctm_keeps_every_sample(rng):
    edges = sorted(rng.choice(10**7, size=200, replace=False))
    segments = [Segment("aa", a / 16000, b / 16000) for a, b in itertools.pairwise(edges)]
    back = read_ctm(write_ctm({"u": segments}))["u"]
    assert [(round(one.start * 16000), round(one.end * 16000)) for one in back] == [
        (round(one.start * 16000), round(one.end * 16000)) for one in segments
    ]


def test_ctm_is_sorted_by_start_and_knows_na():
    found = read_ctm("u A 0.5 0.1 b NA\nu A 0.2 0.3 a 1\n")
    assert found == {"u": [Segment("a", 0.2, 0.5, 1.0), Segment("b", 0.5, 0.6)]}


def test_all_faults_of_a_ctm_are_listed():
    with pytest.raises(TranscriptError) as caught:
        read_ctm("u 1 0.5 0.1\nu 1 x 0.1 a\nu 1 0.5 -1 a\nu 1 0 inf a\n", "hyp.ctm")
    sentence = str(caught.value)
    assert "hyp.ctm has 4 faults: line 1 must hold: utterance channel start" in sentence
    assert "line 2 must have a number of at least 0 as start" in sentence
    assert "line 3 must have a number of at least 0 as duration" in sentence
    assert "line 4 must have a number of at least 0 as duration" in sentence


def test_phn_counts_samples():
    assert write_phn(SEGMENTS) == "0 2120 h#\n2120 3200 sh\n4960 6400 iy\n"
    assert write_phn(SEGMENTS[1:2], rate=8000) == "1060 1600 sh\n"
    with pytest.raises(TranscriptError, match="label 'a b'"):
        write_phn([Segment("a b", 0, 1)])


def _intervals(text):
    fields = [line.strip().split(" = ", 1) for line in text.splitlines() if " = " in line]
    start = next(i for i, (name, _) in enumerate(fields) if name == "intervals: size") + 1
    values = [value for _, value in fields[start:]]
    return [(float(a), float(b), c) for a, b, c in zip(values[::3], values[1::3], values[2::3], strict=True)]


def test_textgrid_fills_the_gaps():
    text = write_textgrid(SEGMENTS, duration=0.5)
    assert _intervals(text) == [
        (0, 0.1325, '"h#"'),
        (0.1325, 0.2, '"sh"'),
        (0.2, 0.31, '""'),
        (0.31, 0.4, '"iy"'),
        (0.4, 0.5, '""'),
    ]
    assert "intervals: size = 5" in text
    assert 'name = "phones"' in text


def test_textgrid_doubles_quotes_and_starts_at_zero():
    text = write_textgrid([Segment('say "ah"', 0.25, 0.5)], tier='my "tier"')
    assert _intervals(text) == [(0, 0.25, '""'), (0.25, 0.5, '"say ""ah"""')]
    assert 'name = "my ""tier"""' in text


@pytest.mark.parametrize(
    ("segments", "match"),
    [
        ([Segment("a", 0, 0.3), Segment("b", 0.2, 0.4)], "'b' .* must not overlap what ends at 0.30"),
        ([Segment("a", 0.3, 0.3)], "must end after it starts"),
        ([Segment("a", 0, 9)], "within the recording of 1.00 s"),
    ],
)
def test_textgrid_refuses_what_praat_would(segments, match):
    with pytest.raises(TranscriptError, match=match):
        write_textgrid(segments, duration=1.0)


def test_json_comes_back_and_is_json():
    utterances = {"utt": SEGMENTS, "silent": [], 'q"é': [Segment('"', 0.1, 0.2)]}
    text = write_json(utterances)
    assert read_json(text) == utterances
    assert json.loads(text)["utt"][2] == {"label": "iy", "start": 0.31, "end": 0.4}
    assert read_json(write_json({})) == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"u": [{"label": "a"}]}', '{"u": 3}', '{"u": [{"label": "a", "start": 0, "end": 1, "x": 2}]}']
)
def test_json_of_another_shape_is_refused(text):
    with pytest.raises(TranscriptError, match=r"hyp\.json must be an object of utterance ids"):
        read_json(text, "hyp.json")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": ' + "[" * 100_000, "RecursionError|JSONDecodeError"),
        ('{"a": [{"label": "x", "start": NaN, "end": 1}]}', "at least 0 as start"),
        ('{"a": [{"label": "x", "start": 0, "end": 1e999}]}', "at least 0 as end"),
        ('{"a": [{"label": "x", "start": 0, "end": 1' + "0" * 400 + "}]}", "at least 0 as end"),
        ("[1]", "an object of utterance ids"),
    ],
)
def test_json_of_a_stranger_is_refused(text, sentence):
    with pytest.raises(TranscriptError, match=sentence):
        read_json(text)


@pytest.mark.parametrize("line", ["a" + " " * 400_000 + "b", "(a" * 200_000, "(" * 400_000, "a " * 200_000 + "(x"])
def test_no_line_of_trn_takes_long(line):
    start = time.perf_counter()
    with pytest.raises(TranscriptError, match=r"line 1 must end in \(utterance-id\)"):
        read_trn(line)
    assert time.perf_counter() - start < 2


def test_texts_are_bounded_and_so_are_their_faults(monkeypatch):
    with pytest.raises(TranscriptError, match=r"has 300 faults: .* line 100 must.*; and more$"):
        read_ctm("x\n" * 300)
    monkeypatch.setattr(faults, "MOST_CHARACTERS", 10)
    for read in (read_trn, read_ctm, read_json, read_phn, read_json_labels, read_textgrid):
        with pytest.raises(TranscriptError, match="may hold 10 characters, it holds 11"):
            read("x" * 11)


def test_numbers_that_are_none_are_faults_of_phn_and_textgrid():
    with pytest.raises(TranscriptError, match="must hold: first sample"):
        read_phn("0 " + "9" * 5000 + " h#")
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> '
    with pytest.raises(TranscriptError, match="1e999 stands where a finite number is due"):
        read_textgrid(head + "1e999")
