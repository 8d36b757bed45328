"""The trials of `tools/torture.py` at their quick sizes, and the driver itself."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"


MODULES = sorted(path.stem for path in (TOOLS / "torments").glob("[a-z]*.py"))
FAST = ("system_calls", "full_disk", "read_only", "checkpoint_bits")


@pytest.fixture
def torture(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("torture")


def reach(report: Path, names: Iterable[str]) -> None:
    """Run trials in a process of their own: some fork, which must not happen where threads run."""
    command = [sys.executable, str(TOOLS / "torture.py"), *names, "--quick", "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(row["name"], row["passed"]) for row in json.loads(report.read_text())] == [(name, True) for name in names]


def test_the_fast_trials_reach_their_figures(tmp_path: Path) -> None:
    reach(tmp_path / "results.json", FAST)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_the_trials_reach_their_figures(torture, tmp_path: Path, module: str) -> None:
    reach(tmp_path / "results.json", list(importlib.import_module(f"torments.{module}").trials()))


def test_every_torment_offers_trials_and_no_name_stands_twice(torture) -> None:
    offered = [name for module in MODULES for name in importlib.import_module(f"torments.{module}").trials()]
    assert len(offered) == len(set(offered)) == len(torture.trials())


def test_a_failing_trial_is_shown_and_ends_with_status_1(torture, monkeypatch, capsys, tmp_path: Path) -> None:
    def crash(quick: bool):
        raise ValueError("broken")

    def low(quick: bool):
        return torture.Result("low", "1 of 2", "2 of 2", False)

    monkeypatch.setattr(torture, "trials", lambda: {"crash": crash, "low": low})
    assert torture.main(["--json", str(tmp_path / "r.json")]) == 1
    assert capsys.readouterr().out.count("FAILED") == 2
    assert [(row["name"], row["detail"]) for row in json.loads((tmp_path / "r.json").read_text())] == [
        ("crash", "ValueError: broken"),
        ("low", ""),
    ]


def test_the_seed_decides_what_a_trial_draws(torture, monkeypatch) -> None:
    first = torture.rng("kill").random()
    assert torture.rng("kill").random() == first
    assert torture.rng("resume").random() != first
    monkeypatch.setattr(torture, "seed", 1)
    assert torture.rng("kill").random() != first
