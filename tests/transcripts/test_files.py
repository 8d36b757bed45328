from __future__ import annotations

import pytest

from speechcnn.labels import Segment
from speechcnn.transcripts import TranscriptError, read_labels, read_segments, write_labels, write_segments

UTTERANCES = {
    "dr1/fabc0/sx1": [Segment("h#", 0.0, 0.1), Segment("sh", 0.1, 0.25)],
    "dr2/mdef0/si2": [Segment("h#", 0.0, 0.2)],
}
LABELS = {"dr1/fabc0/sx1": ["h#", "sh"], "dr2/mdef0/si2": ["h#"]}


@pytest.mark.parametrize("name", ["a.ctm", "a.json", "a.phn", "a.PHN", "a.TextGrid"])
def test_every_format_with_times_comes_back(tmp_path, name):
    write_segments(tmp_path / name, UTTERANCES)
    assert read_segments(tmp_path / name) == UTTERANCES
    assert read_labels(tmp_path / name) == LABELS


def test_trn_keeps_labels_only(tmp_path):
    write_segments(tmp_path / "a.trn", UTTERANCES)
    assert read_labels(tmp_path / "a.trn") == LABELS
    with pytest.raises(TranscriptError, match="a trn file has no times"):
        read_segments(tmp_path / "a.trn")


def test_labels_without_times_fit_a_trn_only(tmp_path):
    write_labels(tmp_path / "a.trn", LABELS)
    assert read_labels(tmp_path / "a.trn") == LABELS
    with pytest.raises(TranscriptError, match=r"a\.ctm: transcripts without times can be written as \.trn only"):
        write_labels(tmp_path / "a.ctm", LABELS)


def test_one_file_is_one_utterance(tmp_path):
    (tmp_path / "sx1.PHN").write_bytes(b"0 1600 h#\r\n1600\t4000  sh \r\n\r\n")
    assert read_segments(tmp_path / "sx1.PHN") == {"sx1": UTTERANCES["dr1/fabc0/sx1"]}


def test_utf_16_of_praat_and_the_mark_of_utf_8_are_read(tmp_path):
    (tmp_path / "a.trn").write_text("ʃ iː (u)\n", encoding="utf-16")
    assert read_labels(tmp_path / "a.trn") == {"u": ["ʃ", "iː"]}
    (tmp_path / "a.trn").write_text("sh (u)\n", encoding="utf-8-sig")
    assert read_labels(tmp_path / "a.trn") == {"u": ["sh"]}
    (tmp_path / "a.trn").write_bytes(b"\xe9 (u)\n")
    with pytest.raises(TranscriptError, match="must be text in UTF-8 or UTF-16"):
        read_labels(tmp_path / "a.trn")


def test_faults_of_all_files_of_a_folder_are_listed(tmp_path):
    (tmp_path / "a.phn").write_text("0 100\n200 100 aa\n")
    (tmp_path / "b.phn").write_text("0 100 aa\n")
    (tmp_path / "c.phn").write_text("x 100 aa\n")
    with pytest.raises(TranscriptError) as caught:
        read_labels(tmp_path)
    sentence = str(caught.value)
    assert "a.phn has 2 faults: line 1 must hold: first sample, sample after the last, label; got '0 100'" in sentence
    assert "line 2 must" in sentence
    assert "c.phn has 1 fault: line 1" in sentence
    assert "b.phn" not in sentence


def test_folders_of_two_formats_or_of_none_are_refused(tmp_path):
    (tmp_path / "._a.phn").write_text("left by another system")
    with pytest.raises(TranscriptError, match="it holds none"):
        read_labels(tmp_path)
    (tmp_path / "a.phn").write_text("0 1 aa\n")
    (tmp_path / "a.TextGrid").write_text("")
    with pytest.raises(TranscriptError, match=r"it holds files of both \.phn and \.textgrid"):
        read_labels(tmp_path)


def test_unknown_endings_and_missing_files_are_told(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(TranscriptError, match=r"the ending must be one of \.trn, \.ctm, \.json, \.phn, \.TextGrid"):
        read_labels(tmp_path / "a.txt")
    with pytest.raises(TranscriptError, match="the ending must be one of"):
        write_segments(tmp_path / "a.txt", UTTERANCES)
    for name in ("none.trn", "none.ctm", "none"):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read_labels(tmp_path / name)


def test_an_utterance_cannot_leave_its_folder(tmp_path):
    with pytest.raises(TranscriptError, match=r"'\.\./x' would be written outside"):
        write_segments(tmp_path / "a.phn", {"../x": UTTERANCES["dr1/fabc0/sx1"]})
    assert not (tmp_path / "x.phn").exists()
