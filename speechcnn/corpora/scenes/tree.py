"""Write sets of clips and of scenes to disk, in parallel processes, the same bytes with any number of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count
from pathlib import Path

from speechcnn.corpora import processes
from speechcnn.corpora.growth import Growth, put
from speechcnn.corpora.scenes.plan import PARTS, Clips, Item, Scenes
from speechcnn.corpora.scenes.sounds import SOUNDS
from speechcnn.transcripts.events import read_audacity, write_dcase

VERSION = 1  # rises whenever the same recipe would give other bytes
_SUFFIXES = (".txt", ".wav")

Progress = Callable[[int, int], None]


class SceneError(ValueError):
    """A set cannot be made; the sentence says why and what to do."""


def make_clips(
    root: str | Path, recipe: Clips | None = None, workers: int | None = None, progress: Progress | None = None
) -> None:
    """Make a folder per class at `root`, one sound over a background in each clip, and ``meta.csv`` with the folds.

    The table has ESC's columns ``filename fold target category``; file names are relative to it. Beside each clip
    stands an Audacity label track. The same recipe gives the same bytes with any number of workers, and what stands
    already is not made again. `progress` is called with the clips done and their total.

    Raises:
        SceneError: another set or other files at `root`, a full disk, a worker that died; the next call goes on.
    """
    recipe = recipe or Clips()
    _make(Path(root), "clips", recipe, [Path("meta.csv")], lambda place: _write_meta(recipe, place), workers, progress)


def make_scenes(
    root: str | Path, recipe: Scenes | None = None, workers: int | None = None, progress: Progress | None = None
) -> None:
    """Make scenes in ``train``, ``dev`` and ``test`` at `root`, and for each part a DCASE table ``train.tsv``.

    The tables have the columns ``filename onset offset event_label low_hz high_hz``; beside each scene stands an
    Audacity label track. Otherwise as `make_clips`.

    Raises:
        SceneError: as `make_clips`.
    """
    tables = [Path(f"{part}.tsv") for part in PARTS]
    _make(Path(root), "scenes", recipe or Scenes(), tables, _write_tables, workers, progress)


def _make(
    root: Path,
    kind: str,
    recipe: Clips | Scenes,
    tables: list[Path],
    conclude: Callable[[Path], None],
    workers: int | None,
    progress: Progress | None,
) -> None:
    items = list(recipe.items())

    def fill(place: Path) -> None:
        missing = [item for item in items if not _stands(place, item)]
        job: dict[str, object] = {"root": str(place), "kind": kind, "recipe": asdict(recipe)}
        _run(job, missing, min(len(missing), workers or os.cpu_count() or 1), len(items), progress)
        conclude(place)

    def whole(place: Path) -> bool:
        return all((place / table).is_file() for table in tables) and all(_stands(place, item) for item in items)

    try:
        Growth({"kind": kind, "version": VERSION, **asdict(recipe)}, f"{kind}.json", whole, fill, f"set of {kind}").at(
            root
        )
    except SceneError:
        raise
    except OSError as error:
        raise SceneError(f"cannot write the {kind} at {root}: {error.strerror or error}") from error
    except ValueError as error:
        raise SceneError(str(error)) from error


def _stands(root: Path, item: Item) -> bool:
    return all((root / f"{item.name}{suffix}").is_file() for suffix in _SUFFIXES)


def _run(job: dict[str, object], items: list[Item], workers: int, total: int, progress: Progress | None) -> None:
    """Deal the items out to worker processes; raise a SceneError when one of them failed."""
    if not items:
        return
    done = count(total - len(items) + 1)

    def tell() -> None:
        number = next(done)
        if progress:
            progress(number, total)

    with ThreadPoolExecutor(workers) as threads:
        runs = [
            threads.submit(_work, {**job, "items": [asdict(i) for i in items[n::workers]]}, tell)
            for n in range(workers)
        ]
        faults = [fault for run in runs if (fault := run.result())]
    if faults:
        raise SceneError(f"{job['root']}: the set is not complete: {'; '.join(sorted(set(faults)))}")


def _work(job: dict[str, object], tell: Callable[[], None]) -> str:
    """Have one process make its share; return what went wrong as a sentence, or ""."""
    command = processes.command("speechcnn.corpora.scenes.worker")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=processes.environment()
    ) as process:
        for answer in _answers(process, job):
            if "error" in answer:
                return answer["error"]
            tell()
    return "" if process.returncode == 0 else f"a worker died with exit status {process.returncode}"


def _answers(process: subprocess.Popen[str], job: dict[str, object]) -> Iterator[dict[str, str]]:
    if process.stdin is None or process.stdout is None:
        return
    try:
        json.dump(job, process.stdin)
        process.stdin.close()
    except BrokenPipeError:
        return
    for line in process.stdout:
        yield json.loads(line)


def _write_meta(recipe: Clips, root: Path) -> None:
    numbers = {label: number for number, label in enumerate(SOUNDS)}
    rows = [
        f"{item.name}.wav,{recipe.fold(item.key[-1])},{numbers[item.label]},{item.label}" for item in recipe.items()
    ]
    put(root / "meta.csv", "\n".join(["filename,fold,target,category", *rows]) + "\n")


def _write_tables(root: Path) -> None:
    for part in PARTS:
        tracks = sorted((root / part).glob("[!.]*.txt"))
        events = {f"{part}/{track.stem}.wav": read_audacity(track.read_text("utf-8"), str(track)) for track in tracks}
        put(root / f"{part}.tsv", write_dcase(events))
