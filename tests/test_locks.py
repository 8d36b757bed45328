from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import threading
import time
from pathlib import Path

import pytest

from speechcnn import locks


def hold_for_ever(path: Path) -> None:
    with locks.hold(path, "the folder"):
        path.with_suffix(".held").touch()
        time.sleep(60)


@pytest.fixture
def owner(tmp_path: Path):
    """Another process that holds the lock until it is killed."""
    process = multiprocessing.get_context("spawn").Process(target=hold_for_ever, args=(tmp_path / "lock",))
    process.start()
    while not (tmp_path / "lock.held").exists():
        time.sleep(0.01)
    yield process
    process.kill()
    process.join()


def test_the_second_is_refused_and_told_who_the_first_is(tmp_path: Path, owner) -> None:
    with pytest.raises(locks.LockedError) as caught, locks.hold(tmp_path / "lock", "the run folder runs/1"):
        pass
    assert f"the run folder runs/1 is in use by process {owner.pid} on {platform.node()} since" in str(caught.value)
    assert "s ago)" in str(caught.value)


def test_a_killed_owner_is_followed_with_a_sentence(tmp_path: Path, owner, caplog: pytest.LogCaptureFixture) -> None:
    os.kill(owner.pid, signal.SIGKILL)
    owner.join()
    with locks.hold(tmp_path / "lock", "the folder"):
        assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()
    assert f"the folder was left by process {owner.pid} on" in caplog.text
    assert not (tmp_path / "lock").exists()


def test_one_may_wait(tmp_path: Path, owner, caplog: pytest.LogCaptureFixture) -> None:
    threading.Timer(0.5, owner.kill).start()
    with locks.hold(tmp_path / "lock", "the folder", wait=True):
        owner.join(5)
        assert owner.exitcode == -signal.SIGKILL
    assert f"the folder is in use by process {owner.pid}" in caplog.text


def test_only_one_at_a_time_of_many(tmp_path: Path) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with locks.hold(tmp_path / "lock", "the folder", wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (80, 1)


def test_it_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locks.hold(tmp_path / "deep" / "lock", "the folder"):
        raise KeyError
    assert not (tmp_path / "deep" / "lock").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"since": "today", "pid": 1, "host": "a"}'])
def test_a_lock_file_that_says_nothing_useful_is_no_obstacle(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    with locks.hold(tmp_path / "lock", "the folder"):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_file_that_its_owner_deletes_meanwhile_is_not_taken_for_the_lock(tmp_path: Path, monkeypatch) -> None:
    path, real, calls = tmp_path / "lock", locks.lock, []

    def late(descriptor: int) -> bool:
        if not calls:
            path.unlink()
        calls.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(locks, "lock", late)
    with locks.hold(path, "the folder"):
        assert path.exists()
    assert len(calls) == 2
