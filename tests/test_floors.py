"""The house's one rule: imports go down, never up and never sideways between rooms of one floor."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "speechcnn"
FLOORS = (
    {
        "audio",
        "events",
        "labels",
        "shapes",
        "arguments",
        "transcripts",
        "progress",
        "locks",
        "mel",
        "stages",
        "torchaudio_pair",
    },
    {"layers", "features", "augment", "corpora", "decoding", "spotting", "metrics"},
    {"models"},
    {"training"},
    {"bundle", "explain", "export", "report"},
    {"recognizer", "spotter", "classifier", "event_finder"},
    {"configuration", "experiments", "cli", "serve", "loading"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# Ground floor rooms may build on one another as long as no circle arises; so may the doors on the top floor.
SIDEWAYS = {0, len(FLOORS) - 1}
ONLY_IN = {
    "soundfile": {"audio"},
    "yaml": {"configuration"},
    "hydra": {"configuration"},
    "omegaconf": {"configuration"},
}
# The loops judge the layers, so only what judges may look at them, and they look at nothing that is judged.
REFERENCE, JUDGES = "speechcnn.layers.reference", ("layers/verify", "layers/reference")
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def faults(path: Path) -> list[str]:
    room = room_of(path)
    found = []
    for name in imports(path):
        top, *rest = name.split(".")
        if room not in ONLY_IN.get(top, {room}):
            found.append(f"{room} may not import {top}")
        if top != "speechcnn" or rest[0] == room or room == "__init__":
            continue
        other = FLOOR[rest[0]]
        if other > FLOOR[room] or (other == FLOOR[room] and other not in SIDEWAYS):
            found.append(f"{room} may not import {rest[0]}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    assert faults(path) == []


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} <= FLOOR.keys()


def test_the_rule_catches_a_climber(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    climber = tmp_path / "features.py"
    climber.write_text("from speechcnn.models import MODELS\nimport soundfile\nfrom speechcnn.corpora import timit\n")
    assert faults(climber) == [
        "features may not import models",
        "features may not import soundfile",
        "features may not import corpora",
    ]


def test_only_verification_imports_the_reference() -> None:
    outside = [path for path in MODULES if not str(path.relative_to(PACKAGE)).startswith(JUDGES)]
    assert not [str(path) for path in outside for name in imports(path) if name.startswith(REFERENCE)]


def test_the_reference_imports_nothing_of_the_package_but_itself() -> None:
    own = [name for path in PACKAGE.glob("layers/reference*/**/*.py") for name in imports(path)]
    assert not [name for name in own if name.startswith("speechcnn") and not name.startswith(REFERENCE)]


def test_recipes_are_leaves() -> None:
    assert not [name for path in MODULES for name in imports(path) if name.startswith("recipes")]
    assert not (PACKAGE.parent / "recipes" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import speechcnn", {"torch", "numpy", "hydra", "matplotlib", "librosa", "soundfile", "numba", "sklearn"}),
        ("import speechcnn.layers.verify", {"numba", "librosa", "scipy", "torchaudio", "hydra", "matplotlib"}),
        ("import speechcnn.cli", {"torch", "hydra", "matplotlib", "librosa", "numba", "sklearn"}),
        ("import speechcnn.experiments.phones", {"hydra", "librosa", "espeakng_loader", "tensorboard"}),
    ],
)
def test_heavy_imports_happen_at_use(statement: str, heavy: set[str]) -> None:
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert heavy & set(done.stdout.split()) == set()
