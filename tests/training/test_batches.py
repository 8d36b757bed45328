from __future__ import annotations

import numpy as np
import torch

from speechcnn.training.batches import IGNORED, Example, collate, plan_epoch


def test_each_example_once_and_no_batch_too_large(rng: np.random.Generator) -> None:
    lengths = rng.integers(50, 400, 300).tolist()
    plan = plan_epoch(lengths, 2000, seed=1, epoch=0)
    assert sorted(i for batch in plan for i in batch) == list(range(300))
    assert max(len(batch) * max(lengths[i] for i in batch) for batch in plan) <= 2000


def test_an_utterance_longer_than_a_batch_stands_alone() -> None:
    plan = plan_epoch([10, 5000, 10], 100, seed=0, epoch=0)
    assert sorted(sorted(batch) for batch in plan) == [[0, 2], [1]]


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    lengths = list(range(50, 250))
    first = plan_epoch(lengths, 1000, seed=1, epoch=3)
    np.random.default_rng().random()
    assert plan_epoch(lengths, 1000, seed=1, epoch=3) == first
    assert plan_epoch(lengths, 1000, seed=1, epoch=4) != first
    assert plan_epoch(lengths, 1000, seed=2, epoch=3) != first


def test_little_padding(rng: np.random.Generator) -> None:
    lengths = rng.integers(50, 400, 1000).tolist()
    padded = sum(len(b) * max(lengths[i] for i in b) for b in plan_epoch(lengths, 3000, seed=0, epoch=0))
    assert sum(lengths) / padded > 0.9


def test_padding_is_zero_and_ignored() -> None:
    long = Example("a", torch.ones(2, 3, 5), torch.arange(5))
    short = Example("b", torch.ones(2, 3, 2), torch.arange(2))
    batch = collate([long, short])
    assert batch.features.shape == (2, 2, 3, 5)
    assert batch.features[1].sum() == 2 * 3 * 2
    assert batch.targets.tolist() == [[0, 1, 2, 3, 4], [0, 1, IGNORED, IGNORED, IGNORED]]
