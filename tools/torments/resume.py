"""A run stopped after each of its steps and continued, under every setting; and what happens without the seeds."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from pathlib import Path

import torture
from torments import _small_run as small

from speechcnn.training.loop import Trainer, TrainingStopped
from speechcnn.training.schedules import SCHEDULES


class Unseeded(Trainer):
    """Leaves chance to the process."""

    def seed_step(self) -> None:
        pass


def whole(folder: Path, kind: type[Trainer] = Trainer, **settings) -> tuple[str, int]:
    """The sum of an unbroken run's weights, and its steps."""
    one = small.trainer(folder, kind, **settings)
    one.fit(*small.data())
    return small.weights_sum(one.model.state_dict()), one.position.step


def broken(folder: Path, stop_at: int, kind: type[Trainer] = Trainer, **settings) -> str:
    """The sum of the weights of a run that got Ctrl-C after a step and was continued by another trainer."""
    first = small.trainer(folder, kind, **settings)
    first.on_batch = lambda *_: os.kill(os.getpid(), signal.SIGINT) if first.position.step == stop_at else None
    try:
        first.fit(*small.data())
    except TrainingStopped:
        pass
    else:
        raise RuntimeError(f"the run could not be stopped after step {stop_at}")
    return whole(folder, kind, **settings)[0]


def trial(quick: bool) -> torture.Result:
    settings = [
        {"schedule": schedule, "precision": precision, "workers": workers}
        for schedule, precision, workers in itertools.product(SCHEDULES, ("fp32", "bf16"), (0, 2))
    ]
    equal = tried = 0
    sums: dict[tuple[str, str], set[str]] = {}
    for one in settings:
        with tempfile.TemporaryDirectory() as name:
            wanted, steps = whole(Path(name) / "whole", **one)
            sums.setdefault((one["schedule"], one["precision"]), set()).add(wanted)
            for stop_at in (1, 17, steps) if quick else range(1, steps + 1):
                equal += broken(Path(name) / str(stop_at), stop_at, **one) == wanted
                tried += 1
    workers_agree = all(len(found) == 1 for found in sums.values())
    passed = equal == tried and workers_agree and steps == small.STEPS
    detail = f"{steps} steps x {len(settings)} settings; 0 and 2 workers {'agree' if workers_agree else 'differ'}"
    return torture.Result("resume", f"{equal} of {tried} equal", f"{tried} of {tried} equal", passed, 0, detail)


def control(quick: bool) -> torture.Result:
    """Without a seed for each step a continued run must end elsewhere: the trial above can fail."""
    stops = (1, 17) if quick else range(1, small.STEPS)
    with tempfile.TemporaryDirectory() as name:
        wanted, _ = whole(Path(name) / "whole", Unseeded)
        differing = sum(broken(Path(name) / str(stop), stop, Unseeded) != wanted for stop in stops)
    reached = f"{differing} of {len(stops)} differ"
    return torture.Result("resume_unseeded", reached, "all differ (a control)", differing == len(stops))


def trials() -> dict[str, torture.Trial]:
    return {"resume": trial, "resume_unseeded": control}
