from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile

from speechcnn.corpora.check import check


def sentences(report):
    return "\n".join(str(fault) for fault in report.faults)


def test_a_sound_tree_has_no_faults_and_right_counts(small_tree):
    report = check(small_tree)
    assert report.faults == ()
    assert (report.n_utterances, report.n_speakers, report.n_segments) == (12, 4, 36)
    assert report.n_split == (4, 2, 2)
    assert report.seconds == pytest.approx(6.0)
    assert report.notes == ("4 SA sentences, which no part uses",)
    assert report.lines()[:2] == [
        "12 utterances, 4 speakers, 36 segments, 0.1 minutes",
        f"split: 4 train / 2 dev / 2 test utterances, by {report.split_rule}",
    ]


FAULTS = {
    "segments must not overlap": "0 3200 h#\n3000 8000 iy\n",
    "line 2: gap: nothing from 3200 to 3300": "0 3200 h#\n3300 8000 iy\n",
    "line 1: gap: the first segment must begin at 0, it begins at 10": "10 8000 h#\n",
    "line 2: unknown label 'axx'": "0 3200 h#\n3200 8000 axx\n",
    "line 1: labels end behind the sound: at 0.5001 s, the sound at 0.5000 s": "0 8001 h#\n",
    "a line must hold begin, end and label": "0 zero h#\n",
    "line 2: unknown label 'ayy'": "0 3200 h#\n3200 6400 ayy\n6400 8000 h#\n",
    "the label file is empty": "",
    "no label file (.phn) beside this sound": None,
}


@pytest.mark.parametrize(("expected", "phn"), FAULTS.items())
def test_each_fault_of_labels_is_found_alone(sentence, small_tree, expected, phn):
    (small_tree / "train/dr1/fabc0/sx1.phn").unlink()
    sentence("train/dr1/fabc0/sx1", phn=phn, text="fabc0 says sx1")
    report = check(small_tree)
    assert expected in sentences(report)
    assert len(report.faults) == 1


def test_faults_of_sounds_are_found_all_at_once(sentence, small_tree):
    folder = small_tree / "train/dr1/fabc0"
    (folder / "sx1.wav").write_bytes((folder / "sx1.wav").read_bytes()[:-100])
    (folder / "si2.wav").write_text("words")
    (folder / "sa1.wav").unlink()
    other = small_tree / "train/dr1/mabc0"
    sentence("train/dr1/mabc0/sx1", rate=8000, text="another text")
    soundfile.write(other / "si2.wav", np.zeros(8000), 16000)
    report = check(small_tree)
    found = sentences(report)
    for expected in (
        "sx1.wav: truncated: the data chunk declares 16000 bytes, 15900 are there",
        "si2.wav: not a sound file that is read here",
        "sa1.phn: labels without a sound file",
        "sx1.wav: the rate must be 16000 Hz, it is 8000 Hz",
        "si2.wav: nothing but digital silence",
    ):
        assert expected in found
    assert len(report.faults) == 5


def test_what_stands_twice_is_found(sentence, small_tree):
    shutil.copy(small_tree / "dev/dr1/fdef0/sx1.wav", small_tree / "test/dr1/mghi0/sx1.wav")
    sentence("test/dr2/mghi0/si2", text="a text of its own")
    sentence("test/dr1/fabc0/sx9", text="Fabc0 says SX1")
    found = sentences(check(small_tree))
    for expected in (
        "mghi0/sx1.wav: the same sound as",
        "MGHI0_SI2 stands twice",
        "speaker FABC0 stands in train and test",
        "fabc0/sx9.wav: the same sentence is in the training part",
    ):
        assert expected in found
    assert len(found.splitlines()) == 4


def test_a_copy_of_the_same_sentence_is_no_fault_unless_it_differs(small_tree):
    wav = small_tree / "test/dr1/mghi0/sx1.wav"
    copy = wav.with_name("sx1.wav.wav")
    shutil.copy(wav, copy)
    assert check(small_tree).faults == ()
    soundfile.write(copy, np.ones(4000) * 0.1, 16000)
    assert "differ in length: sx1.wav, sx1.wav.wav" in sentences(check(small_tree))


@pytest.mark.parametrize("made", [False, True])
def test_no_corpus_is_a_fault_and_no_exception(tmp_path, made):
    root = tmp_path / "root"
    if made:
        root.mkdir()
    report = check(root)
    assert ("no corpus here" if made else "no such folder") in str(report)
    assert len(report.faults) == 1


def test_a_split_that_cannot_be_is_a_fault(sentence, tmp_path):
    sentence("train/dr1/fabc0/sx1")
    report = check(tmp_path)
    assert "too few speakers" in sentences(report)
    assert report.n_split == (0, 0, 0)


def test_progress_counts_every_utterance(small_tree):
    seen = []
    check(small_tree, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 12) for number in range(1, 13)]
