from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from speechcnn.training import checkpoints
from speechcnn.training.batches import Example, FrameBatching, collate
from speechcnn.training.loop import LoopSettings, Trainer, TrainingStopped
from speechcnn.training.schedules import OneCycle, Plateau
from speechcnn.training.tasks import FrameCrossEntropy, Tally


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features.flatten(1, 2).transpose(1, 2))


def examples(n: int, seed: int) -> list[Example]:
    """Three classes of frames around three centres."""
    rng = torch.Generator().manual_seed(seed)
    centres = torch.eye(3).repeat(1, 2)
    made = []
    for i in range(n):
        targets = torch.randint(3, (20 + i % 7,), generator=rng)
        features = centres[targets].T + 0.5 * torch.randn(6, len(targets), generator=rng)
        made.append(Example(f"u{i}", features.reshape(2, 3, -1), targets))
    return made


def trainer(folder: Path, schedule=None, optimizer: str = "adamw", **settings) -> Trainer:
    torch.manual_seed(3)
    model = Net()
    made = {
        "adamw": lambda: torch.optim.AdamW(model.parameters(), 0.02),
        "sgd": lambda: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
    }[optimizer]()
    settings = {"epochs": 3, "batch_frames": 120} | settings
    return Trainer(model, FrameCrossEntropy(), made, schedule or OneCycle(), LoopSettings(**settings), 5, folder)


def test_it_learns(tmp_path: Path) -> None:
    history = trainer(tmp_path, epochs=6).fit(examples(30, 1), examples(10, 2))
    assert [record.epoch for record in history] == list(range(6))
    assert history[-1].dev_accuracy > 0.85
    assert history[-1].dev_loss < history[0].dev_loss


def test_the_best_weights_are_left(tmp_path: Path) -> None:
    one = trainer(tmp_path, epochs=4)
    history = one.fit(examples(30, 1), examples(10, 2))
    assert one.evaluate(examples(10, 2)).mean_loss == pytest.approx(min(r.dev_loss for r in history))


def test_the_last_weights_are_left_where_that_is_asked(tmp_path: Path) -> None:
    wrong = [Example(one.id, one.features, (one.targets + 1) % 3) for one in examples(10, 2)]  # learning makes it worse
    one = trainer(tmp_path, epochs=4, keep="last")
    losses = [record.dev_loss for record in one.fit(examples(30, 1), wrong)]
    assert one.evaluate(wrong).mean_loss == pytest.approx(losses[-1])
    assert losses[-1] > min(losses)
    with pytest.raises(ValueError, match="patience waits for a better epoch, and keep=last for none; got 3"):
        LoopSettings(epochs=4, keep="last", patience=3)


def test_a_criterion_chooses_instead_of_the_dev_loss(tmp_path: Path) -> None:
    one, seen = trainer(tmp_path, epochs=4), []

    def criterion() -> float:
        seen.append({name: tensor.clone() for name, tensor in one.model.state_dict().items()})
        return (0.5, 0.1, math.nan, 0.3)[len(seen) - 1]

    one.criterion = criterion
    one.fit(examples(30, 1), examples(10, 2))
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in one.model.state_dict().items())


def test_the_mean_of_the_weights_is_judged_and_left_and_training_goes_by_its_own(tmp_path: Path) -> None:
    data, after = (examples(30, 1), examples(10, 2)), []
    plain = trainer(tmp_path / "plain", epochs=2, keep="last")
    plain.fit(*data)
    one = trainer(tmp_path / "mean", epochs=2, keep="last", mean_epochs=2)  # the plain mean of all steps
    one.on_batch = lambda *_: after.append([weight.detach().clone() for weight in one.model.parameters()])
    history = one.fit(*data)
    for weights, last in zip(zip(*after, strict=True), plain.model.parameters(), strict=True):
        torch.testing.assert_close(weights[-1], last, rtol=0, atol=0)
    for weights, left in zip(zip(*after, strict=True), one.model.parameters(), strict=True):
        torch.testing.assert_close(torch.stack(weights).mean(0), left.data)
    assert one.evaluate(data[1]).mean_loss == pytest.approx(history[-1].dev_loss)


