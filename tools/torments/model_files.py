"""Model files with one bit changed, and model files made to do harm."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torture
from torments import _cases, _hostile
from torments.mutations import MODEL

from speechcnn import bundle
from speechcnn.recognizer import load

MOST_SECONDS, MOST_BYTES = 1.0, 200 * 2**20
RUNS_CODE = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect")
CASES = [*_hostile.FILES, *_hostile.PATHS]
events: list[str] = []


def warm_up() -> None:
    load(MODEL)
    sys.addaudithook(lambda event, _: events.append(event) if event in RUNS_CODE else None)


def case(index: int) -> Callable[[], dict[str, Any]]:
    """Put one hostile file in place; the answer loads it."""
    name, path = CASES[index], Path("case.speechcnn")
    remove(path)
    if name in _hostile.FILES:
        path.write_bytes(_hostile.FILES[name]())
    else:
        _hostile.PATHS[name](path)
    events.clear()

    def answer() -> dict[str, Any]:
        try:
            load(path)
            fault = "was loaded"
        except (bundle.BundleError, FileNotFoundError) as error:
            fault = "" if str(path) in str(error) and len(str(error)) < 1000 else f"said {str(error)[:200]}"
        except BaseException as error:
            fault = f"{type(error).__name__}: {error}"[:200]
        marked = [str(one) for one in (Path("marker"), Path("../marker"), Path("/tmp/marker")) if one.exists()]
        return {"fault": "; ".join([*filter(None, [fault]), *marked, *events])}

    return answer


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)


def hostile(quick: bool) -> torture.Result:
    found = _cases.answers("model_files", len(CASES), MOST_SECONDS, MOST_BYTES)
    faults = [f"{name}: {one['fault']}" for name, one in zip(CASES, found, strict=True) if one["fault"]]
    slow = [f"{name}: {one['seconds']:.2f} s" for name, one in zip(CASES, found, strict=True) if one["seconds"] > 1]
    slowest, most = max(one["seconds"] for one in found), max(one["bytes"] for one in found) // 2**20
    return torture.Result(
        "hostile_models",
        f"{len(found) - len(faults)} of {len(CASES)} refused; slowest {slowest:.2f} s; {most} MB",
        "all of at least 40, 1 s, 200 MB",
        not faults and not slow and len(CASES) >= 40 and control(),
        detail="; ".join([*faults, *slow] or ["the control, a loader that unpickles, is marked by every pickle"]),
    )


def control() -> bool:
    """Whether the payloads would have worked: a loader that unpickles must leave the marker each time."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for build in _hostile.PICKLES.values():
            pickle.loads(build())  # noqa: S301
            if not Path("marker").exists():
                return False
            Path("marker").rmdir()
    return True


def flipped_bits(quick: bool) -> torture.Result:
    """Flip one bit of a model file at a time, anywhere in it."""
    n_flips, original = 200 if quick else 1000, MODEL.read_bytes()
    places = torture.rng("model_bits").choice(8 * len(original), n_flips, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.speechcnn"
        detected = sum(damaged(path, original, int(place)) for place in places)
        shutil.copy(MODEL, path)
        whole = len(bundle.read(path).tensors) > 0
    return torture.Result(
        "model_bits",
        f"{detected} of {n_flips} detected",
        f"{n_flips} of {n_flips}",
        detected == n_flips and whole,
        detail="" if whole else "the file without a flip was refused too",
    )


def damaged(path: Path, original: bytes, place: int) -> bool:
    data = np.frombuffer(original, dtype=np.uint8).copy()
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data.tobytes())
    try:
        bundle.read(path)
    except bundle.BundleError:
        return True
    return False


def trials() -> dict[str, torture.Trial]:
    return {"hostile_models": hostile, "model_bits": flipped_bits}
