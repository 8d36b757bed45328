from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from speechcnn import transcripts
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.corpora import Corpus, Utterance
from speechcnn.experiments import phones, pooling_runs, pooling_table, run_folder
from speechcnn.experiments.pooling_figures import against_above, best_of, compared, gather, span_of
from speechcnn.experiments.pooling_results import as_csv, main_table, notes, rate_point
from speechcnn.experiments.pooling_runs import Run, aligning, planned
from speechcnn.metrics import bootstrap_interval
from speechcnn.report.tables import as_markdown

ROWS = ["dnn", "p1", "p12", "p6", "p6_dropout", "p1_12", "p1_12_dropout"]
# Two speakers, three utterances; the hypotheses of row and seed.
REFERENCES = {"FABC0_SX1": ["aa", "t"], "FABC0_SX2": ["iy"], "MDEF0_SX1": ["s", "ow", "n", "iy", "s"]}
HEARD = {
    ("dnn", 0): {"FABC0_SX1": ["aa"], "FABC0_SX2": ["iy"], "MDEF0_SX1": ["s", "n", "iy"]},
    ("dnn", 1): {"FABC0_SX1": ["aa", "t"], "FABC0_SX2": ["ae"], "MDEF0_SX1": ["s", "ow", "n", "iy", "s"]},
    ("p6", 0): {"FABC0_SX1": ["aa", "t"], "FABC0_SX2": ["iy"], "MDEF0_SX1": ["s", "ow", "m", "iy", "s"]},
    ("p6", 1): {"FABC0_SX1": ["aa", "t"], "FABC0_SX2": ["iy"], "MDEF0_SX1": ["s", "ow", "n", "iy", "s"]},
}
TEST = tuple(Utterance(name, Path(f"{name}.wav"), (), name[:5]) for name in REFERENCES)


def settings(folder: Path, *overrides: str) -> dict[str, Any]:
    return compose(pooling_table, [f"folder={folder}", *overrides])


def heard(folder: Path) -> list[Run]:
    """Run folders as runs would have left them."""
    runs = []
    for (row, seed), hypotheses in HEARD.items():
        model = {"name": "dnn"} if row == "dnn" else {"name": "cnn_dnn", "pool": 6}
        run = Run(row, seed, {"folder": str(folder / row / str(seed)), "model": model})
        run.folder.mkdir(parents=True)
        transcripts.write_labels(run.folder / "references.trn", REFERENCES)
        transcripts.write_labels(run.folder / "hypotheses.trn", hypotheses)
        history = [{"seconds": 2.0 + seed}, {"seconds": 3.0}]
        measured = {"dev": {"rate": 0.25}, "parameters": 1234567, "history": history}
        (run.folder / "metrics.json").write_text(json.dumps(measured))
        runs.append(run)
    return runs


def test_every_row_is_trained_with_every_seed_and_the_same_states(tmp_path: Path) -> None:
    runs = planned(settings(tmp_path))
    assert [(run.row, run.seed) for run in runs] == [(row, seed) for seed in (0, 1, 2) for row in ROWS]
    assert {run.settings["alignment"]["source"] for run in runs} == {str(aligning(settings(tmp_path)).folder)}
    assert len({run.folder for run in runs}) == 21
    assert runs[5].settings["model"]["pool"] == list(range(1, 13))
    assert [run.settings["model"].get("dropout", 0) > 0 for run in runs[:7]] == [False] * 4 + [True, False, True]
    alike = ("corpus", "features", "normalisation", "task", "optimizer", "schedule", "decoding")
    assert all(run.settings[part] == runs[0].settings[part] for run in runs for part in alike)


