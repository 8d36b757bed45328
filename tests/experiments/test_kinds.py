"""Whole experiments on a tiny made corpus: CTC, augmentation with a stop, and speakers held out in turn."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from speechcnn import load, transcripts
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.corpora import synthesis
from speechcnn.corpora.timit import read, speakers
from speechcnn.experiments import leave_speakers_out, phones
from speechcnn.experiments.leave_speakers_out import Fold, FoldSettings, folds
from speechcnn.metrics import score

SMALL = ["model=cnn_tdnn", "model.widths=[24]", "model.kernels=[3]", "model.dilations=[1]", "model.maps=8",
         "training.batch_frames=1000"]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "corpus"
    synthesis.make(root, "tiny")
    return root


def settings(module: object, corpus: Path, folder: Path, *overrides: str) -> dict:
    return compose(module, [*SMALL, f"corpus.root={corpus}", f"folder={folder}", *overrides])  # type: ignore[arg-type]


def test_ctc_trains_decodes_and_comes_back_from_its_file(corpus: Path, tmp_path: Path) -> None:
    made = settings(phones, corpus, tmp_path, "task=ctc", "training.epochs=3")
    phones.run(made)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["history"][-1]["train_loss"] < figures["history"][0]["train_loss"]
    recognizer = load(tmp_path / "phones.speechcnn")
    written = transcripts.read_trn((tmp_path / "hypotheses.trn").read_text())
    for utterance in read(corpus).test:
        segments = recognizer.transcribe(utterance.path)
        assert [one.label for one in segments] == written[utterance.id]
        aligned = recognizer.align(utterance.path, list(utterance.labels))
        assert [one.label for one in aligned] == list(utterance.labels)
        ends = [one.end for one in aligned]
        assert ends == sorted(ends)
        assert all(0 <= one.posterior <= 1 for one in aligned)
        assert all(left.end == right.start for left, right in itertools.pairwise(aligned))
    with pytest.raises(ValueError, match="was trained by CTC and has no states"):
        recognizer.stream()
    with pytest.raises(ValueError, match="was trained by CTC and has no states"):
        recognizer.transcribe(np.zeros(16000), rate=16000, confidence="paths")


def test_ctc_has_nothing_to_realign(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"task=ctc has no states to align; leave alignment\.rounds"):
        phones.run(settings(phones, corpus, tmp_path / "run", "task=ctc", "alignment.rounds=2"))


def test_an_augmented_run_is_the_same_with_any_number_of_workers(corpus: Path, tmp_path: Path) -> None:
    steps = "augmentation.steps=[{name: speed}, {name: frequency_warp}, {name: spec_augment, probability: 0.9}]"
    short = ["training.epochs=1", "alignment.rounds=0", "decoding.lm_scales=[1.0]"]
    losses = []
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        phones.run(settings(phones, corpus, folder, *short, steps, f"training.workers={workers}"))
        history = json.loads((folder / "metrics.json").read_text())["history"]
        losses.append([epoch["train_loss"] for epoch in history])
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_each_speaker_is_tested_once_by_a_run_that_never_heard_them(corpus: Path, tmp_path: Path) -> None:
    """The tiny corpus has four speakers: four folds of one, and each fold is a run of its own."""
    made = settings(leave_speakers_out, corpus, tmp_path, "training.epochs=1", "alignment.rounds=0", "folds.test=1")
    printed = leave_speakers_out.run(made)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    tested = [name for fold in figures["folds"] for name in fold["test"]]
    assert sorted(tested) == sorted(speakers(corpus))
    for number, fold in enumerate(figures["folds"]):
        heard = json.loads((tmp_path / f"fold-{number}" / "metrics.json").read_text())
        assert heard["speakers"] == {"train": 2, "dev": 1, "test": 1}
        assert ", ".join(fold["test"]) in heard["split_rule"]
    total = sum(
        json.loads((tmp_path / f"fold-{number}" / "metrics.json").read_text())["per"]["kaldi"][what]
        for number in range(4)
        for what in ("substitutions", "deletions", "insertions")
    )
    whole = figures["per"]["kaldi"]
    assert whole["rate"] == pytest.approx(total / whole["reference_tokens"])
    assert f"{100 * whole['rate']:.1f} %" in printed
    references, hypotheses = (transcripts.read_trn((tmp_path / f"{name}.trn").read_text())
                              for name in ("references", "hypotheses"))  # fmt: skip
    assert score(references, hypotheses).rate == whole["rate"]


def test_folds_deal_all_speakers_and_mix_the_sexes() -> None:
    names = ["FA", "FB", "FC", "FD", "MA", "MB", "MC", "MD"]
    dealt = folds(names, FoldSettings(test=2, dev=1))
    assert dealt[0] == Fold(("FB",), ("FA", "MA"))
    assert sorted(name for fold in dealt for name in fold.test) == names
    assert all({name[0] for name in fold.test} == {"F", "M"} for fold in dealt)
    assert not any(set(fold.dev) & set(fold.test) for fold in dealt)
    odd = folds(names[:7], FoldSettings(test=2, dev=2))
    assert sorted(len(fold.test) for fold in odd) == [2, 2, 3]
    with pytest.raises(SettingsError, match="2 speakers to test and 1 to tune at a time need 4; the corpus has 3"):
        folds(names[:3], FoldSettings())
