"""The runs behind a table: one for each row and seed, with settings alike but for what the row is about."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechcnn.arguments import construct, signature_of
from speechcnn.experiments import phones, run_folder
from speechcnn.experiments.phone_results import MODEL_FILE
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import Assignment
from speechcnn.models import MODELS
from speechcnn.models.cnn_dnn import Sharing

SHARED = ("corpus", "features", "normalisation", "task", "optimizer", "schedule", "training", "decoding")
ALIGNMENT_FOLDER, LOG_FILE, LAST_FILE = "alignment", "log.txt", "report.html"


@dataclass(frozen=True)
class NetworkSettings:
    """What all rows' networks share; null leaves a value to the network. A row takes what its network knows."""

    hidden: Sequence[int] | None = None  # sizes of the full layers
    maps: int | None = None
    span: int | None = None  # bands that a filter covers
    context: int | None = None  # frames
    pool_shift: int | None = None  # bands between two maxima, where a row pools
    assignment: Assignment | None = None  # how several pool sizes are given to the maps
    sharing: Sharing | None = None  # of the filters along frequency
    backprop: Backprop | None = None

    def over(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's network with these values in it; a net without pooling keeps its own shift."""
        known = signature_of(MODELS[own["name"]])
        given = {key: value for key, value in asdict(self).items() if value is not None and key in known}
        if own.get("pool") == 1:
            given.pop("pool_shift", None)
        return {**own, **given}


@dataclass(frozen=True)
class Run:
    """One run of the table, finished or not."""

    row: str
    seed: int
    settings: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.settings["folder"])

    @property
    def title(self) -> str:
        """Name for messages."""
        return f"{self.row}, seed {self.seed}"

    def finished(self) -> bool:
        """Whether the folder holds the end of a run with these settings."""
        if not all((self.folder / name).exists() for name in (LAST_FILE, MODEL_FILE, run_folder.SETTINGS_FILE)):
            return False
        mine = {key: value for key, value in self.settings.items() if key not in ("folder", "threads")}
        return run_folder.read_settings(self.folder / run_folder.SETTINGS_FILE) == mine


def planned(settings: Mapping[str, Any]) -> list[Run]:
    """Return the table's runs, all rows with the first seed before any with the second."""
    alignment = {"rounds": 0, "source": str(Path(settings["folder"]) / ALIGNMENT_FOLDER)}
    rows = {row: row_settings(settings, row) | {"alignment": alignment} for row in settings["rows"]}
    return [
        Run(row, seed, {**own, "seed": seed, "folder": str(Path(settings["folder"]) / row / f"seed-{seed}")})
        for seed in settings["seeds"]
        for row, own in rows.items()
    ]


def aligning(settings: Mapping[str, Any]) -> Run:
    """Return the run whose network aligns the corpus for all rows."""
    row, seed, folder = settings["aligner"], settings["seeds"][0], str(Path(settings["folder"]) / ALIGNMENT_FOLDER)
    own = row_settings(settings, row) | {"alignment": {"rounds": 0, "save": True}, "seed": seed, "folder": folder}
    return Run(row, seed, own)


def row_settings(settings: Mapping[str, Any], row: str) -> dict[str, Any]:
    """Return what a row's runs have in common: the row's experiment, and over it what the table gives to all rows."""
    from speechcnn.configuration import check_option, plain

    check_option(choice := f"experiment={row}")
    own = plain(phones.NAME, [choice])
    own |= {part: merged(own[part], settings[part]) for part in SHARED}
    own["model"] = construct("model", NetworkSettings, settings["model"]).over(own["model"])
    return own | {"threads": settings["threads"]}


def merged(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a row's settings with what is given for all rows; another name is another part."""
    if "name" in given and given["name"] != own.get("name"):
        return dict(given)
    return {**own, **given}


def carry_out(run: Run, quiet: bool = True) -> str:
    """Run, with the progress bars in the run's own log; return its title."""
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / LOG_FILE).open("a") as log, redirect_stderr(log):
        phones.run(run.settings)
    return run.title


def carry_out_all(runs: Sequence[Run], jobs: int) -> Iterator[Run]:
    """Do the runs, `jobs` at a time, in processes of their own; yield each when it ends.

    A run is handed over when a process is free for it, so after Ctrl-C or a failure none begins that was not begun; the
    runs beside a failed one are ended first.
    """
    waiting, busy = list(reversed(runs)), dict[Future[str], Run]()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                run = waiting.pop()
                busy[pool.submit(carry_out, run)] = run
            done, _ = wait(busy, return_when=FIRST_COMPLETED)
            for future in done:
                run = busy.pop(future)
                future.result()
                yield run