def test_what_is_given_to_all_goes_where_a_network_knows_it(tmp_path: Path) -> None:
    given = (
        "training.epochs=9",
        "model.pool_shift=3",
        "model.assignment=replicate",
        "model.hidden=[8]",
        "rows=[dnn,p1,p6]",
    )
    runs = {run.row: run.settings for run in planned(settings(tmp_path, *given, "corpus.root=here"))}
    assert runs["dnn"]["model"] == {"name": "dnn", "hidden": [8]}
    assert runs["p1"]["model"] == {"name": "cnn_dnn", "pool": 1, "hidden": [8], "assignment": "replicate"}
    assert runs["p6"]["model"]["pool_shift"] == 3
    assert {one["training"]["epochs"] for one in runs.values()} == {9}
    assert {one["corpus"]["root"] for one in runs.values()} == {"here"}


@pytest.mark.parametrize("sharing", ["full", "limited"])
def test_every_row_can_be_built(tmp_path: Path, sharing: str) -> None:
    for run in planned(settings(tmp_path, "seeds=[0]", "rows=[dnn,p1,p12,p1_12]", f"model.sharing={sharing}")):
        phones.PhoneExperiment(run.settings)


def test_each_row_is_an_experiment_of_its_own(tmp_path: Path) -> None:
    for run in planned(settings(tmp_path, "seeds=[0]", "rows=[dnn,p6_dropout]")):
        alone = compose(phones, [f"experiment={run.row}"])
        assert alone["model"] == run.settings["model"]
        assert alone["training"] == run.settings["training"]


def test_quick_replaces_defaults_and_nothing_that_was_given(tmp_path: Path) -> None:
    plain = settings(tmp_path)
    assert pooling_table.quickened(plain) is plain
    quick = pooling_table.quickened(settings(tmp_path, "quick=true", "corpus.size=tiny", "model.span=5"))
    assert quick["corpus"] == {"root": None, "size": "tiny", "seed": 0}
    assert quick["seeds"] == [0]
    assert quick["model"] == {"hidden": [128, 128], "span": 5}
    assert quick["training"] == {"epochs": 2}


