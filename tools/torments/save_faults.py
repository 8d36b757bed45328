"""A save that fails: an error or a kill at every call of the operating system, a full disk, a read-only folder."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torture

from speechcnn.training import checkpoints
from speechcnn.training.checkpoints import Checkpoint, CheckpointError

# All through which checkpoints reach the disk; io.open is how pathlib reads a file.
CALLS = (
    [(os, name) for name in ("mkdir", "open", "write", "fsync", "close", "rename", "unlink", "rmdir")]
    + [(os, name) for name in ("stat", "lstat", "fstat", "scandir", "listdir", "statvfs")]
    + [(io, "open")]
)  # fmt: skip
NOBODY = 65534
KEPT = "the earlier checkpoints kept, stopped with a sentence"


def state(step: int) -> Checkpoint:
    weights = {"w": torch.full((3000,), float(step)), "n": torch.tensor(step)}
    return Checkpoint(step, {"model": weights, "optimizer": {"0.m": torch.ones(50)}, "best": weights}, {"epoch": step})


def holds(found: Checkpoint | None, steps: tuple[int, ...]) -> bool:
    """Whether a checkpoint is, to the last bit, the one of one of these steps."""
    if found is None or found.step not in steps:
        return False
    wanted = state(found.step)
    return found.state == wanted.state and all(
        torch.equal(tensor, found.tensors[part][name])
        for part, group in wanted.tensors.items()
        for name, tensor in group.items()
    )


def recovers(folder: Path) -> bool:
    """Whether every checkpoint is whole, the newest the earlier or newer state, and a run can go on saving."""
    checkpoints.clean(folder)
    for path in checkpoints.folders(folder):
        checkpoints.load(path)
    before = holds(checkpoints.newest(folder), (2, 3))
    checkpoints.save(folder, state(4))
    return before and holds(checkpoints.newest(folder), (4,))


def prepared(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for step in (1, 2):
        checkpoints.save(folder, state(step))
    return folder


@contextlib.contextmanager
def failing(at: int, fault: Callable[[Callable, tuple], object], lasting: bool = False) -> Iterator[list[int]]:
    """Let call number `at` (from 0), or it and all after it, go through `fault`; the context value counts calls."""
    count, real = [0], [(module, name, getattr(module, name)) for module, name in CALLS]

    def hooked(call: Callable) -> Callable:
        def run(*arguments, **options):
            number = count[0]
            count[0] += 1
            if number == at or (lasting and number > at):
                fault(call, arguments)
            return call(*arguments, **options)

        return run

    for module, name, call in real:
        setattr(module, name, hooked(call))
    try:
        yield count
    finally:
        for module, name, call in real:
            setattr(module, name, call)


def error(number: int) -> Callable[[Callable, tuple], object]:
    def fault(call: Callable, arguments: tuple) -> None:
        raise OSError(number, os.strerror(number))

    return fault


def die(call: Callable, arguments: tuple) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_half(call: Callable, arguments: tuple) -> None:
    """Do half of a write, or the whole of another call, and be killed."""
    if call.__name__ == "write":
        call(arguments[0], arguments[1][: len(arguments[1]) // 2])
    else:
        with contextlib.suppress(OSError):
            call(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


def save_failing(folder: Path, at: int, fault: Callable, lasting: bool) -> None:
    with failing(at, fault, lasting), contextlib.suppress(OSError, CheckpointError):
        checkpoints.save(folder, state(3))


def save_killed(folder: Path, at: int, fault: Callable) -> None:
    """Save in a fork that is killed; nothing here has started a thread."""
    child = os.fork()
    if child == 0:
        try:
            save_failing(folder, at, fault, False)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def count_calls(folder: Path) -> int:
    prepared(folder)
    with failing(-1, die) as count:
        checkpoints.save(folder, state(3))
    return count[0]


def system_calls(quick: bool) -> torture.Result:
    good = tried = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        n_calls = count_calls(folder)
        for at in range(0, n_calls, 13 if quick else 1):
            for fault, lasting in ((error(errno.EIO), False), (error(errno.EIO), True), (error(errno.ENOSPC), True)):
                save_failing(prepared(folder), at, fault, lasting)
                good, tried = good + recovers(folder), tried + 1
            for fault in (die, die_after_half):
                save_killed(prepared(folder), at, fault)
                good, tried = good + recovers(folder), tried + 1
    detail = f"{n_calls} calls; at each an error, lasting errors, a full disk from there on, a kill before and after"
    return torture.Result("system_calls", f"{good} of {tried} recover", "all recover", good == tried, 0, detail)


def full_disk(quick: bool) -> torture.Result:
    """The kernel cuts files short at every size, and a real small file system fills up where one may be mounted."""
    sizes = [len(content) for content in checkpoints.encode(state(3)).values()]
    limits = range(0, max(sizes), max(sizes) // (5 if quick else 100))
    good = 0
    with tempfile.TemporaryDirectory() as name:
        for limit in limits:
            folder = prepared(Path(name) / "run")
            refused = save_limited(folder, limit)
            good += refused and recovers(folder)
        mounted = small_disk(Path(name) / "disk")
    passed = good == len(limits) and mounted in ("", KEPT)
    detail = "on a file system of 3 MB: " + (mounted or "none could be mounted here")
    return torture.Result("full_disk", f"{good} of {len(limits)} recover", "all recover", passed, 0, detail)


def save_limited(folder: Path, limit: int) -> bool:
    """Save while no file may grow over `limit` bytes; whether that was refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        checkpoints.save(folder, state(3))
    except OSError as failure:
        return failure.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return False