@pytest.mark.parametrize("schedule", [OneCycle, Plateau])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(("precision", "mean_epochs"), [("fp32", 0.0), ("bf16", 0.0), ("fp32", 0.5)])
def test_stopped_anywhere_and_continued_it_ends_with_the_same_weights(
    tmp_path: Path, schedule: type, optimizer: str, precision: str, mean_epochs: float
) -> None:
    data, asked = (examples(30, 1), examples(10, 2)), {"precision": precision, "mean_epochs": mean_epochs}
    whole = trainer(tmp_path / "whole", schedule(), optimizer, **asked)
    whole.fit(*data)
    n_stops = 0
    for stop_at in (1, 4, 9, 14):
        parts = trainer(tmp_path / "parts", schedule(), optimizer, **asked)
        parts.on_batch = lambda *_, parts=parts, stop_at=stop_at: (
            os.kill(os.getpid(), signal.SIGINT) if parts.position.step == stop_at else None
        )
        with pytest.raises(TrainingStopped, match="Ctrl-C"):
            parts.fit(*data)
        n_stops += 1
    parts = trainer(tmp_path / "parts", schedule(), optimizer, **asked)
    history = parts.fit(*data)
    assert n_stops == 4
    assert all(torch.equal(a, b) for a, b in zip(parts.model.parameters(), whole.model.parameters(), strict=True))
    assert [r.train_loss for r in history] == [r.train_loss for r in whole.position.history]


def test_other_seeds_end_with_other_weights(tmp_path: Path) -> None:
    first, second = trainer(tmp_path / "a"), trainer(tmp_path / "b")
    second.seed = 6
    for one in (first, second):
        one.fit(examples(30, 1), examples(10, 2))
    assert not torch.equal(next(first.model.parameters()), next(second.model.parameters()))