@pytest.mark.parametrize(("override", "sentence"), [
    ("seeds=[1,1]", r"seeds must list one or more different values; got \[1, 1\]"),
    ("rows=[]", "rows must list one or more"),
    ("jobs=0", "jobs must be from 1 to 256"),
    ("rows=[p7]", r"experiment=p7 is not known"),
    ("model.pool_shift=0", "pool_shift must be at least 1"),
])  # fmt: skip
def test_settings_are_checked_before_anything_runs(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        pooling_table.run(settings(tmp_path / "table", "corpus.root=nowhere", "rows=[p6]", override))


def test_a_run_is_finished_where_its_end_lies_with_its_own_settings(tmp_path: Path) -> None:
    run = planned(settings(tmp_path, "rows=[dnn]"))[0]
    assert not run.finished()
    run.folder.mkdir(parents=True)
    for name in ("report.html", "phones.speechcnn"):
        (run.folder / name).touch()
    kept = {key: value for key, value in run.settings.items() if key not in ("folder", "threads")}
    (run.folder / "settings.json").write_text(json.dumps(kept))
    assert run.finished()
    (run.folder / "settings.json").write_text(json.dumps({**kept, "seed": 5}))
    assert not run.finished()


def test_another_table_in_the_folder_is_refused(tmp_path: Path) -> None:
    runs = planned(settings(tmp_path, "rows=[dnn]", "corpus.root=here"))
    run_folder.claim(runs[0].folder, runs[0].settings)
    with pytest.raises(SettingsError, match=r"holds a run with other settings \(training\)"):
        pooling_table.run(settings(tmp_path, "rows=[dnn]", "corpus.root=here", "training.epochs=7"))


def test_figures_are_those_counted_by_hand(tmp_path: Path) -> None:
    dnn, pooled = gather(heard(tmp_path), TEST)
    # Seed 0: t, ow and the last s are lost, 3 of 8; seed 1: ae for iy.
    assert dnn.rates == [3 / 8, 1 / 8]
    assert dnn.mean == 1 / 4
    assert dnn.deviation == pytest.approx(statistics.stdev([3 / 8, 1 / 8]))
    assert dnn.pooled["FABC0_SX1"].errors == 1
    assert dnn.pooled["FABC0_SX1"].reference == 4
    assert pooled.rates == [1 / 8, 0]
    assert dnn.training_seconds == 5.5
    assert (dnn.title, pooled.title) == ("DNN", "P = 6")
    assert best_of([dnn, pooled]) is pooled


def test_a_row_is_tested_against_the_one_above(tmp_path: Path) -> None:
    dnn, pooled = gather(heard(tmp_path), TEST)
    tests = against_above([dnn, pooled])
    assert list(tests) == ["p6"]
    assert tests["p6"].bootstrap.difference == pytest.approx(1 / 16 - 1 / 4)
    assert compared(pooled, dnn).bootstrap.difference == pytest.approx(3 / 16)
    # Segments of both seeds: three with an error of the first row alone, one with one of the second row alone.
    assert tests["p6"].segments.mean < 0


def test_the_interval_is_that_of_the_counts_of_all_seeds(tmp_path: Path) -> None:
    dnn, _ = gather(heard(tmp_path), TEST)
    speakers = {name: name[:5] for name in REFERENCES}
    assert dnn.interval == bootstrap_interval(dnn.pooled, speakers, resamples=2000)
    assert dnn.interval.low < dnn.mean < dnn.interval.high


def test_the_table_says_what_ran(tmp_path: Path) -> None:
    rows = gather(heard(tmp_path), TEST)
    corpus = Corpus((), (), TEST, "as the folders stand", ("a remark",))
    note = notes(rows, settings(tmp_path), corpus)
    for words in ("seeds 0, 1", "by partition, pooling shift 2", "full weight sharing", "one dnn run", "a remark",
                  "speakers, then utterances", "token totals not checked"):  # fmt: skip
        assert words in note
    printed = as_markdown(main_table(rows, against_above(rows), note))
    assert "| DNN | 25.00 | 17.68 |" in printed
    assert "| P = 6 | 6.25 |" in printed
    assert "-18.75" in printed
    assert "| 22.3 |" in printed
    assert "1.23 M" in printed


def test_the_csv_has_a_line_for_each_seed_and_each_row(tmp_path: Path) -> None:
    rows = gather(heard(tmp_path), TEST)
    lines = list(csv.DictReader(as_csv(rows, against_above(rows)).splitlines()))
    assert [(line["row"], line["seed"]) for line in lines] == [
        ("dnn", "0"), ("dnn", "1"), ("dnn", "all"), ("p6", "0"), ("p6", "1"), ("p6", "all"),
    ]  # fmt: skip
    assert [float(line["per"]) for line in lines] == [0.375, 0.125, 0.25, 0.125, 0.0, 0.0625]
    assert float(lines[-1]["published"]) == 20.4
    assert float(lines[-1]["difference"]) == pytest.approx(-0.1875)


def test_the_plot_gets_shares(tmp_path: Path) -> None:
    point = rate_point(gather(heard(tmp_path), TEST)[1])
    assert (point.pool, point.rate, point.published, point.dropout) == (6, 0.0625, 0.204, False)


def test_pool_sizes_in_short() -> None:
    assert [span_of(one) for one in ([1, 2, 3], [1, 6], [4])] == ["1:3", "1, 6", "4"]


def broken(run: Run) -> str:
    """Stand in for a run: leave a mark, and fail with seed 1."""
    run.folder.mkdir(parents=True)
    if run.seed == 1:
        raise SettingsError("seed 1 cannot run")
    return run.title


def test_after_a_failure_nothing_new_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling_runs, "carry_out", broken)
    runs = [Run("dnn", seed, {"folder": str(tmp_path / str(seed))}) for seed in range(5)]
    done = []
    with pytest.raises(SettingsError, match="seed 1 cannot run"):
        done += [run.seed for run in pooling_runs.carry_out_all(runs, 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
