"""Prints how far each layer of this package is from loops, torch and finite differences."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor as Pool
from functools import partial
from multiprocessing import get_context

from speechcnn import progress
from speechcnn.layers.verify.own import OWN
from speechcnn.layers.verify.report import Check, Report, aligned, number
from speechcnn.layers.verify.verification import CHECKS, verify_layer

HEADINGS = ("layer", "comparison", "result", "largest error", "draws", "seconds", "note")
COMPARISONS = tuple(name for name, (_, most) in CHECKS.items() if most is None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the layers named, or all; return 0 if every row holds, 1 if one does not, 2 for bad arguments."""
    command = parser()
    parsed = command.parse_args(arguments)
    unknown = [name for name in parsed.layer if name not in OWN]
    if unknown or parsed.draws < 1:
        command.error(f"no layer is named {', '.join(unknown)}" if unknown else "--draws must be at least 1")
    reports = verified(parsed.layer or list(OWN), parsed.draws, parsed.seed)
    rows = [row for name, report in reports.items() for row in table(name, report)]
    sys.stdout.write(f"{aligned([HEADINGS, *rows])}\n")
    return 0 if all(reports.values()) else 1


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    command = argparse.ArgumentParser(prog="python -m speechcnn.layers.verify", description=__doc__)
    command.add_argument("layer", nargs="*", help=f"{', '.join(OWN)}; default: all of them")
    command.add_argument("--draws", type=int, default=200, help="random settings and shapes of each layer")
    command.add_argument("--seed", type=int, default=0, help="of the first draw")
    return command


def verified(names: Sequence[str], draws: int, seed: int) -> dict[str, Report]:
    """Return the reports of layers of this package, one process for each core."""
    check = partial(verify_own, draws=draws, seed=seed)
    workers = min(len(names), os.cpu_count() or 1)
    if workers == 1:
        return {name: check(name) for name in names}
    with progress.bar("verifying") as update, Pool(workers, mp_context=get_context("spawn")) as pool:
        reports = {}
        for name, report in zip(names, pool.map(check, names), strict=True):
            reports[name] = report
            update(len(reports), len(names), name)
    return reports


def verify_own(name: str, draws: int, seed: int) -> Report:
    """Return the report of a layer of this package."""
    return verify_layer(draw=OWN[name], draws=draws, seed=seed)


def table(name: str, report: Report) -> list[tuple[str, ...]]:
    """Return a layer's rows: each comparison over all draws, each other check that fails, and the rest in one."""
    shown = [row for row in report.rows if row.name in COMPARISONS or row.holds is False]
    rest = [row for row in report.rows if row not in shown and row.holds]
    rows = []
    for row in shown:
        shapes = " ".join(str(list(shape)) for shape in row.shape)
        note = f"seed {row.seed}, {shapes}: {row.note}" if row.holds is False else row.note
        rows.append((name, row.name, row.result, number(row.error), str(row.draws), f"{row.seconds:.1f}", note))
    return rows + ([together(name, rest)] if rest else [])


def together(name: str, held: Sequence[Check]) -> tuple[str, ...]:
    """Return one row for checks that hold, which it names."""
    largest = max((row.error for row in held if row.error is not None), default=None)
    draws, seconds = max(row.draws for row in held), sum(row.seconds for row in held)
    names = ", ".join(row.name for row in held)
    return name, "others", "holds", number(largest), str(draws), f"{seconds:.1f}", names


if __name__ == "__main__":
    sys.exit(main())
