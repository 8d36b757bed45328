from __future__ import annotations

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
