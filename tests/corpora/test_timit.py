from __future__ import annotations

import re
import shutil
import sys

import pytest

from speechcnn.corpora import CorpusError, checksums, timit, timit_tree
from speechcnn.corpora.timit_split import speaker_lists
from speechcnn.labels import Segment


def ids(utterances):
    return [utterance.id for utterance in utterances]


def rename(path, new):
    path.rename(path.with_name(new))


def sphere(n_samples):
    fields = (
        f"NIST_1A\n   1024\nsample_count -i {n_samples}\nsample_rate -i 16000\nchannel_count -i 1\n"
        "sample_n_bytes -i 2\nsample_byte_format -s2 01\nend_head\n"
    )
    return fields.encode().ljust(1024, b" ") + bytes(2 * n_samples)


def test_folders_beside_each_other_are_the_split(small_tree):
    corpus = timit.read(small_tree)
    assert ids(corpus.train) == ["FABC0_SI2", "FABC0_SX1", "MABC0_SI2", "MABC0_SX1"]
    assert (ids(corpus.dev), ids(corpus.test)) == (["FDEF0_SI2", "FDEF0_SX1"], ["MGHI0_SI2", "MGHI0_SX1"])
    assert "folders train/, dev/ and test/" in corpus.split_rule
    assert corpus.notes == ("4 SA sentences left out",)


def test_an_utterance_holds_what_the_tree_says(small_tree):
    found = timit.read(small_tree).test[1]
    assert (found.speaker, found.dialect, found.text) == ("MGHI0", "DR1", "mghi0 says sx1")
    assert found.segments == (Segment("h#", 0.0, 0.2), Segment("iy", 0.2, 0.4), Segment("h#", 0.4, 0.5))
    assert found.path == small_tree / "test/dr1/mghi0/sx1.wav"


@pytest.mark.parametrize("change", [str.upper, str.title])
def test_case_does_not_matter(small_tree, change):
    expected = timit.read(small_tree)
    for path in sorted(small_tree.rglob("*"), reverse=True):
        rename(path, change(path.name))
    found = timit.read(small_tree)
    assert [ids(part) for part in (found.train, found.dev, found.test)] == [
        ids(part) for part in (expected.train, expected.dev, expected.test)
    ]
    assert found.train[0].segments == expected.train[0].segments


@pytest.mark.parametrize("above", ["train", "TEST/dev", "sa1/data/lisa/TIMIT", "dr7/train"])
def test_folders_above_the_parts_and_the_root_itself_move_no_speaker(small_tree, tmp_path, above):
    expected = timit.read(small_tree)
    root = tmp_path / "test" / "train_data"
    (root / above).mkdir(parents=True)
    for part in ("train", "dev"):
        shutil.move(small_tree / part, root / above / part)
    shutil.move(small_tree / "test" / "dr1", root / above / "test" / "dr1")
    found = timit.read(root)
    assert [ids(part) for part in (found.train, found.dev, found.test)] == [
        ids(part) for part in (expected.train, expected.dev, expected.test)
    ]
    assert {utterance.dialect for utterance in found.train} == {"DR1"}


def test_sphere_and_riff_copies_beside_each_other_are_one_utterance(small_tree):
    folder = small_tree / "test/dr1/mghi0"
    for path in list(folder.glob("*.wav")):
        rename(path, path.stem.upper() + ".WAV.wav")
        (folder / f"{path.stem.upper()}.WAV").write_bytes(sphere(8000))
        rename(path.with_suffix(".phn"), path.stem.upper() + ".PHN")
    test = timit.read(small_tree).test
    assert ids(test) == ["MGHI0_SI2", "MGHI0_SX1"]
    (folder / "SX1.WAV").write_bytes(b"no sound")
    assert timit.read(small_tree).test[1].path.name == "SX1.WAV.wav"


def test_phn_is_read_liberally(sentence, small_tree):
    sentence("test/dr1/mghi0/sx1", phn="0\t3200  SIL \r\n\r\n3200 6400\taxh\t\r\n6400 7600 Q  ")
    segments = timit.read(small_tree).test[1].segments
    assert segments == (Segment("h#", 0.0, 0.2), Segment("ax-h", 0.2, 0.4), Segment("q", 0.4, 0.5))


