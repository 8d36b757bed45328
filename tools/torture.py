#!/usr/bin/env python3
"""Breaks things on purpose and says what was lost: `tools/torture.py [trial ...]` prints one line a trial.

The trials are offered by the files of `tools/torments/`, each by a function `trials()`. Each draws from `--seed`, and
has a full size and a quick one (`--quick`), which the test suite runs. Exit status 1: a trial did not reach its figure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import platform
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
for place in (HERE, HERE.parent):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))
sys.modules.setdefault("torture", sys.modules[__name__])
# Processes that trials start must find the same files.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])

seed = 0


@dataclass(frozen=True)
class Result:
    """What a trial reached, beside what it should; the driver puts in the seconds."""

    name: str
    reached: str
    wanted: str
    passed: bool
    seconds: float = 0.0
    detail: str = ""


Trial = Callable[[bool], Result]  # the argument: quick


def rng(name: str) -> np.random.Generator:
    """A generator of its own for each trial, from the seed of the command line."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def trials() -> dict[str, Trial]:
    """Every trial by name, in the order of the files that offer them."""
    found: dict[str, Trial] = {}
    for path in sorted((HERE / "torments").glob("[a-z]*.py")):
        found |= importlib.import_module(f"torments.{path.stem}").trials()
    return found


def run(name: str, trial: Trial, quick: bool) -> Result:
    """Run one trial; an exception is a failure like any other."""
    start = time.perf_counter()
    try:
        result = trial(quick)
    except Exception as error:
        result = Result(name, "ended early", "an end", False, detail=f"{type(error).__name__}: {error}")
    return replace(result, seconds=time.perf_counter() - start)


def print_result(result: Result) -> None:
    mark = "" if result.passed else "   FAILED"
    print(f"{result.name:<24} {result.wanted:<30} {result.reached:<44} {result.seconds:>7.1f}{mark}", flush=True)
    if result.detail:
        print(f"{'':<24} {result.detail}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    global seed
    known = trials()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="trial", help=f"any of: {', '.join(known)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="the sizes of the test suite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=None, help="write the results to this file as well")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"unknown trial {', '.join(unknown)}; the trials are {', '.join(known)}")
    seed = sys.modules["torture"].seed = given.seed  # the trials import this file by its name
    import torch

    torch.set_num_threads(1)
    logging.getLogger("speechcnn").addHandler(logging.NullHandler())  # what breaks here is meant to
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{platform.machine()}, {versions}, 1 thread, seed {seed}\n")
    print(f"{'trial':<24} {'wanted':<30} {'reached':<44} {'seconds':>7}")
    results = []
    for name in given.names or known:
        results.append(run(name, known[name], given.quick))
        print_result(results[-1])
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
