from __future__ import annotations

import pytest
import torch
from torch import nn

from speechcnn.layers import Conv1d, Conv2d, Linear
from speechcnn.models import MODELS
from speechcnn.models.cost import multiply_adds, multiply_adds_per_second
from speechcnn.models.streaming import state_bytes, tensors_of

ROWS = {"n_classes": 2, "n_streams": 1, "n_bands": 40, "energy": False}


def test_layers_counted_by_hand() -> None:
    assert multiply_adds(Conv1d(3, 4, 5), torch.zeros(2, 3, 9)) == 2 * 4 * 5 * (3 * 5)
    assert multiply_adds(Conv1d(4, 4, 5, groups=4), torch.zeros(1, 4, 9)) == 4 * 5 * 5
    assert multiply_adds(Conv2d(1, 2, (3, 2), (2, 1)), torch.zeros(1, 1, 7, 4)) == 2 * 3 * 3 * 6
    assert multiply_adds(nn.Sequential(Linear(7, 3), nn.ReLU()), torch.zeros(5, 7)) == 5 * 7 * 3


def test_a_time_delay_network_by_hand() -> None:
    net = MODELS["keyword_tdnn"](**ROWS).eval()
    by_hand = 50 * (40 * 64 * 5 + 6 * 64 * 64 * 3 + 64 * 39 + 39 * 64 * 3 + 64 * 4)
    assert multiply_adds_per_second(net, (1, 40), 0.01) == by_hand


def test_a_separable_network_by_hand() -> None:
    net = MODELS["keyword_ds_tcn"](**ROWS, stride=1).eval()
    first = 40 * 11 + 40 * 128
    blocks = 128 * 11 + 2 * 128 * 64 + 64 * (13 + 15) + 2 * 2 * 64 * 64
    last = 64 * 17 + 64 * 128 + 128 * 128 + 128 * 4
    assert multiply_adds_per_second(net, (1, 40), 0.01) == 100 * (first + blocks + last)


def test_a_broadcast_network_by_hand() -> None:
    net = MODELS["keyword_bc_net"](**ROWS, channels=4, blocks=[1, 1, 1, 1]).eval()
    total, below, rows = 8 * 20 * 25, 8, 20
    for maps, step in ((4, 1), (6, 2), (8, 2), (10, 1)):
        mixed = below * maps * rows
        rows //= step
        total += mixed + 3 * maps * rows + 3 * maps + maps * maps
        below = maps
    total += 10 * 5 * 5 + 10 * 16 + 16 * 4
    assert multiply_adds_per_second(net, (1, 40), 0.01) == 50 * total


@pytest.mark.parametrize("name", ["keyword_tdnn", "keyword_ds_tcn"])
def test_the_state_by_hand(name: str) -> None:
    """Each layer keeps the frames that its next output needs again, a block also those that wait for its sum."""
    net = MODELS[name](**ROWS, lookahead_frames=0).eval()
    state = net.step(torch.zeros(1, 1, 40, 300), net.start(torch.zeros(1, 1, 40, 0)))[1]
    if name == "keyword_tdnn":
        kept = 40 * 4 + 64 * 2 * (1 + 2 + 4) + 39 * 2 * 4 + 64 * 2 * (8 + 8 + 16)
    else:
        kept = 40 * 10 + 128 * 10 + 64 * (12 + 14) + 64 * (5 + 6 + 7) + 64 * 16
    assert sum(one.numel() for one in tensors_of(state)) == kept
    assert state_bytes(state) == 4 * kept