def test_gaps_go_to_the_segment_before_and_are_noted(sentence, small_tree):
    sentence("test/dr1/mghi0/sx1", phn="160 3200 h#\n4800 8000 iy\n")
    corpus = timit.read(small_tree)
    assert corpus.test[1].segments == (Segment("h#", 0.0, 0.3), Segment("iy", 0.3, 0.5))
    assert "1 label files have gaps: each goes to the segment before it" in corpus.notes


def test_another_rate_is_noted_and_label_times_stay_seconds(sentence, small_tree):
    sentence("test/dr1/mghi0/sx1", rate=8000)
    corpus = timit.read(small_tree)
    assert corpus.test[1].segments[-1] == Segment("h#", 0.4, 0.5)
    assert any("1 sound files have 8000 Hz" in note for note in corpus.notes)


def faulty(sentence, root):
    sentence("train/dr1/fabc0/sx1", phn="0 3200 h#\n3000 8000 iy\n")
    sentence("train/dr1/fabc0/si2", phn="0 3200 h#\n3200 8000 axx\n")
    sentence("train/dr1/mabc0/sx1", phn=None)
    (root / "train/dr1/mabc0/sx1.phn").unlink()
    (root / "train/dr1/mabc0/si2.wav").write_bytes(b"some words")
    (root / "dev/dr1/fdef0/sx1.wav").unlink()
    sentence("dev/dr1/fdef0/si2", phn="0 9000 h#\n")
    sentence("test/dr1/mghi0/sx1", phn="0 3200\n")
    sentence("test/dr1/mghi0/si2", phn="0 0 h#\n")
    sentence("test/dr2/mghi0/si2", phn="\n")


def test_every_fault_is_listed_with_file_and_line(sentence, small_tree):
    faulty(sentence, small_tree)
    with pytest.raises(CorpusError) as caught:
        timit.read(small_tree)
    for expected in (
        r"fabc0/sx1\.phn, line 2: segments must not overlap: this one begins at 3000, the one before ends at 3200",
        r"fabc0/si2\.phn, line 2: unknown label 'axx'; the nearest known names are ax",
        r"mabc0/sx1\.wav: no label file",
        r"mabc0/si2\.wav: not a sound file that is read here",
        r"fdef0/sx1\.phn: labels without a sound file",
        r"fdef0/si2\.phn, line 1: labels end at 0\.56\d s, the sound at 0\.500 s",
        r"mghi0/sx1\.phn, line 1: a line must hold begin, end and label, got '0 3200'",
        r"mghi0/si2\.phn, line 1: the end of a segment must lie behind its begin, got 0 to 0",
        r"dr2/mghi0/si2\.phn: the label file is empty",
        r"MGHI0_SI2 stands twice",
    ):
        assert re.search(expected, str(caught.value)), expected
    assert len(caught.value.faults) == 10


def test_unusable_utterances_can_be_left_out_and_are_returned_as_faults(sentence, small_tree):
    sentence("train/dr1/fabc0/sx1", phn="0 3200 h#\n3000 8000 iy\n")
    (small_tree / "dev/dr1/fdef0/sx1.wav").write_bytes(b"")
    corpus = timit.read(small_tree, keep_going=True)
    assert ids(corpus.train) == ["FABC0_SI2", "MABC0_SI2", "MABC0_SX1"]
    assert ids(corpus.dev) == ["FDEF0_SI2"]
    assert [(str(fault.path.relative_to(small_tree)), fault.line) for fault in corpus.faults] == [
        ("train/dr1/fabc0/sx1.phn", 2),
        ("dev/dr1/fdef0/sx1.wav", 0),
    ]


def test_listed_files_are_left_out_unread(small_tree, monkeypatch):
    wav, phn = small_tree / "dev/dr1/fdef0/sx1.wav", small_tree / "train/dr1/mabc0/si2.phn"
    wav.write_bytes(b"")
    phn.write_bytes(b"no labels")
    monkeypatch.chdir(small_tree)
    corpus = timit.read(".", leave_out=[wav, phn])
    assert (ids(corpus.dev), corpus.faults) == (["FDEF0_SI2"], ())
    assert ids(corpus.train) == ["FABC0_SI2", "FABC0_SX1", "MABC0_SX1"]


