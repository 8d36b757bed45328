"""The lecture's pooling table: seven networks, several seeds, one truth for the targets, one table with intervals.

One run aligns the corpus; every row then learns the same states with each seed, in a folder of its own. A finished run
is not run again, a stopped one goes on. The table is made from what lies in the folders.

Source: Deng, Abdel-Hamid and Yu (2013), "A deep convolutional neural network using heterogeneous pooling for trading
acoustic invariance with phonetic confusion".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from speechcnn import locks, progress
from speechcnn.arguments import SettingsError, Table, check_keys, check_type
from speechcnn.corpora import Corpus
from speechcnn.experiments import phones, run_folder
from speechcnn.experiments.bad_files import BadFiles
from speechcnn.experiments.phone_data import open_corpus
from speechcnn.experiments.pooling_results import write_results
from speechcnn.experiments.pooling_runs import NetworkSettings, Run, aligning, carry_out_all, planned

NAME = "pooling_table"
MOST_JOBS = 256

PARTS: Mapping[str, Table | Callable[..., Any]] = {
    **{part: phones.PARTS[part] for part in phones.PARTS if part != "alignment"},
    "model": NetworkSettings,
}
DERIVED: Sequence[str] = phones.DERIVED
FAILURES: tuple[type[Exception], ...] = (*phones.FAILURES, BrokenProcessPool)
TOP: Mapping[str, Any] = {
    "rows": Sequence[str],
    "seeds": Sequence[int],
    "aligner": str,
    "folder": str,
    "jobs": int,
    "threads": int | None,
    "quick": bool,
    "quick_settings": Mapping,
}


def run(settings: dict[str, Any]) -> str:
    """Do what is not done yet, and return the table."""
    check_top(settings)
    settings = quickened(settings)
    folder = Path(settings["folder"])
    with locks.hold(folder / run_folder.LOCK_FILE, f"the table's folder {folder}"):
        runs = planned(settings)
        check_runs(runs)
        started = time.perf_counter()
        corpus = open_once(runs[0])
        train_all([aligning(settings)], 1, "aligning the corpus")
        train_all(runs, settings["jobs"], "the table's runs")
        return write_results(folder, settings, runs, corpus, time.perf_counter() - started)


def check_top(settings: Mapping[str, Any]) -> None:
    """Raise a SettingsError when a value that belongs to no part does not fit."""
    check_keys("", settings, [*PARTS, *TOP])
    for key, hint in TOP.items():
        check_type(key, settings.get(key), hint)
    for key in ("rows", "seeds"):
        if not settings[key] or len(set(settings[key])) < len(settings[key]):
            raise SettingsError(f"{key} must list one or more different values; got {list(settings[key])}.")
    if not 1 <= settings["jobs"] <= MOST_JOBS:
        raise SettingsError(f"jobs must be from 1 to {MOST_JOBS}; got {settings['jobs']}.")


def quickened(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings, with quick=true those of `quick_settings` wherever nothing but the default stands."""
    if not settings["quick"]:
        return settings
    from speechcnn.configuration import plain

    default, quick = plain(NAME, []), settings["quick_settings"]
    found = dict(settings)
    for key, value in quick.items():
        if not isinstance(value, Mapping):
            found[key] = value if settings[key] == default[key] else settings[key]
            continue
        given = {k: v for k, v in settings[key].items() if k not in default[key] or v != default[key][k]}
        found[key] = {**default[key], **value, **given}
    return found


def check_runs(runs: Sequence[Run]) -> None:
    """Raise a SettingsError for a row that cannot be built, or a folder that holds another run, before any is begun."""
    for one in runs:
        run_folder.check(phones.PhoneExperiment(one.settings).folder, one.settings)


def open_once(first: Run) -> Corpus:
    """Read the corpus, so that it is there and known to be good before runs begin side by side."""
    corpus = phones.PhoneExperiment(first.settings).corpus_settings
    return open_corpus(corpus, BadFiles(corpus.bad_files, corpus.most_bad_percent, first.folder))


def train_all(runs: Sequence[Run], jobs: int, title: str) -> None:
    """Do the runs that are not finished."""
    waiting = [one for one in runs if not one.finished()]
    if not waiting:
        return
    done = len(runs) - len(waiting)
    with progress.bar(title) as update:
        update(done, len(runs))
        for one in carry_out_all(waiting, jobs):
            done += 1
            update(done, len(runs), one.title)
