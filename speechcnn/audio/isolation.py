"""Decoding in a process of its own, for files from strangers.

The process is a fresh interpreter with bounded memory, time and output (`worker.py`). Samples come back as raw bytes
in a temporary file and the rest as one line of JSON, so nothing that the process says is executed here. This contains
crashes and bombs; it is no sandbox: the process may do what the user may do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from speechcnn.audio.headers import AudioError

if TYPE_CHECKING:
    from speechcnn.audio import AudioLimits

COMMAND = ("-P", "-m", "speechcnn.audio.worker")  # -P: a numpy.py in the working folder is not imported
_LONGEST_REPORT = 2**16


def decode_apart(path: str | Path, limits: AudioLimits) -> tuple[npt.NDArray[np.float32], int]:
    """Mono samples [N] and their rate, decoded in a process of its own.

    Raises:
        FileNotFoundError: no such file.
        AudioError: as `read`; also when the process crashed, or needed more time or memory than the limits allow.
    """
    job = json.dumps({"path": os.fspath(path), "limits": asdict(limits)})
    with TemporaryFile() as samples, TemporaryFile() as report:
        try:
            code = subprocess.run(
                [sys.executable, *COMMAND, job],
                stdin=subprocess.DEVNULL,
                stdout=samples,
                stderr=report,
                timeout=limits.process_seconds,
                env=_environment(),
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise AudioError(f"{path}: decoding may take {limits.process_seconds:g} s, this took longer") from None
        return _checked(samples, _answer(report, path, code), path)


def _environment() -> dict[str, str]:
    """The same import path, and one thread: each more would reserve memory that the limit counts."""
    paths = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _answer(report: IO[bytes], path: str | Path, code: int) -> dict[str, Any]:
    """The worker's last line, when it is an answer and no refusal."""
    report.seek(0)
    lines = report.read(_LONGEST_REPORT).decode(errors="replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1])
        kind, value = answer["kind"], answer["value"]
    except (IndexError, ValueError, TypeError, KeyError):
        raise AudioError(f"{path}: the decoder did not survive this file ({_death(code)})") from None
    if kind == "missing":
        raise FileNotFoundError(value)
    if kind != "samples":
        raise AudioError(value)
    return value


def _checked(samples: IO[bytes], answer: dict[str, Any], path: str | Path) -> tuple[npt.NDArray[np.float32], int]:
    samples.seek(0)
    found = np.fromfile(samples, dtype=np.float32)
    if len(found) != answer["n_samples"] or not np.isfinite(found).all():
        raise AudioError(f"{path}: the decoder did not give what it promised")
    return found, int(answer["rate"])


def _death(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
