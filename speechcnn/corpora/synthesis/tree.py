"""Make a corpus on disk: the recipe, what is still missing, and the workers that make it.

A corpus grows under another name beside its place and is moved there when it is complete, so nobody reads half of it.
Two processes that want the same one do not meet: the second waits for the first, or goes on where it was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from speechcnn import locks
from speechcnn.corpora import checksums, processes
from speechcnn.corpora.synthesis import plan
from speechcnn.corpora.synthesis.espeak import find_loader
from speechcnn.corpora.synthesis.plan import SUFFIXES, Sentence, Speaker, SynthesisError, folder

VERSION = 1  # rises whenever the same size and seed would give other bytes
RECIPE = "corpus.json"
ATTEMPTS = 2

Progress = Callable[[int, int], None]


@dataclass
class _Work:
    """What the threads share: jobs to do, utterances done, faults met."""

    jobs: queue.SimpleQueue[dict[str, Any]]
    total: int
    done: int
    progress: Progress | None
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> None:
        with self.lock:
            self.done += 1
            if self.progress:
                self.progress(self.done, self.total)


def make(
    root: Path,
    size: str = "default",
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Make a corpus at `root`, or finish one that was begun; a finished one is left as it is.

    The same size and seed give the same bytes with any number of workers. `progress` is called with the utterances
    done and their total. Another process that is making the same corpus is waited for.

    Raises:
        SynthesisError: unknown size, another corpus or other files at `root`, espeak-ng missing, a full disk, or an
            utterance over which a worker died twice; what was made until then stays, the next call goes on from it.
    """
    root = Path(root).absolute()
    recipe = {"version": VERSION, "size": size, "seed": seed}
    plan.counts_of(size)
    if _stands_finished(root, recipe):
        return
    find_loader()
    with _writing(root), locks.hold(root.with_name(f".{root.name}.lock"), f"the corpus {root}", wait=True):
        if _stands_finished(root, recipe):
            return
        if (root / RECIPE).is_file():  # it was whole once and has lost files
            _fill(root, size, seed, workers, progress)
            return
        place = root.with_name(f".{root.name}.unfinished")
        _claim(place, recipe)
        _fill(place, size, seed, workers, progress)
        _finish(place, root)


def _fill(root: Path, size: str, seed: int, workers: int | None, progress: Progress | None) -> None:
    """Make every utterance that is missing below `root`."""
    total = sum(one.speakers * one.utterances for one in plan.counts_of(size).values())
    jobs = list(_missing(root, size, seed))
    work = _Work(queue.SimpleQueue(), total, total - sum(len(job["sentences"]) for job in jobs), progress)
    for job in jobs:
        work.jobs.put(job)
    _run(work, min(len(jobs), workers or os.cpu_count() or 1))
    if work.faults:
        raise SynthesisError(f"{root}: the corpus is not complete: " + "; ".join(sorted(set(work.faults))))
    if work.done < total:  # a thread ended early: the caller's `progress` raised
        raise SynthesisError(f"{root}: the corpus is not complete: stopped after {work.done} of {total}")


def _finish(place: Path, root: Path) -> None:
    """List the sums of all files and move the tree to where it belongs."""
    for left in place.rglob(".*.part"):  # of workers that were killed
        left.unlink(missing_ok=True)
    checksums.write(place)
    place.rename(root)


def _stands_finished(root: Path, recipe: dict[str, Any]) -> bool:
    """Say whether the corpus is there; raise a SynthesisError where something else is."""
    if not (root / RECIPE).is_file():
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise SynthesisError(f"{root} holds other files and no {RECIPE}: choose an empty or a new folder")
        return False
    found = _read_recipe(root / RECIPE)
    if found != recipe:
        raise SynthesisError(f"{root} holds a corpus made with {found}, asked for was {recipe}: choose another folder")
    return not any(_missing(root, recipe["size"], recipe["seed"]))


def _claim(root: Path, recipe: dict[str, Any]) -> None:
    """Write the recipe into a folder, over what was left there of another one."""
    path = root / RECIPE
    if path.is_file() and _read_recipe(path) == recipe:
        return
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    part = root / f".{RECIPE}.{os.getpid()}.part"
    part.write_text(json.dumps(recipe) + "\n", encoding="utf-8")
    part.replace(path)


def _read_recipe(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return "an unreadable recipe"


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SynthesisError(f"cannot write the corpus at {root}: {error.strerror or error}") from error


def _missing(root: Path, size: str, seed: int) -> Iterator[dict[str, Any]]:
    counts, texts = plan.counts_of(size), plan.script(size, seed)
    for speaker in plan.speakers(size, seed):
        each = counts[speaker.split].utterances
        first = speaker.key[-1] * each
        wanted = [s for s in texts[speaker.split][first : first + each] if not _stands(root, speaker, s)]
        if wanted:
            yield {
                "root": str(root.absolute()),
                "speaker": asdict(speaker),
                "sentences": [asdict(sentence) for sentence in wanted],
            }


def _stands(root: Path, speaker: Speaker, sentence: Sentence) -> bool:
    path = folder(root, speaker) / sentence.id
    return all(path.with_suffix(suffix).is_file() for suffix in SUFFIXES)


def _run(work: _Work, workers: int) -> None:
    threads = [threading.Thread(target=_serve, args=(work,), daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve(work: _Work) -> None:
    """Feed one worker process until no job is left; start another one in place of a dead one."""
    process = _start()
    try:
        while not work.faults:
            job = work.jobs.get_nowait()
            for attempt in range(ATTEMPTS):
                if _do(process, job, work):
                    break
                process = _restart(process)
                if attempt == ATTEMPTS - 1:
                    _report_death(job, work)
    except queue.Empty:
        pass
    finally:
        _stop(process)


def _do(process: subprocess.Popen[str], job: dict[str, Any], work: _Work) -> bool:
    """Have one job done; False when the worker died over it. What it made is taken off the job."""
    if process.stdin is None or process.stdout is None:
        return False
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
    for line in process.stdout:
        answer = json.loads(line)
        if "made" in answer:
            job["sentences"] = job["sentences"][1:]
            work.count()
            continue
        if "error" in answer:
            work.faults.append(_sentence(answer, job))
        return True
    return False


def _sentence(answer: dict[str, Any], job: dict[str, Any]) -> str:
    if answer.get("disk"):
        return f"cannot write into {job['root']}: {answer['error']}"
    return f"speaker {job['speaker']['id']}: {answer['error']}"


def _report_death(job: dict[str, Any], work: _Work) -> None:
    name = f"{job['speaker']['id']}/{job['sentences'][0]['id']}" if job["sentences"] else job["speaker"]["id"]
    work.faults.append(f"the speech worker died {ATTEMPTS} times over {name}")


def _start() -> subprocess.Popen[str]:
    command = processes.command("speechcnn.corpora.synthesis.worker")
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=processes.environment()
    )


def _restart(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    _stop(process)
    return _start()


def _stop(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.wait()
