"""`speechcnn find WORD-or-MODEL AUDIO...`: where a keyword is said, in files and folders; exits as grep does."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from speechcnn import progress

if TYPE_CHECKING:
    from speechcnn.spotter import KeywordSpotter
    from speechcnn.spotting import Detection

    Found = Mapping[Path, Sequence[Detection]]

FOUND, NOT_FOUND, ERROR = 0, 1, 2  # as grep
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".sph", ".nist")  # of the files taken from a folder
COLUMNS = ("file", "keyword", "start", "end", "score")


def add_find(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    purpose = "where a keyword is said: start, end and score of each time"
    finding = commands.add_parser(
        "find",
        help=purpose,
        description=f"{purpose.capitalize()}. Exit status: 0 found, 1 not found, 2 an error occurred (as grep).",
    )
    finding.set_defaults(run=find)
    option = finding.add_argument
    option(
        "model", metavar="WORD-or-MODEL", help="a word that a model comes with the package for, or a .speechcnn file"
    )
    option("audio", type=Path, nargs="+", help="sound files of any rate and length, or folders (with their folders)")
    option("--format", choices=("text", "json", "csv", "audacity"), default="text")
    option("--threshold", type=float, default=None, help="least score of an event (default: the model's own)")
    option("--workers", type=int, default=None, help="processes (default: one a core, no more than files)")


def find(arguments: argparse.Namespace) -> int:
    """Print where the keyword is said; files that cannot be read are all named at the end."""
    from speechcnn.spotter import KeywordSpotter

    if arguments.threshold is not None and not 0 < arguments.threshold <= 1:
        raise ValueError(f"--threshold must lie above 0 and be at most 1; got {arguments.threshold:g}.")
    if arguments.workers is not None and arguments.workers < 1:
        raise ValueError(f"--workers must be at least 1; got {arguments.workers}.")
    files = list(sound_files(arguments.audio))
    if arguments.format == "audacity" and len(files) > 1:
        raise ValueError(f"--format audacity describes one recording; got {len(files)} of them.")
    spotter = KeywordSpotter.load(arguments.model)
    found, faults = search(spotter, arguments, files)
    sys.stdout.write(render(found, arguments.format))
    sys.stderr.writelines(f"speechcnn: {fault}\n" for fault in faults)
    if faults:
        return ERROR
    return FOUND if any(found.values()) else NOT_FOUND


def sound_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that are meant: those given, and the sound files in folders, by name.

    Raises:
        FileNotFoundError: a folder without sound files.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        if not inside:
            raise FileNotFoundError(f"{path}: no sound files ({', '.join(SUFFIXES)}) in this folder.")
        yield from inside


def search(
    spotter: KeywordSpotter, arguments: argparse.Namespace, files: Sequence[Path]
) -> tuple[dict[Path, list[Detection]], list[str]]:
    """Return the detections of each file, in the order of the files, and a sentence for each that cannot be read."""
    n_workers = min(arguments.workers or os.cpu_count() or 1, len(files))
    run = in_this_process if n_workers < 2 else in_processes
    with progress.bar("listening") as update:
        results = dict(run(spotter, arguments, files, n_workers, update))
    found = {path: result for path in files if isinstance(result := results[path], list)}
    return found, [result for path in files if isinstance(result := results[path], str)]


def in_this_process(
    spotter: KeywordSpotter,
    arguments: argparse.Namespace,
    files: Sequence[Path],
    n_workers: int,
    update: Callable[..., None],
) -> Iterator[tuple[Path, list[Detection] | str]]:
    """Yield each file's result."""
    for number, path in enumerate(files):
        yield path, result_of(spotter, path, arguments.threshold)
        update(number + 1, len(files), path.name)


def in_processes(
    spotter: KeywordSpotter,
    arguments: argparse.Namespace,
    files: Sequence[Path],
    n_workers: int,
    update: Callable[..., None],
) -> Iterator[tuple[Path, list[Detection] | str]]:
    """Yield each file's result as processes that hold the model finish them."""
    with ProcessPoolExecutor(n_workers, get_context("spawn"), load_once, (arguments.model,)) as pool:
        jobs = {pool.submit(result_in_worker, path, arguments.threshold): path for path in files}
        for number, job in enumerate(as_completed(jobs)):
            yield jobs[job], job.result()
            update(number + 1, len(files), jobs[job].name)


def result_of(spotter: KeywordSpotter, path: Path, threshold: float | None) -> list[Detection] | str:
    """Return a file's detections, or the sentence that says why it cannot be read."""
    try:
        return spotter.find(path, threshold=threshold)
    except (ValueError, OSError) as error:
        return str(error)


_held: list[KeywordSpotter] = []  # of a worker process: its one model


def load_once(model: str) -> None:
    """Make a process ready: one thread, and the model."""
    import torch

    from speechcnn.spotter import KeywordSpotter

    torch.set_num_threads(1)
    _held[:] = [KeywordSpotter.load(model)]


def result_in_worker(path: Path, threshold: float | None) -> list[Detection] | str:
    """Return a file's result in a worker process."""
    return result_of(_held[0], path, threshold)


def render(found: Found, form: str) -> str:
    """Return detections as text in one of the command's formats."""
    if form == "json":
        plain = {str(path): [asdict(one) for one in events] for path, events in found.items()}
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        return as_csv(found)
    if form == "audacity":
        return "".join(
            f"{one.start:.6f}\t{one.end:.6f}\t{one.keyword}\n" for events in found.values() for one in events
        )
    return "".join(line(path, one) for path, events in found.items() for one in events)


def as_csv(found: Found) -> str:
    """Return a table with a row for each detection."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for path, events in found.items():
        writer.writerows(
            (path, one.keyword, f"{one.start:.3f}", f"{one.end:.3f}", f"{one.score:.4f}") for one in events
        )
    return text.getvalue()


def line(path: Path, one: Detection) -> str:
    """Return a detection as a line: the file, start and end in seconds, the keyword, its score."""
    return f"{path}: {one.start:8.2f} {one.end:8.2f}  {one.keyword}  {one.score:.2f}\n"
