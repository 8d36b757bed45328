"""The loops borrow nothing from what they judge, and nothing that is meant to be fast builds on them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "speechcnn"
REFERENCE = PACKAGE / "layers" / "reference"
NAME = "speechcnn.layers.reference"


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("*.py")), ids=lambda path: path.name)
def test_the_reference_imports_numpy_and_itself_alone(path: Path) -> None:
    foreign = {name for name in imported(path) if not name.startswith(NAME)}
    assert {name.partition(".")[0] for name in foreign} <= {"numpy", *sys.stdlib_module_names}


def test_verification_alone_uses_the_reference() -> None:
    users = {path for path in PACKAGE.rglob("*.py") if any(name.startswith(NAME) for name in imported(path))}
    outside = {path.relative_to(PACKAGE / "layers").parts[0] for path in users if REFERENCE not in path.parents}
    assert outside <= {"verify", "verify.py"}
