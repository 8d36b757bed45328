"""What the package must never do: run code from a file. The source is searched, and a load is watched."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "speechcnn").rglob("*.py"), *(ROOT / "recipes").rglob("*.py")])
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "hyperpyyaml"}
CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "torch.hub.load",
    "torch.export.load", "torch.package.PackageImporter", "np.load", "numpy.load", "np.lib.format.read_array",
    "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "hydra.utils.instantiate",
    "hydra.utils.call", "shutil.unpack_archive", "pd.read_pickle",
}  # fmt: skip
METHODS = {"extractall", "read_pickle"}
ARGUMENTS = {"allow_pickle", "weights_only", "shell"}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> list[str]:
    """Every import, call and argument in a source by which a file could run code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = [alias.name for alias in node.names]
            found += [name for name in [module, *names] if name.split(".")[0] in MODULES]
            found += [f"{module}.{name}" for name in names if f"{module}.{name}" in CALLS]
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            found += [name] if name in CALLS or (name.rpartition(".")[2] in METHODS and "." in name) else []
            found += [keyword.arg for keyword in node.keywords if keyword.arg in ARGUMENTS]
            found += [name] if name.endswith("import_module") and not names_a_module(node.args[0]) else []
    return found


def names_a_module(node: ast.expr) -> bool:
    """Whether a name is written out, or chosen from a table of the source."""
    if isinstance(node, ast.JoinedStr):
        return all(names_a_module(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return names_a_module(node.value)
    if isinstance(node, ast.Subscript):
        return dotted(node.value).strip("_").isupper()
    return isinstance(node, ast.Constant) or dotted(node) == "__name__"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_can_run_code_from_a_file(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("import torch\ntorch.load('x', weights_only=True)", "torch.load"),
        ("from torch import load", "torch.load"),
        ("import numpy as np\nnp.load('x')", "np.load"),
        ("f(allow_pickle=True)", "allow_pickle"),
        ("eval('1')", "eval"),
        ("import yaml\nyaml.load(x, Loader=y)", "yaml.load"),
        ("archive.extractall()", "archive.extractall"),
        ("subprocess.run('x', shell=True)", "shell"),
        ("from hydra.utils import instantiate", "hydra.utils.instantiate"),
        ("importlib.import_module(settings['name'])", "importlib.import_module"),
        ("import_module(f'{__name__}.{name}')", "import_module"),
    ],
)
def test_the_search_finds_what_it_should(source: str, fault: str) -> None:
    assert fault in faults(source)


def test_loading_and_using_a_model_unpickles_nothing_and_starts_nothing() -> None:
    """Python reports each such event to an audit hook, from C code too."""
    script = """
import sys, numpy
from speechcnn import load

def use():
    recognizer = load(sys.argv[1])
    recognizer.transcribe(numpy.zeros(8000, "float32"), 8000)

use()  # imports what it needs, and compiles: numba keeps its machine code in pickles of its own
seen = []
watched = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect")
sys.addaudithook(lambda event, _: seen.append(event) if event in watched else None)
use()
assert not seen, seen
import pickle
pickle.loads(pickle.dumps(numpy.float64(1)))
assert "pickle.find_class" in seen
"""
    model = ROOT / "tests" / "data" / "format_1.speechcnn"
    done = subprocess.run([sys.executable, "-c", script, model], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
