"""Every trial of `tools/torture.py` at its quick size."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[1] / "tools" / "torture.py"


def driver() -> ModuleType:
    if "torture" not in sys.modules:
        specification = importlib.util.spec_from_file_location("torture", PATH)
        module = importlib.util.module_from_spec(specification)
        sys.modules["torture"] = module
        specification.loader.exec_module(module)
    return sys.modules["torture"]


@pytest.mark.slow
@pytest.mark.parametrize("name", driver().trials())
def test_a_trial_reaches_its_figure(name: str) -> None:
    result = driver().run(name, driver().trials()[name], quick=True)
    assert result.passed, f"{result.reached}; wanted: {result.wanted}; {result.detail}"
