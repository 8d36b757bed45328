from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from speechcnn.training.averaging import WeightMean

EPOCHS, EPOCH_STEPS = 0.4, 10  # the plain mean of the first four steps, then a quarter of each


def model_at(value: float) -> nn.Module:
    """A model all of whose weights and statistics have a value."""
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for tensor in model.state_dict().values():
        tensor.fill_(value)
    return model


def test_it_is_the_plain_mean_until_enough_steps_are_done() -> None:
    mean = WeightMean(EPOCHS)
    for step, value in enumerate((1.0, 2.0, 6.0, 7.0)):
        mean.follow(model_at(value), step, EPOCH_STEPS)
    assert mean.tensors["0.weight"] == pytest.approx(torch.full((3, 2), 4.0))
    mean.follow(model_at(8.0), 4, EPOCH_STEPS)
    assert mean.tensors["0.weight"] == pytest.approx(torch.full((3, 2), 0.75 * 4 + 0.25 * 8))
    assert mean.tensors["1.running_var"] == pytest.approx(torch.full((3,), 5.0))
    assert mean.tensors["1.num_batches_tracked"] == 8  # a count has no mean


def test_later_steps_are_those_of_torch() -> None:
    model, mean = model_at(1.0), WeightMean(EPOCHS)
    peer = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.75))
    peer.update_parameters(model)
    mean.follow(model, 0, EPOCH_STEPS)
    draw = torch.Generator().manual_seed(0)
    for step in range(4, 12):
        for weight in model.parameters():
            weight.data = torch.randn(weight.shape, generator=draw)
        peer.update_parameters(model)
        mean.follow(model, step, EPOCH_STEPS)
    for name, weight in peer.module.named_parameters():
        torch.testing.assert_close(mean.tensors[name], weight.data)


def test_a_model_has_them_for_a_while() -> None:
    model, mean = model_at(1.0), WeightMean(EPOCHS)
    mean.follow(model_at(5.0), 0, EPOCH_STEPS)
    with mean.within(model):
        assert all((tensor == 5).all() for tensor in model.state_dict().values())
    assert all((tensor == 1).all() for tensor in model.state_dict().values())


def test_of_no_epochs_there_is_no_mean() -> None:
    model, mean = model_at(1.0), WeightMean(0)
    mean.follow(model_at(5.0), 0, EPOCH_STEPS)
    with mean.within(model):
        assert all((tensor == 1).all() for tensor in model.state_dict().values())


def test_of_all_epochs_it_is_the_plain_mean() -> None:
    mean = WeightMean(math.inf)
    for step in range(5):
        mean.follow(model_at(step), step, 1)
    assert mean.tensors["0.weight"] == pytest.approx(torch.full((3, 2), 2.0))
