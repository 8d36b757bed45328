from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechcnn.augment import Chain, Mixup, SpecAugment
from speechcnn.training.clips import (
    ClipBatch,
    ClipBatching,
    ClipBinaryCrossEntropy,
    ClipCrossEntropy,
    ClipExample,
    filled,
)
from speechcnn.training.loop import LoopSettings, Trainer, TrainingStopped
from speechcnn.training.schedules import OneCycle


def clips(n: int = 14) -> list[ClipExample]:
    rng = torch.Generator().manual_seed(1)
    made = []
    for i in range(n):
        features = torch.randn(1, 6, 9 + i % 5, generator=rng)
        features[:, i % 3] += 2
        made.append(ClipExample(f"c{i}", features, F.one_hot(torch.tensor(i % 3), 3).float(), 1.0 + i % 2))
    return made


def batching(**settings: object) -> ClipBatching:
    given = {"size": 4, "n_frames": 8, "seed": 3, "mean": torch.zeros(1, 6, 1), "std": torch.full((1, 6, 1), 2.0)}
    return ClipBatching(**{**given, **settings})


RANDOM = {"mixup": Mixup(), "chain": Chain([SpecAugment(most_bands=2, most_frames=3)]), "gain_db": 3.0}


def test_every_clip_comes_once_and_none_alone() -> None:
    examples = clips(13)
    plan = batching().plan(examples, 0)
    assert sorted(number for batch in plan for number in batch) == list(range(13))
    assert [len(batch) for batch in plan] == [4, 4, 5]
    assert plan != batching().plan(examples, 1)
    assert plan == batching().plan(examples, 0)


def test_a_draw_depends_on_seed_epoch_and_item_alone() -> None:
    examples, one = clips(), batching(**RANDOM)
    whole = one.join(examples, [2, 5, 7], epoch=4)
    alone = one.join(examples, [5], epoch=4)
    assert torch.equal(whole.features[1], alone.features[0])
    assert torch.equal(whole.targets[1], alone.targets[0])
    assert not torch.equal(one.join(examples, [5], epoch=5).features, alone.features)
    assert not torch.equal(batching(**RANDOM, seed=9).join(examples, [5], epoch=4).features, alone.features)


def test_mixed_targets_have_the_share_of_the_sound() -> None:
    examples = clips()
    batch = batching(mixup=Mixup(how="features")).join(examples, list(range(14)), epoch=0)
    assert batch.targets.sum(1).numpy() == pytest.approx([1.0] * 14)
    assert ((batch.targets > 0).sum(1) > 1).any()
    plain = batching().join(examples, list(range(14)), epoch=0)
    assert torch.equal(plain.targets, torch.stack([one.targets for one in examples]))


def test_evaluation_takes_the_middle_and_nothing_random() -> None:
    examples, one = clips(), batching(**RANDOM)
    batch = one.join(examples, [4], epoch=None)  # 13 frames: the window of 8 begins at 2
    assert torch.equal(batch.features[0], examples[4].features[..., 2:10] / 2)
    assert batch.weights.tolist() == [1.0]


def test_windows_run_over_the_end_only_where_that_is_allowed() -> None:
    row = torch.arange(10.0)[None, None].expand(1, 6, -1)
    examples = [ClipExample(f"{n}", row, torch.eye(3)[0]) for n in range(60)]
    for wrap, starts in ((True, set(range(10))), (False, {0, 1, 2})):
        firsts = batching(wrap=wrap).join(examples, list(range(60)), epoch=0).features[:, 0, 0] * 2
        assert set(firsts[:, 0].tolist()) == starts
        assert bool((firsts.diff(dim=1) == 1).all()) != wrap


def test_short_clips_are_repeated() -> None:
    row = torch.arange(3.0)[None, None]
    assert filled(row, 8)[0, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert filled(row, 2) is row


def batch_of(targets: torch.Tensor, weights: list[float]) -> ClipBatch:
    n = len(targets)
    return ClipBatch(tuple("ab"[:n]), torch.zeros(n, 1, 2, 2), targets, torch.tensor([2] * n), torch.tensor(weights))


def test_the_losses_are_torchs(rng) -> None:
    scores, targets = (
        torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]]),
        torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]]),
    )
    batch = batch_of(targets, [1.0, 3.0])
    rows = -(targets * scores.log_softmax(1)).sum(1)
    assert ClipCrossEntropy().loss(scores, batch).item() == pytest.approx(((rows[0] + 3 * rows[1]) / 4).item())
    assert ClipCrossEntropy().tally(scores, batch).correct == 2
    ones = (targets > 0.5).float()
    each = F.binary_cross_entropy(scores.sigmoid(), ones, reduction="none").mean(1)
    batch = batch_of(ones, [1.0, 3.0])
    assert ClipBinaryCrossEntropy().loss(scores, batch).item() == pytest.approx(((each[0] + 3 * each[1]) / 4).item())
    assert ClipBinaryCrossEntropy().tally(scores, batch).correct == 0


def test_a_weight_of_nothing_is_no_clip() -> None:
    scores, targets = torch.randn(2, 3), torch.eye(3)[:2]
    both, first = batch_of(targets, [1.0, 0.0]), batch_of(targets[:1], [1.0])
    assert ClipCrossEntropy().loss(scores, both).item() == pytest.approx(
        ClipCrossEntropy().loss(scores[:1], first).item()
    )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2))
        self.scores = nn.Linear(4, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.scores(self.layers(features).mean((2, 3)))


def trainer(folder: Path | None) -> Trainer:
    torch.manual_seed(3)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    settings = LoopSettings(epochs=3)
    return Trainer(model, ClipCrossEntropy(), optimizer, OneCycle(), settings, 5, folder, batching(**RANDOM))


def test_stopped_and_continued_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.fit(clips(), clips(6))
    for stop_at in (1, 6):
        parts = trainer(tmp_path / "parts")
        parts.on_batch = lambda *_, parts=parts, stop_at=stop_at: (
            os.kill(os.getpid(), signal.SIGINT) if parts.position.step == stop_at else None
        )
        with pytest.raises(TrainingStopped, match="Ctrl-C"):
            parts.fit(clips(), clips(6))
    parts = trainer(tmp_path / "parts")
    parts.fit(clips(), clips(6))
    assert all(torch.equal(a, b) for a, b in zip(parts.model.parameters(), whole.model.parameters(), strict=True))


def test_without_a_folder_nothing_is_kept() -> None:
    one = trainer(None)
    one.on_batch = lambda *_: os.kill(os.getpid(), signal.SIGINT) if one.position.step == 2 else None
    with pytest.raises(TrainingStopped, match="No checkpoints were asked for"):
        one.fit(clips(), clips(6))
    assert len(trainer(None).fit(clips(), clips(6))) == 3