def test_a_sound_far_longer_than_its_labels_is_not_theirs(sentence, small_tree):
    sentence("train/dr1/fabc0/sx1", seconds=1.0)
    with pytest.raises(CorpusError, match=r"sx1\.phn, line 3: labels end at 0\.500 s, the sound at 1\.000 s"):
        timit.read(small_tree)


def test_a_flipped_bit_is_found_where_checksums_stand(small_tree):
    checksums.write(small_tree)
    assert timit.read(small_tree).faults == ()
    dev, test = small_tree / "dev/dr1/fdef0/sx1.phn", small_tree / "test/dr1/mghi0/sx1.wav"
    for path, place in ((dev, 9), (test, -1)):
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        timit.read(small_tree)
    assert [fault.split(": ", 1) for fault in caught.value.faults] == [
        [str(path), checksums.CHANGED] for path in (dev, test)
    ]


def test_long_lists_of_faults_are_cut(sentence, tmp_path):
    for number in range(30):
        sentence(f"train/dr1/fabc{number % 3}/sx{number}", phn="0 8000 xx\n")
    with pytest.raises(CorpusError, match="and 10 more") as caught:
        timit.read(tmp_path)
    assert len(str(caught.value).splitlines()) == 21


def test_faults_outside_the_used_sentences_do_no_harm(sentence, small_tree):
    sentence("train/dr1/fabc0/sa1", phn="0 8000 unheard\n")
    assert len(timit.read(small_tree).train) == 4


def test_roots_without_a_corpus_are_answered_by_a_sentence(tmp_path, sentence):
    with pytest.raises(CorpusError, match="no such folder"):
        timit.read(tmp_path / "absent")
    with pytest.raises(CorpusError, match="no corpus here"):
        timit.read(tmp_path)
    sentence("train/dr1/fabc0/sx1", phn=None)
    with pytest.raises(CorpusError, match="no corpus here"):
        timit.read(tmp_path / "train")
    with pytest.raises(CorpusError, match="1 sound files but no label files"):
        timit.read(tmp_path)


@pytest.mark.parametrize(
    ("speakers", "sentence_part"),
    [
        (["train/dr1/fabc0", "train/dr1/mabc0"], "at least three are needed, train/ has 2, test/ has 0"),
        (["test/dr1/fabc0", "test/dr1/mabc0"], "no training speakers"),
        (["train/dr1/fabc0", "dev/dr1/mabc0"], "no test speakers"),
        (["train/dr1/fabc0", "dev/dr1/mabc0", "test/dr1/fabc0"], "speaker FABC0 stands in train and test"),
    ],
)
def test_splits_that_cannot_be_are_refused(sentence, tmp_path, speakers, sentence_part):
    for number, speaker in enumerate(speakers):
        sentence(f"{speaker}/sx{number}")
    with pytest.raises(CorpusError, match=sentence_part):
        timit.read(tmp_path)


def speakers_of(utterances):
    return sorted({utterance.speaker for utterance in utterances})


def test_test_speakers_are_halved_where_the_lists_do_not_fit(sentence, tmp_path):
    for speaker in ("train/dr1/faaa0", "test/dr1/fbbb0", "test/dr2/fccc0", "test/dr1/mddd0", "test/dr2/meee0"):
        sentence(f"{speaker}/sx1")
    corpus = timit.read(tmp_path)
    assert speakers_of(corpus.test) == ["FBBB0", "MDDD0"]
    assert speakers_of(corpus.dev) == ["FCCC0", "MEEE0"]
    assert "in turn to test and dev" in corpus.split_rule
    assert any("not the whole TIMIT" in note for note in corpus.notes)


@pytest.mark.parametrize(("n_test", "rule"), [(1, "every eighth for dev"), (0, "no test/")])
def test_training_gives_speakers_where_test_has_too_few(sentence, tmp_path, n_test, rule):
    for number in range(9):
        sentence(f"train/dr1/faa{number}0/sx1")
    for number in range(n_test):
        sentence(f"test/dr1/mbb{number}0/sx1")
    corpus = timit.read(tmp_path)
    parts = [speakers_of(part) for part in (corpus.train, corpus.dev, corpus.test)]
    assert rule in corpus.split_rule
    assert (len(parts[1]), len(parts[2])) == (1, 1)
    assert len(set().union(*parts)) == sum(map(len, parts)) == 9 + n_test


