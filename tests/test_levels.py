"""Log energies without their level."""

from __future__ import annotations

import math

import torch

from speechcnn.features import levelled, loudest

ENERGIES = torch.tensor([[[1.0, 1e-3], [1e-9, 10.0]], [[0.2, -0.1], [0.0, 0.3]]])  # the second channel holds deltas


def maps() -> torch.Tensor:
    return torch.cat([ENERGIES[:1].log(), ENERGIES[1:]])


def test_decibels_below_the_loudest_cell() -> None:
    wanted = torch.tensor([[-10.0, -40.0], [-60.0, 0.0]])
    found = levelled(maps(), 60.0)
    torch.testing.assert_close(found[0] * 10 / math.log(10), wanted)
    assert torch.equal(found[1], ENERGIES[1])


def test_each_window_has_a_level_of_its_own() -> None:
    both = torch.stack([maps(), maps()])
    both[1, 0] -= 5.0
    torch.testing.assert_close(levelled(both, 60.0)[0], levelled(both, 60.0)[1])
    kept = levelled(both, 60.0, loudest(maps()))
    torch.testing.assert_close(kept[1, 0, 0, 0], torch.tensor(-math.log(10.0) - 5.0))


def test_no_range_changes_nothing() -> None:
    assert levelled(maps(), 0.0).equal(maps())