def test_a_batch_without_finite_loss_changes_nothing_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Example("broken", torch.full((2, 3, 200), float("nan")), torch.zeros(200, dtype=torch.int64))
    one = trainer(tmp_path)
    one.fit([*examples(30, 1), bad], examples(10, 2))
    assert "broken" in caplog.text
    assert all(p.isfinite().all() for p in one.model.parameters())
    assert [(step.epoch, step.what, step.ids) for step in one.position.skipped] == [
        (epoch, "features", ("broken",)) for epoch in range(3)
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_changes_neither_weights_nor_running_means(tmp_path: Path, value: float) -> None:
    one = trainer(tmp_path)
    one.model.layers.insert(0, Means())
    weight = one.model.layers[1].weight
    before = weight.clone()
    weight.register_hook(lambda gradient: gradient + value)
    batch = collate(examples(3, 1))
    one.train_batch(batch)
    assert torch.equal(weight, before)
    assert one.model.layers[0].seen == 0
    assert [(step.what, step.ids) for step in one.position.skipped] == [("gradient", batch.ids)]


class Means(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return x


def test_skipped_steps_are_remembered_over_a_stop(tmp_path: Path) -> None:
    bad = [Example(f"broken{i}", torch.full((2, 3, 200), float("nan")), torch.zeros(200).long()) for i in range(12)]
    with pytest.raises(TrainingStopped):
        trainer(tmp_path).fit(bad, examples(10, 2))
    again = trainer(tmp_path)
    with pytest.raises(TrainingStopped, match="11 steps in a row"):
        again.fit(bad, examples(10, 2))
    assert len({step.ids for step in again.position.skipped}) == 11


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    one = trainer(tmp_path, checkpoint_minutes=0)
    one.on_batch = lambda *_: one.model.layers[0].bias.data.fill_(math.nan) if one.position.step == 5 else None
    with pytest.raises(TrainingStopped, match=r"no longer finite .* a lower optimizer\.lr"):
        one.fit(examples(30, 1), examples(10, 2))
    assert checkpoints.newest(tmp_path).step == 4


def test_a_dev_loss_that_is_not_finite_is_never_the_best(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    losses = iter([math.nan, 2.0, 3.0])
    one.evaluate = lambda dev: Tally(next(losses), 1, 1)
    one.fit(examples(30, 1), examples(10, 2))
    assert one.position.best_loss == 2.0


def test_checkpoints_within_an_epoch(tmp_path: Path) -> None:
    saved: list[int] = []
    one = trainer(tmp_path, checkpoint_minutes=0, keep_checkpoints=3)
    one.on_epoch = lambda record: saved.append(len(checkpoints.folders(tmp_path)))
    one.fit(examples(30, 1), examples(10, 2))
    assert saved == [3, 3, 3]
    steps = [checkpoints.order(path)[0] for path in checkpoints.folders(tmp_path)]
    assert steps == [one.position.step - 1, one.position.step, one.position.step]


def test_a_full_disk_stops_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_durably", full)
    with pytest.raises(TrainingStopped, match=r"could not be written into .* \(No space left on device\)"):
        trainer(tmp_path).fit(examples(30, 1), examples(10, 2))


def test_other_conditions_are_told_when_a_run_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = trainer(tmp_path)
    one.on_batch = lambda *_: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(TrainingStopped):
        one.fit(examples(30, 1), examples(10, 2))
    trainer(tmp_path / "none").resume()
    assert caplog.text == ""
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        trainer(tmp_path).fit(examples(29, 1), examples(10, 2))
    finally:
        torch.set_num_threads(threads)
    assert f"threads: {threads} before, {threads + 1} now; training data:" in caplog.text


def test_settings_out_of_range_are_refused() -> None:
    for settings, sentence in (
        ({"workers": -1}, "workers must be at least 0; got -1"),
        ({"checkpoint_minutes": math.nan}, "checkpoint_minutes must be at least 0; got nan"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1; got 0"),
        ({"most_skipped": 0}, "most_skipped must be at least 1; got 0"),
        ({"mean_epochs": -1.0}, "mean_epochs must be at least 0; got -1.0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            LoopSettings(epochs=1, **settings)


def test_only_such_batches_end_the_training(tmp_path: Path) -> None:
    bad = [Example(f"broken{i}", torch.full((2, 3, 200), float("nan")), torch.zeros(200).long()) for i in range(12)]
    with pytest.raises(TrainingStopped, match="10 steps in a row with NaN or infinity, the last one broken"):
        trainer(tmp_path).fit(bad, examples(10, 2))


def test_patience_ends_it_early(tmp_path: Path) -> None:
    one = trainer(tmp_path, epochs=50, patience=2)
    one.optimizer.param_groups[0]["lr"] = one.peak_rate = 0.0
    assert len(one.fit(examples(30, 1), examples(10, 2))) == 3


def test_empty_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 0 to train on and 10 for dev"):
        trainer(tmp_path).fit([], examples(10, 2))


def louder(example: Example, epoch: int) -> Example:
    """Another example in each epoch."""
    return Example(example.id, example.features * (1 + epoch), example.targets)


def test_a_run_stopped_within_an_epoch_goes_on_exactly_when_examples_change(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.batching = FrameBatching(120, 5, louder)
    whole.fit(examples(30, 1), examples(10, 2))
    plain = trainer(tmp_path / "plain")
    plain.fit(examples(30, 1), examples(10, 2))

    def stop_at(done: int, total: int, epoch: int) -> None:
        if (done, epoch) == (3, 1):
            broken.stop("here")

    broken = trainer(tmp_path / "parts")
    broken.batching, broken.on_batch = FrameBatching(120, 5, louder), stop_at
    with pytest.raises(TrainingStopped):
        broken.fit(examples(30, 1), examples(10, 2))
    resumed = trainer(tmp_path / "parts")
    resumed.batching = FrameBatching(120, 5, louder)
    resumed.fit(examples(30, 1), examples(10, 2))
    weights = [dict(one.model.state_dict()) for one in (whole, resumed, plain)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