def test_speaker_lists_are_those_of_timit():
    lists = speaker_lists()
    assert {part: len(names) for part, names in lists.items()} == {"train": 462, "dev": 50, "core": 24, "other": 94}
    assert len(frozenset().union(*lists.values())) == 630
    men = {part: sum(name[0] == "M" for name in names) for part, names in lists.items()}
    assert men == {"train": 326, "dev": 32, "core": 16, "other": 64}
    assert {"FELC0", "MDAB0", "FMLD0"} < lists["core"]
    assert {"FADG0", "MJWG0", "MWJG0"} & lists["dev"] == {"FADG0", "MWJG0"}


def test_the_whole_of_timit_is_parted_by_the_lists(tmp_path, monkeypatch):
    lists = speaker_lists()
    entries = [
        timit_tree.Entry(part, "DR1", speaker, sentence, (tmp_path / f"{speaker}_{sentence}.wav",), tmp_path, None)
        for group, part in (("train", "train"), ("dev", "test"), ("core", "test"), ("other", "test"))
        for speaker in lists[group]
        for sentence in ("SA1", "SA2", *(f"SX{number}" for number in range(8)))
    ]
    parted = timit.split(entries)
    parts = [parted.part_of(entry) for entry in entries]
    assert [parts.count(part) for part in ("train", "dev", "test", "")] == [3696, 400, 192, 1260 + 94 * 8]
    assert (parted.notes, parted.speakers["test"]) == ((), lists["core"])
    without = timit.split([entry for entry in entries if entry.id not in ("FABC0_SX1", "FADG0_SX1")])
    assert without.notes == ("the standard split has 3696 / 400 / 192 utterances, here are 3696 / 399 / 192",)
    stranger = timit_tree.Entry("train", "DR1", "MXXX9", "SX1", (tmp_path,), tmp_path, None)
    assert "not in the list of training speakers: MXXX9" in timit.split([*entries, stranger]).notes[0]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_followed_but_not_in_circles(small_tree, tmp_path):
    (small_tree / "train/dr1/again").symlink_to(small_tree / "train", target_is_directory=True)
    assert len(timit.read(small_tree).train) == 4


def test_named_speakers_tune_and_test_and_all_others_train(sentence, tmp_path):
    for part, speakers in {"train": ["FAAA0", "FBBB0", "MAAA0"], "test": ["MBBB0"]}.items():
        for speaker in speakers:
            sentence(f"{part}/dr1/{speaker}/sx1")
    corpus = timit.read(tmp_path, dev_speakers=["maaa0"], test_speakers=["FAAA0"])
    assert [speakers_of(getattr(corpus, part)) for part in ("train", "dev", "test")] == [
        ["FBBB0", "MBBB0"], ["MAAA0"], ["FAAA0"],
    ]  # fmt: skip
    assert "dev MAAA0; test FAAA0" in corpus.split_rule
    chosen = timit.read(tmp_path, test_speakers=["FAAA0"])
    assert len(speakers_of(chosen.dev)) == 1
    assert sorted(speakers_of(chosen.train) + speakers_of(chosen.dev)) == ["FBBB0", "MAAA0", "MBBB0"]


@pytest.mark.parametrize(("dev", "test", "sentence_part"), [
    ([], ["FXXX0"], r"no such speakers: FXXX0; there are FAAA0, MAAA0"),
    (["FAAA0"], ["FAAA0"], "speakers named for dev and for test: FAAA0"),
    (["FAAA0"], [], "speakers are named for dev but none for test"),
    (["FAAA0"], ["MAAA0"], "too few speakers: there are 2, and 1 for dev and 1 for test"),
])  # fmt: skip
def test_names_that_cannot_be_are_refused(sentence, tmp_path, dev, test, sentence_part):
    for speaker in ("FAAA0", "MAAA0"):
        sentence(f"train/dr1/{speaker}/sx1")
    with pytest.raises(CorpusError, match=sentence_part):
        timit.read(tmp_path, dev_speakers=dev, test_speakers=test)
