from __future__ import annotations

from pathlib import Path

import pytest

from speechcnn.corpora import CorpusError, Fault
from speechcnn.experiments.bad_files import BadFiles

FAULTS = [Fault(Path("a/x.wav"), 0, "truncated"), Fault(Path("a/y.phn"), 3, "unknown label\twith\na break")]


def judged(policy: str, folder: Path, n_good: int = 98, most: float = 2.0) -> BadFiles:
    bad = BadFiles(policy, most, folder)
    bad.add(FAULTS)
    bad.judge(n_good)
    return bad


def test_no_fault_is_no_matter(tmp_path: Path) -> None:
    BadFiles("error", 0.0, tmp_path).judge(0)


def test_an_error_lists_every_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        judged("error", tmp_path)
    assert caught.value.faults[0].startswith("2 files of the corpus cannot be used. Mend them")
    assert caught.value.faults[1:] == tuple(map(str, FAULTS))


@pytest.mark.parametrize("policy", ["skip", "quarantine"])
def test_beyond_the_cap_every_policy_is_an_error(tmp_path: Path, policy: str) -> None:
    assert judged(policy, tmp_path).faults == FAULTS
    with pytest.raises(CorpusError, match=r"2\.0 %; corpus\.most_bad_percent=1\.9 allows no more"):
        judged(policy, tmp_path / "other", most=1.9)
    assert not (tmp_path / "other").exists()


def test_two_faults_of_a_file_count_once(tmp_path: Path) -> None:
    bad = BadFiles("skip", 1.0, tmp_path)
    bad.add([FAULTS[0]] * 5)
    bad.judge(99)


def test_quarantined_files_are_known_to_the_next_run(tmp_path: Path) -> None:
    judged("quarantine", tmp_path)
    sound, labels = Path("a/x.wav").absolute(), Path("a/y.phn").absolute()
    assert (tmp_path / "bad_files.tsv").read_text().startswith(f"file\tline\tcause\n{sound}\t0\ttruncated\n")
    following = BadFiles("quarantine", 2.0, tmp_path)
    assert following.faults == [Fault(sound, 0, FAULTS[0].what), Fault(labels, 3, FAULTS[1].what)]
    assert following.quarantined() == [sound, labels]
    with pytest.raises(CorpusError, match="2 files"):
        following.judge(10)


def test_skipping_leaves_no_list(tmp_path: Path) -> None:
    judged("skip", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad_files.tsv").write_text("file\tline\tcause\na.wav\n")
    with pytest.raises(CorpusError, match=r"bad_files\.tsv, line 2: a line must hold file, line, cause"):
        BadFiles("quarantine", 1.0, tmp_path)
