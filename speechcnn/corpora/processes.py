"""How the processes are started that speak and mix: alike for all corpora that are made."""

from __future__ import annotations

import os
import sys


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of this package's modules."""
    return [sys.executable, "-P", "-m", module, *arguments]  # -P: a numpy.py in the working folder is not imported


def environment() -> dict[str, str]:
    """Return this process's environment with one thread for a worker: as many workers run as there are cores."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
