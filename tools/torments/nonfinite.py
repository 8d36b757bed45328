"""NaN and infinity in one of a hundred training steps: in features, in the loss, in a gradient."""

from __future__ import annotations

import math
import tempfile
from contextlib import ExitStack
from pathlib import Path

import torture
from torch import Tensor
from torments import _small_run as small

from speechcnn.training.batches import Batch, plan_epoch
from speechcnn.training.loop import Trainer
from speechcnn.training.tasks import FrameCrossEntropy

KINDS = ("features", "features", "loss", "gradient")  # each with NaN and with infinity
NOISE = 0.03  # share of dev frames by which two good runs may differ


class BrokenLoss(FrameCrossEntropy):
    """Gives back what is not a number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        return super().loss(scores, batch) * self.value


class Poisoned(Trainer):
    """Puts a value into chosen steps; `poison` says by (epoch, batch) where and what."""

    poison: dict[tuple[int, int], tuple[str, float]]
    stayed_finite: bool  # the weights, after every epoch

    def step(self, batch: Batch) -> str:
        kind, value = self.poison.get((self.position.epoch, self.position.batch), ("", 0.0))
        usual = self.task
        with ExitStack() as undo:
            undo.callback(setattr, self, "task", usual)
            if kind == "features":
                batch.features[0, 0, 0, 3] = value
            if kind == "loss":
                self.task = BrokenLoss(value)
            if kind == "gradient":
                weight = next(self.model.parameters())
                undo.callback(weight.register_hook(lambda gradient: gradient + value).remove)
            return self.guarded(batch)

    def guarded(self, batch: Batch) -> str:
        return super().step(batch)


class Unguarded(Poisoned):
    """Steps whatever comes."""

    def guarded(self, batch: Batch) -> str:
        loss = self.task.loss(self.model(batch.features), batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return ""

    def checkpoint(self) -> None:
        pass


def fit(folder: Path, kind: type[Poisoned], poison: dict, n_train: int, epochs: int) -> Poisoned:
    one = small.trainer(folder, kind, epochs=epochs)
    one.poison, one.stayed_finite = poison, True
    one.on_epoch = lambda record: setattr(one, "stayed_finite", one.stayed_finite and finite(one))
    one.fit(small.examples(n_train, 1), small.examples(30, 2))
    return one


def finite(one: Trainer) -> bool:
    return all(tensor.isfinite().all() for tensor in one.model.state_dict().values())


def trial(quick: bool) -> torture.Result:
    n_train, epochs, rng = (300, 2, torture.rng("nonfinite")) if quick else (300, 20, torture.rng("nonfinite"))
    lengths = [example.n_frames for example in small.examples(n_train, 1)]
    plans = [plan_epoch(lengths, small.BATCH_FRAMES, small.SEED, epoch) for epoch in range(epochs)]
    places = [(epoch, batch) for epoch, plan in enumerate(plans) for batch in range(len(plan))]
    chosen = rng.choice(len(places), max(4, len(places) // 100), replace=False)
    poison = {
        places[place]: (KINDS[number % 4], (math.nan, math.inf, -math.inf)[number % 3])
        for number, place in enumerate(chosen.tolist())
    }
    with tempfile.TemporaryDirectory() as name:
        clean = fit(Path(name) / "clean", Poisoned, {}, n_train, epochs)
        hurt = fit(Path(name) / "hurt", Poisoned, poison, n_train, epochs)
        bare = fit(Path(name) / "bare", Unguarded, poison, n_train, epochs)
    named = {(step.epoch, step.batch): (step.what, step.ids) for step in hurt.position.skipped}
    wanted = {place: (kind, tuple(f"u{i}" for i in plans[place[0]][place[1]])) for place, (kind, _) in poison.items()}
    best = [max(record.dev_accuracy for record in one.position.history) for one in (clean, hurt)]
    passed = hurt.stayed_finite and named == wanted and abs(best[0] - best[1]) < NOISE and not bare.stayed_finite
    reached = f"{'finite' if hurt.stayed_finite else 'not finite'}, {len(named)} of {len(wanted)} named"
    detail = (
        f"{len(wanted)} of {len(places)} steps hurt; dev frames right {best[1]:.3f}, undisturbed {best[0]:.3f}; "
        f"without the guard the weights {'stay' if bare.stayed_finite else 'do not stay'} finite"
    )
    return torture.Result("nonfinite", reached, "weights finite, all named", passed, 0, detail)


def trials() -> dict[str, torture.Trial]:
    return {"nonfinite": trial}
