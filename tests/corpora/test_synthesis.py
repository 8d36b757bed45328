"""The generator's trees: labels, bytes, disjoint splits, resuming and refusals."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from speechcnn import locks
from speechcnn.corpora import synthesis
from speechcnn.corpora.synthesis import SynthesisError, phones, plan, tree
from speechcnn.corpora.synthesis.espeak import Event


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("synthesis") / "tiny"
    synthesis.make(root, size="tiny", seed=3, workers=2)
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def segments(path: Path) -> list[tuple[int, int, str]]:
    rows = (line.split(maxsplit=2) for line in path.read_text().splitlines())
    return [(int(start), int(end), name) for start, end, name in rows]


def test_labels_run_from_zero_to_the_end_without_gap(corpus):
    for path in corpus.rglob("*.phn"):
        rows = segments(path)
        with wave.open(str(path.with_suffix(".wav"))) as file:
            n_samples, rate = file.getnframes(), file.getframerate()
        assert rate == 16000
        assert [start for start, _, _ in rows] == [0, *(end for _, end, _ in rows[:-1])]
        assert rows[-1][1] == n_samples
        assert all(start < end for start, end, _ in rows)
        assert (rows[0][2], rows[-1][2]) == ("h#", "h#")


def test_labels_are_timit_symbols(corpus):
    timit = pytest.importorskip("speechcnn.labels").timit_phones(61)
    names = {name for path in corpus.rglob("*.phn") for _, _, name in segments(path)}
    assert names <= set(timit)
    assert len(names) > 40


def test_words_are_the_text_in_order_inside_the_recording(corpus):
    for path in corpus.rglob("*.wrd"):
        _, end, text = path.with_suffix(".txt").read_text().split(maxsplit=2)
        rows = segments(path)
        assert [name for _, _, name in rows] == text.lower().replace(",", "").strip(" .?\n").split()
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(rows))
        assert rows[-1][1] <= int(end)


def test_same_bytes_with_one_worker_and_after_deleting_files(corpus, tmp_path):
    whole = files(corpus)
    synthesis.make(tmp_path / "again", size="tiny", seed=3, workers=1)
    assert files(tmp_path / "again") == whole
    for suffix in ("wav", "phn"):
        next((tmp_path / "again").rglob(f"*.{suffix}")).unlink()
    calls: list[tuple[int, int]] = []
    synthesis.make(tmp_path / "again", "tiny", 3, progress=lambda done, total: calls.append((done, total)))
    assert files(tmp_path / "again") == whole
    assert 1 <= len(calls) <= 2
    assert calls[-1] == (10, 10)


def test_nothing_of_a_corpus_stands_at_its_place_before_all_of_it(corpus, tmp_path):
    root, seen = tmp_path / "new", []
    synthesis.make(root, "tiny", 3, workers=1, progress=lambda done, total: seen.append((done, root.exists())))
    assert seen == [(done, False) for done in range(1, 11)]
    assert files(root) == files(corpus)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_a_killed_maker_left_is_gone_on_with(corpus, tmp_path):
    left = tmp_path / ".new.unfinished"
    shutil.copytree(corpus, left)
    (left / "SHA256SUMS").unlink()
    for path in list(left.rglob("*.wav"))[:2]:
        path.rename(path.with_name(f".{path.name}.1234.part"))
    calls: list[int] = []
    synthesis.make(tmp_path / "new", "tiny", 3, workers=1, progress=lambda done, total: calls.append(done))
    assert calls == [9, 10]
    assert files(tmp_path / "new") == files(corpus)


def test_what_is_left_of_another_corpus_is_not_taken(corpus, tmp_path):
    tree._claim(tmp_path / ".new.unfinished", {"version": tree.VERSION, "size": "tiny", "seed": 99})
    (tmp_path / ".new.unfinished" / "stray.wav").touch()
    synthesis.make(tmp_path / "new", "tiny", 3, workers=2)
    assert files(tmp_path / "new") == files(corpus)


def test_a_second_maker_waits_for_the_first(corpus, tmp_path, caplog):
    root = tmp_path / "new"
    with locks.hold(tmp_path / ".new.lock", "the corpus"):
        second = threading.Thread(target=synthesis.make, args=(root, "tiny", 3, 1))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        shutil.copytree(corpus, root)
    second.join(30)
    assert not second.is_alive()
    assert f"the corpus {root} is in use by process" in caplog.text


def test_the_sums_are_those_of_the_standard_tool(corpus):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=corpus, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 10 * 4 + 1


@pytest.mark.parametrize("size", list(plan.SIZES))
def test_splits_share_no_text_voice_or_speaker(size):
    texts = [s.text for sentences in plan.script(size, 0).values() for s in sentences]
    speakers = plan.speakers(size, 0)
    variants = {s: {x.voice.split("+")[1] for x in speakers if x.split == s} for s in plan.SPLITS}
    assert len(set(texts)) == len(texts)
    assert len({speaker.id for speaker in speakers}) == len(speakers)
    assert not variants["train"] & variants["test"]
    assert not variants["train"] & variants["dev"]
    assert not variants["dev"] & variants["test"]


def test_vocal_tracts_beyond_those_of_training():
    speakers = plan.speakers("default", 0)
    spread = {s: [abs(x.warp - 1) for x in speakers if x.split == s] for s in plan.SPLITS}
    assert max(spread["train"]) <= 0.03
    assert max(spread["test"]) > 0.15
    assert max(spread["dev"]) > 0.15


def test_the_varied_size_covers_the_vocal_tracts_of_its_test_set_and_differs_in_nothing_else():
    varied, default = (plan.speakers(size, 0) for size in ("varied", "default"))
    train, test = ([x.warp for x in varied if x.split == split] for split in ("train", "test"))
    assert min(train) <= min(test) < 0.82
    assert max(train) >= max(test) > 1.18
    voices = [[(x.voice, x.warp, x.pitch) for x in every if x.split == "test"] for every in (varied, default)]
    assert voices[0] == voices[1]
    assert plan.script("varied", 0) == plan.script("default", 0)


def test_a_voiced_stop_is_cut_at_its_burst():
    seconds = np.arange(2200) / 22050
    voice_bar = 0.02 * np.sin(2 * np.pi * 120 * seconds)
    noise = np.random.default_rng(0).standard_normal(400) * 0.2
    stop = np.concatenate([voice_bar[:1100], noise])
    assert phones.burst(stop) == 1100
    assert phones.burst(voice_bar) is None


def test_silence_before_a_voiceless_stop_is_its_closure():
    vowel = 0.3 * np.sin(np.arange(2200) * 0.1)
    samples = np.concatenate([np.zeros(550), vowel, np.zeros(550), vowel[:550], vowel, np.zeros(1100)])
    events = [Event(550, "'a"), Event(3300, "t"), Event(3850, "i:"), Event(6050, "_")]
    cut = [(p.label, p.start, p.end) for p in phones.segment(events, samples, rhotic=False)]
    assert cut[:3] == [("h#", 0, 550), ("ae", 550, 2750), ("tcl", 2750, 3300)]
    assert cut[3:] == [("t", 3300, 3850), ("iy", 3850, 6050), ("h#", 6050, 7150)]


def test_unknown_phoneme_names_the_table():
    with pytest.raises(SynthesisError, match=r"espeak_to_timit\.tsv has no row for .*'qqq'"):
        phones.segment([Event(0, "'qqq")], np.ones(500), rhotic=True)


def test_a_phone_has_a_phoneme_of_espeak_that_stands_for_it_alone():
    assert [phones.mnemonic_of(phone) for phone in ("sh", "eh", "r", "ax")] == ["S", "E", "r", "@"]
    with pytest.raises(SynthesisError, match="no row for the TIMIT phone 'zz' alone"):
        phones.mnemonic_of("zz")


def test_another_recipe_and_foreign_files_are_refused(corpus, tmp_path):
    with pytest.raises(SynthesisError, match="choose another folder"):
        synthesis.make(corpus, size="tiny", seed=4)
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SynthesisError, match="holds other files"):
        synthesis.make(tmp_path, size="tiny")
    with pytest.raises(SynthesisError, match=r"size must be one of tiny, .* got 'huge'"):
        synthesis.make(tmp_path / "new", size="huge")


def test_missing_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SynthesisError, match=r"pip install speechcnn\[synth\]"):
        synthesis.make(tmp_path / "new", size="tiny")


def test_a_worker_that_dies_is_named_after_a_second_try(tmp_path, monkeypatch):
    starts: list[int] = []
    real = tree.subprocess.Popen

    def dying(command, **options):
        starts.append(1)
        return real([sys.executable, "-c", "import os; os.abort()"], **options)

    monkeypatch.setattr(tree.subprocess, "Popen", dying)
    with pytest.raises(SynthesisError, match=r"died 2 times over .*/s[xi]"):
        synthesis.make(tmp_path / "new", size="tiny", workers=1)
    assert len(starts) >= 2


def test_timit_reader_takes_the_tree(corpus):
    timit = pytest.importorskip("speechcnn.corpora.timit")
    read = timit.read(corpus)
    assert (len(read.train), len(read.dev), len(read.test)) == (6, 2, 2)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    tree._claim(tmp_path / "new", {"version": tree.VERSION, "size": "tiny", "seed": 0})
    (tmp_path / "new" / "train").write_text("a file where a folder should be")
    with pytest.raises(SynthesisError, match=r"not complete: cannot write into .*new"):
        synthesis.make(tmp_path / "new", size="tiny", workers=1)
    assert not list(tmp_path.rglob("*.part"))
