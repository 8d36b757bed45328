"""Numbered cases in a child process that a crash or a hang ends, and which then goes on with the next case.

A module that uses it offers `warm_up()` and `case(number)`, both called in the child in an empty folder. A case
prepares itself and returns a function that returns the answer; that one is bounded and timed.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torture

MOST_CRASHES = 20


def answers(module: str, n_cases: int, limit_seconds: float, most_bytes: int) -> list[dict[str, Any]]:
    """What each case answered, with its seconds; a crash or hang is an answer with "fault"."""
    found: list[dict[str, Any]] = []
    crashes = 0
    while len(found) < n_cases and crashes < MOST_CRASHES:
        bounds = f"{len(found)}, {n_cases}, {limit_seconds}, {most_bytes}, {torture.seed}"
        command = [sys.executable, "-c", f"from torments import _cases; _cases.child({module!r}, {bounds})"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            found += [json.loads(line) for line in process.stdout or () if line.endswith("}\n")]
        if process.returncode:
            crashes += 1
            found.append({"fault": f"ended by {process.returncode}", "seconds": limit_seconds, "bytes": 0})
    return found


def child(module: str, first: int, last: int, limit_seconds: float, most_bytes: int, seed: int) -> None:
    """Answer the cases from `first` on, each on a line."""
    torture.seed = seed
    offered = importlib.import_module(f"torments.{module}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        offered.warm_up()
        for number in range(first, last):
            print(json.dumps(bounded(offered.case, number, limit_seconds, most_bytes)), flush=True)


def bounded(
    case: Callable[[int], Callable[[], dict[str, Any]]], number: int, limit_seconds: float, most_bytes: int
) -> dict[str, Any]:
    """Run one case with an alarm that ends the process, and with little more memory than is taken already."""
    ready = case(number)
    resource.setrlimit(resource.RLIMIT_AS, (taken_bytes() + most_bytes, resource.RLIM_INFINITY))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, limit_seconds)
    answer = ready()
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.perf_counter() - start
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": seconds, "bytes": 1024 * grown, **answer}


def taken_bytes() -> int:
    """The memory that this process has reserved."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
