"""Two processes make the same corpus at the same place, and one of them is killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torture

LONGEST = 300.0


def make(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "speechcnn.cli", "corpus", "make", str(root), "--size", "tiny", "--workers", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def finish(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=LONGEST)[1]


def trial(quick: bool) -> torture.Result:
    n_rounds, rng = (1 if quick else 30), torture.rng("generators")
    equal = waited = taken_over = 0
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        finish(make(Path(name) / "alone"))
        wanted, seconds = files(Path(name) / "alone"), time.perf_counter() - begun
        for number in range(n_rounds):
            place = Path(name) / f"round-{number}"
            place.mkdir()
            both = [make(place / "corpus"), make(place / "corpus")]
            time.sleep(rng.uniform(0.3, 1.0) * seconds)
            killed = both.pop(int(rng.integers(2)))
            killed.kill()
            finish(killed)
            said = finish(both[0])
            equal += files(place / "corpus") == wanted and both[0].returncode == 0
            equal -= [path.name for path in place.iterdir()] != ["corpus"]  # nothing else may be left there
            waited, taken_over = waited + ("waiting until" in said), taken_over + ("taken over" in said)
    detail = f"{waited} waited for the other, {taken_over} took over from a killed one; alone it takes {seconds:.1f} s"
    reached = f"{equal} of {n_rounds} complete and equal"
    passed = equal == n_rounds and len(wanted) > 40
    return torture.Result("generators", reached, f"{n_rounds} of {n_rounds}", passed, 0, detail)


def trials() -> dict[str, torture.Trial]:
    return {"generators": trial}
