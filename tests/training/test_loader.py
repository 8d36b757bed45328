from __future__ import annotations

import threading

import pytest
import torch

from speechcnn.training import loader
from speechcnn.training.batches import Example, plan_epoch


def examples(n: int) -> list[Example]:
    return [Example(f"u{i}", torch.full((1, 2, 3 + i % 5), float(i)), torch.zeros(3 + i % 5).long()) for i in range(n)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_order_is_the_plans_with_any_number_of_workers(workers: int) -> None:
    data = examples(40)
    plan = plan_epoch([example.n_frames for example in data], 20, seed=1, epoch=0)
    alone, ahead = (list(loader.batches(data, plan, n)) for n in (0, workers))
    assert [batch.ids for batch in ahead] == [tuple(f"u{i}" for i in indices) for indices in plan]
    assert all(torch.equal(a.features, b.features) for a, b in zip(alone, ahead, strict=True))


def test_an_error_in_a_worker_arrives() -> None:
    data = [*examples(3), Example("odd", torch.zeros(1, 9, 3), torch.zeros(3).long())]
    batches = loader.batches(data, [[0, 1], [2, 3]], workers=2)
    assert next(batches).ids == ("u0", "u1")
    with pytest.raises(RuntimeError, match="size"):
        next(batches)


def test_no_thread_stays_when_the_reader_leaves() -> None:
    before = threading.active_count()
    batches = loader.batches(examples(40), [[i] for i in range(40)], workers=2)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before
