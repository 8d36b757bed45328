#!/usr/bin/env python3
"""Measures speechcnn against a named peer: `tools/bench.py [room ...]` prints one table a room.

Every row runs ours and the peer's turn about in the same process, and states the median of each, their ratio and
the largest difference between their results; where memory matters, also the peak of each (ours / peer). The rooms
are the files of `tools/benchmarks/`; each offers `rows()`, or `rows(clips)` where sounds of the user's will do.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import inspect
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))
sys.modules.setdefault("bench", sys.modules[__name__])


@dataclass(frozen=True)
class Row:
    """One comparison. Times are medians in milliseconds; `ratio` is peer / ours (above 1: ours is faster)."""

    name: str
    ours_ms: float
    peer: str
    peer_ms: float
    difference: float | None = None  # largest absolute difference between the two results
    note: str = ""
    ours_mib: float | None = None  # most memory taken at a time, beyond what stood before
    peer_mib: float | None = None

    @property
    def ratio(self) -> float:
        return self.peer_ms / self.ours_ms


def compare(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    peer_name: str,
    repeats: int = 7,
    difference: float | None = None,
    note: str = "",
    memory: bool = False,
) -> Row:
    """Time two callables turn about (after one warm-up each) and return their medians as a row."""
    timings: tuple[list[float], list[float]] = ([], [])
    ours(), peer()
    for _ in range(repeats):
        for call, times in zip((ours, peer), timings, strict=True):
            start = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - start))
    medians = [statistics.median(times) for times in timings]
    peaks = (peak_mib(ours), peak_mib(peer)) if memory else (None, None)
    return Row(name, medians[0], peer_name, medians[1], difference, note, *peaks)


def peak_mib(call: Callable[[], object]) -> float:
    """Return how many MiB a call takes at most beyond what the process held before (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # sets the highest value seen to the present one
    call()
    return (memory_kib("VmHWM") - before) / 1024


def memory_kib(name: str) -> int:
    """Return one of the process's memory figures."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


def rooms() -> list[str]:
    return sorted(path.stem for path in (HERE / "benchmarks").glob("[a-z]*.py"))


def measure(room: str, clips: Path | None) -> Iterator[Row]:
    rows = importlib.import_module(f"benchmarks.{room}").rows
    yield from rows(clips) if takes_clips(room) else rows()


def takes_clips(room: str) -> bool:
    """Say whether a room can measure on clips of the user's."""
    return bool(inspect.signature(importlib.import_module(f"benchmarks.{room}").rows).parameters)


def print_row(row: Row) -> None:
    difference = "" if row.difference is None else f"{row.difference:.1e}"
    memory = "" if row.ours_mib is None else f"{row.ours_mib:.0f} / {row.peer_mib:.0f}"
    print(
        f"{row.name:<44} {row.ours_ms:>10.2f} {row.peer_ms:>10.2f} {row.ratio:>7.2f}  {difference:>8} {memory:>11}"
        f"  {row.peer}" + (f"  ({row.note})" if row.note else ""),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", help=f"any of: {', '.join(rooms())} (default: all)")
    parser.add_argument("--threads", type=int, default=None, help="torch threads (default: torch's own choice)")
    parser.add_argument("--clips", type=Path, default=None, metavar="DIR", help="sounds for the room classification")
    parser.add_argument("--json", type=Path, default=None, help="write the rows to this file as well")
    arguments = parser.parse_args()
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    unknown = set(arguments.rooms) - set(rooms())
    if unknown:
        parser.error(f"unknown room {', '.join(sorted(unknown))}; the rooms are {', '.join(rooms())}")
    if arguments.clips and not any(map(takes_clips, arguments.rooms)):
        parser.error("--clips is for rooms that classify clips; name one, as in: tools/bench.py classification")
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    collected = []
    for room in arguments.rooms or rooms():
        print(f"\n{room:<44} {'ours ms':>10} {'peer ms':>10} {'ratio':>7}  {'max diff':>8} {'MiB':>11}  peer")
        for row in measure(room, arguments.clips):
            print_row(row)
            collected.append({"room": room, **asdict(row), "ratio": row.ratio})
    if arguments.json:
        arguments.json.write_text(json.dumps(collected, indent=1) + "\n")


if __name__ == "__main__":
    main()
