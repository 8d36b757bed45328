from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from speechcnn.training import checkpoints
from speechcnn.training.checkpoints import Checkpoint, CheckpointError


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"model": {"w": torch.full((3,), float(step))}}, {"epoch": step})


def test_the_newest_comes_back_and_old_ones_go(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        checkpoints.save(tmp_path, checkpoint(step), keep=2)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert (found.step, found.state) == (11, {"epoch": 11})
    assert found.tensors["model"]["w"].tolist() == [11, 11, 11]
    assert [path.name for path in checkpoints.folders(tmp_path)] == ["step-00000010", "step-00000011"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "none") is None


@pytest.mark.parametrize("name", ["model.safetensors", "state.json", "manifest.json"])
def test_a_flipped_bit_is_noticed_and_the_earlier_one_used(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    path = checkpoints.save(tmp_path, checkpoint(2)) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert "step-00000002" in caplog.text


def test_damage_everywhere_never_means_a_silent_restart(tmp_path: Path) -> None:
    (checkpoints.save(tmp_path, checkpoint(1)) / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="none of them whole"):
        checkpoints.newest(tmp_path)


def test_a_failing_save_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(tmp_path, checkpoint(1))

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, checkpoint(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_step_saved_again_does_not_replace_what_is_there(tmp_path: Path) -> None:
    first = checkpoints.save(tmp_path, Checkpoint(7, {}, {"try": 1}))
    for number in range(2, 12):
        checkpoints.save(tmp_path, Checkpoint(7, {}, {"try": number}), keep=20)
    assert json.loads((first / "state.json").read_text())["try"] == 1
    assert checkpoints.newest(tmp_path).state == {"try": 11}
    checkpoints.save(tmp_path, Checkpoint(8, {}, {}))
    assert [path.name for path in checkpoints.folders(tmp_path)] == ["step-00000007.10", "step-00000008"]


def test_a_damaged_newest_one_does_not_outlive_the_whole_ones_written_after_it(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    (checkpoints.save(tmp_path, checkpoint(9)) / "state.json").unlink()
    assert checkpoints.newest(tmp_path).step == 1
    for step in (2, 3):
        checkpoints.save(tmp_path, checkpoint(step), keep=1)
    assert checkpoints.newest(tmp_path).step == 3
    assert (tmp_path / "step-00000009.damaged").is_dir()


def resealed(path: Path, name: str, content: bytes) -> None:
    """Change a file and the manifest with it."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {name: checkpoints.sha256(content)}))


@pytest.mark.parametrize(("name", "content"), [
    ("state.json", b"{"), ("state.json", b"[]"), ("state.json", b"{}"), ("state.json", b"\xff"),
    ("model.safetensors", b"short"), ("model.safetensors", b"\xff" * 40),
])  # fmt: skip
def test_a_broken_structure_under_right_sums_is_damage_too(
    tmp_path: Path, name: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    resealed(checkpoints.save(tmp_path, checkpoint(2)), name, content)
    assert checkpoints.newest(tmp_path).step == 1
    assert "step-00000002: not a checkpoint that this version wrote" in caplog.text


def test_what_a_run_cannot_take_over_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in (1, 2):
        checkpoints.save(tmp_path, checkpoint(step))
    taken: list[int] = []

    def take(found: Checkpoint) -> None:
        if found.step == 2:
            raise KeyError("position")
        taken.append(found.step)

    checkpoints.newest(tmp_path, take)
    assert taken == [1]
    assert "does not fit this run (KeyError: 'position')" in caplog.text


def test_an_added_file_is_noticed(tmp_path: Path) -> None:
    (checkpoints.save(tmp_path, checkpoint(1)) / "more.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"more\.safetensors changed"):
        checkpoints.newest(tmp_path)


def test_a_nearly_full_disk_is_noticed_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 2**20, 2**20))
    with pytest.raises(OSError, match="the disk is nearly full: a checkpoint takes"):
        checkpoints.save(tmp_path, checkpoint(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_nothing_is_deleted_before_the_new_one_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    whole = checkpoints.write_durably

    def forgetful(path: Path, content: bytes) -> None:
        whole(path, content[:-1] + b"?" if path.name == "model.safetensors" else content)

    monkeypatch.setattr(checkpoints, "write_durably", forgetful)
    with pytest.raises(CheckpointError, match="changed after it was written"):
        checkpoints.save(tmp_path, checkpoint(2), keep=1)
    assert checkpoints.newest(tmp_path).step == 1


def test_left_overs_of_a_killed_run_go(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    (tmp_path / "step-00000002.partial").mkdir()
    (tmp_path / "step-00000002.partial" / "model.safetensors").write_bytes(b"half")
    checkpoints.clean(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.AdamW(p, 0.1)])
def test_optimizer_state_comes_back(make) -> None:
    def step(layer: torch.nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        layer(torch.arange(3.0)).square().sum().backward()
        optimizer.step()

    layer = torch.nn.Linear(3, 2)
    optimizer = make(layer.parameters())
    step(layer, optimizer)
    twin = torch.nn.Linear(3, 2)
    twin.load_state_dict(layer.state_dict())
    restored = make(twin.parameters())
    tensors, groups = checkpoints.flatten_optimizer(optimizer)
    checkpoints.restore_optimizer(restored, {name: t.clone() for name, t in tensors.items()}, groups)
    step(layer, optimizer)
    step(twin, restored)
    assert torch.equal(layer.weight, twin.weight)
