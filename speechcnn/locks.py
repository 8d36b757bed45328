"""One process at a time: a lock file that names its owner and that the kernel releases when the owner dies.

The lock is the kernel's (flock), so a killed owner never leaves one behind that only looks held; what the file says
is for people. Between machines it holds where the file system passes such locks on, as NFS and Lustre do.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class LockedError(ValueError):
    """Something is in use by another process; the message names it."""


@contextmanager
def hold(path: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path` as long as the context lasts.

    Args:
        path: the lock file; its folder is made where it is missing.
        what: what is locked, for messages ("the run folder runs/1").
        wait: wait for another owner instead of giving up.

    Raises:
        LockedError: another process holds it, and `wait` is off.
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = acquire(path, what, wait)
    try:
        sign(descriptor, what)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is still held: no one can have taken it for theirs
        os.close(descriptor)


def acquire(path: Path, what: str, wait: bool) -> int:
    """Return the open lock file once it is ours."""
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if lock(descriptor):
            if stands(descriptor, path):
                return descriptor
            os.close(descriptor)  # its owner deleted it in the meantime
            continue
        owner = words(read(descriptor))
        os.close(descriptor)
        if not wait:
            raise LockedError(f"{what} is in use by {owner}. Wait until it has ended, or use another one.")
        if not told:
            log.warning("%s is in use by %s; waiting until it has ended.", what, owner)
            told = True
        time.sleep(POLL_SECONDS)


def lock(descriptor: int) -> bool:
    """Say whether the open file could be locked."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stands(descriptor: int, path: Path) -> bool:
    """Say whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sign(descriptor: int, what: str) -> None:
    """Write who holds the lock, after saying so where the one before did not give it back."""
    before = read(descriptor)
    if before:
        log.warning("%s was left by %s without an end; it is taken over.", what, words(before))
    owner = {"host": platform.node(), "pid": os.getpid(), "since": time.time()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def read(descriptor: int) -> dict[str, Any]:
    """Return what a lock file says; nothing when it says nothing that can be read."""
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def words(owner: dict[str, Any]) -> str:
    """Return an owner as words: process, host, since when, how long."""
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner["since"]))
        age = duration(time.time() - owner["since"])
        return f"process {owner['pid']} on {owner['host']} since {since} ({age} ago)"
    except (KeyError, TypeError, ValueError, OverflowError):
        return "another process"


def duration(seconds: float) -> str:
    """Return a duration in its largest fitting unit.

    >>> duration(5400)
    '90 min'
    """
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"
