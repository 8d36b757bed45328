from __future__ import annotations

from dataclasses import replace

import torch

from speechcnn.training import machine
from speechcnn.training.batches import Example

ONE = Example("u1", torch.arange(12.0).reshape(1, 3, 4), torch.tensor([0, 1, 1, 2]))


def test_the_fingerprint_depends_on_names_features_and_targets() -> None:
    changed = [
        replace(ONE, id="u2"),
        replace(ONE, features=ONE.features.clone().index_fill_(2, torch.tensor(3), 1e-7)),
        replace(ONE, targets=torch.tensor([0, 1, 2, 2])),
    ]
    sums = {machine.fingerprint([one]) for one in (ONE, *changed)}
    assert len(sums) == 4
    assert machine.fingerprint([replace(ONE, features=ONE.features.clone())]) in sums


def test_the_fingerprint_does_not_depend_on_how_features_lie_in_memory() -> None:
    turned = replace(ONE, features=ONE.features.transpose(1, 2).contiguous().transpose(1, 2))
    assert machine.fingerprint([turned]) == machine.fingerprint([ONE])


def test_only_what_was_recorded_and_changed_counts() -> None:
    assert machine.differences({"threads": 1, "torch": "2.14"}, {"threads": 2, "torch": "2.14", "new": 5}) == [
        "threads: 1 before, 2 now"
    ]
    assert machine.differences(machine.facts(), machine.facts()) == []