FILL = """
import sys
from pathlib import Path
from torments import save_faults
print(save_faults.fill(Path(sys.argv[1])))
"""


def small_disk(place: Path) -> str:
    """Fill a file system of 3 MB with checkpoints; what became of it, or nothing when none can be mounted."""
    place.mkdir()
    mount = 'mount -t tmpfs -o size=3m none "$1" 2>/dev/null || exit 9; exec "$2" -c "$3" "$1"'
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        mount,
        "sh",
        str(place),
        sys.executable,
        FILL,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except FileNotFoundError:
        return ""
    if done.returncode == 9 or "unshare" in done.stderr:
        return ""
    return done.stdout.strip() or done.stderr.strip()


def fill(folder: Path) -> str:
    """Save until the disk is full, once with the check of free space and once without."""
    for spare in (checkpoints.SPARE_BYTES, -(2**40)):
        checkpoints.SPARE_BYTES = spare
        step, failure = 0, None
        while failure is None and step < 1000:
            step += 1
            try:
                checkpoints.save(folder / str(spare), state(step), keep=10_000)
            except OSError as caught:
                failure = caught
        if failure is None or failure.errno != errno.ENOSPC:
            return f"ended with {failure}"
        if not holds(checkpoints.newest(folder / str(spare)), (step - 1,)) or step < 3:
            return f"step {step - 1} is lost"
    return KEPT


def read_only(quick: bool) -> torture.Result:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        folder = prepared(Path(name) / "run")
        folder.chmod(0o555)
        sentence = save_without_rights(folder, Path(name))
        kept = holds(checkpoints.newest(folder), (2,))
        folder.chmod(0o755)
        passed = kept and recovers(folder) and "Permission denied" in sentence
    return torture.Result("read_only", "kept" if passed else f"not kept: {sentence}", "kept", passed, 0, sentence)


def save_without_rights(folder: Path, place: Path) -> str:
    """Save as a user whom the folder forbids to write; what the save said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            checkpoints.save(folder, state(3))
            os.write(writer, b"it was written")
        except OSError as failure:
            os.write(writer, str(failure).replace(str(place), "").encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, encoding="utf-8") as answer:
        return answer.read()


def trials() -> dict[str, torture.Trial]:
    return {"system_calls": system_calls, "full_disk": full_disk, "read_only": read_only}
