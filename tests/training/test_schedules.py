from __future__ import annotations

import pytest

from speechcnn.training.schedules import OPTIMIZERS, Constant, OneCycle, Plateau


def test_a_constant_rate_neither_falls_nor_ends() -> None:
    schedule = Constant()
    assert all(schedule.epoch_done(loss) for loss in (1.0, 2.0, 3.0))
    assert [schedule.factor(x) for x in (0, 0.5, 1)] == [1, 1, 1]


def test_one_cycle_rises_and_falls_to_zero() -> None:
    factor = OneCycle(rise=0.25).factor
    assert [factor(x) for x in (0, 0.25, 0.625, 1)] == pytest.approx([0.1, 1, 0.5, 0])


def test_plateau_divides_on_each_stall_and_then_ends() -> None:
    schedule = Plateau(divide_by=10, patience=2, divisions=1, tolerance=0)
    goes_on, factors = [], []
    for loss in (3, 2, 2, 2, 1, 1, 1):
        goes_on.append(schedule.epoch_done(loss))
        factors.append(schedule.factor(0))
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])
    assert goes_on == [True] * 6 + [False]


def test_plateau_state_comes_back() -> None:
    first, second = Plateau(), Plateau()
    first.epoch_done(1.0)
    first.epoch_done(1.0)
    second.load_state_dict(first.state_dict())
    assert second.factor(0) == first.factor(0) == 0.5


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: OneCycle(rise=0), "rise must lie between 0 and 1"),
    (lambda: Plateau(divide_by=1), "divide_by must be above 1"),
    (lambda: Plateau(patience=0), "patience must be at least 1"),
    (lambda: Plateau(tolerance=1), "tolerance must be at least 0 and below 1"),
    (lambda: OPTIMIZERS["adamw"]([], lr=0), "lr must be above 0 and at most 1000; got 0"),
    (lambda: OPTIMIZERS["sgd"]([], lr=0.1, weight_decay=-1), "weight_decay must be from 0 to 1000; got -1"),
    (lambda: OPTIMIZERS["sgd"]([], lr=0.1, momentum=1.0), "momentum must be at least 0 and below 1; got 1"),
])  # fmt: skip
def test_bad_values(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
