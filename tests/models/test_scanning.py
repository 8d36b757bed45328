"""Scanning part by part against the same function of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speechcnn.features import FEATURES
from speechcnn.models import PHONE_MODELS
from speechcnn.models.scanning import Scan, time_field
from speechcnn.shapes import ReceptiveField, Window, receptive_field
from speechcnn.stages import through

TIME: dict[str, Any] = {"widths": [9, 9], "kernels": [1, 3], "dilations": [1, 2]}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "cnn_dnn": {"pool": 3, "maps": 4, "span": 3},
    "tdnn": TIME,
    "cnn_tdnn": TIME | {"pool": 3, "maps": 4, "span": 3},
    "residual_cnn": TIME | {"maps": [3, 4]},
}
SHAPE = {"n_classes": 6, "n_streams": 2, "n_bands": 8, "energy": True}


def parts(whole: Tensor, sizes: Iterator[int]) -> Iterator[Tensor]:
    first = 0
    while first < whole.shape[-1]:
        size = next(sizes)
        yield whole[..., first : first + size]
        first += size


def lengths(rng: np.random.Generator, most: int) -> Iterator[int]:
    return iter(lambda: int(rng.integers(1, most + 1)), None)


@pytest.mark.parametrize("most", [1, 4, 37, 400])
@pytest.mark.parametrize(
    "windows",
    [
        [Window(1)],
        [Window(5, padding=2), Window(3, padding=1)],
        [Window(4, stride=3), Window(3, dilation=2, padding=2)],
        [Window(5, stride=2, padding=1), Window(3, stride=2, padding=1)],
        [Window(2, stride=5)],
        [Window(6)],
    ],
)
def test_parts_of_any_length_give_the_whole(rng, windows: list[Window], most: int) -> None:
    layers = [nn.Conv1d(2, 2, w.kernel, w.stride, w.padding, w.dilation, dtype=torch.float64) for w in windows]
    stack, least = nn.Sequential(*layers), windows[0].kernel - 2 * windows[0].padding
    inputs = torch.from_numpy(rng.standard_normal((2, 200)))
    with torch.no_grad():
        scan = Scan(lambda x: stack(x) if x.shape[-1] >= least else x[..., :0], receptive_field(windows))
        found = torch.cat(list(through(scan, parts(inputs, lengths(rng, most)))), -1)
        torch.testing.assert_close(found, stack(inputs), rtol=0, atol=1e-12)


def test_no_more_is_held_than_outputs_still_need() -> None:
    field = ReceptiveField(15, 1, -7)
    scan = Scan(lambda x: nn.functional.avg_pool1d(x, 15, 1, 7), field)
    state = scan.start()
    for _ in range(50):
        found, state = scan.step(torch.ones(1, 10), state)
        assert state.held.shape[-1] <= 14
    assert found[0].shape[-1] == 10
    assert len(scan.finish(state)[0][0]) == 7


def test_a_state_may_be_gone_on_from_twice() -> None:
    scan = Scan(lambda x: x.cumsum(-1), None)
    _, state = scan.step(torch.ones(3), scan.start())
    scan.step(torch.ones(3), state)
    assert scan.finish(state)[0].tolist() == [1, 2, 3]


def test_without_a_field_all_comes_at_the_end() -> None:
    whole = torch.arange(7.0)
    found = list(through(Scan(lambda x: x - x.mean(), None), whole.split(2)))
    assert len(found) == 1
    assert found[0].tolist() == (whole - 3).tolist()


def test_fewer_inputs_than_a_window_give_nothing() -> None:
    scan = Scan(lambda x: x.unfold(-1, 4, 2).sum(-1) if x.shape[-1] >= 4 else x[:0], ReceptiveField(4, 2))
    assert list(through(scan, [torch.ones(1), torch.ones(2)])) == []
    assert list(through(scan, [])) == []


@pytest.mark.parametrize("name", sorted(FEATURES))
@pytest.mark.parametrize("deltas", [0, 1, 2])
@pytest.mark.parametrize("n_samples", [399, 400, 1500, 9000])
def test_features_of_parts_are_those_of_the_whole(rng, name: str, deltas: int, n_samples: int) -> None:
    features = FEATURES[name](deltas=deltas)
    samples = torch.from_numpy(rng.standard_normal(n_samples).astype(np.float32) * 0.1)
    whole = features(samples[None])[0][0]
    scan = Scan(lambda x: features(x[None])[0][0], features.receptive_field)
    found = [*through(scan, parts(samples, lengths(rng, 1200))), whole[..., :0]]
    torch.testing.assert_close(torch.cat(found, -1), whole, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", sorted(PHONE_MODELS))
def test_a_networks_field_is_where_a_change_arrives(name: str) -> None:
    model = PHONE_MODELS[name](**SHAPE, **ARGUMENTS.get(name, {})).double().eval()
    field = time_field(model)
    if field is None:
        pytest.skip("sees the whole recording")
    inputs = torch.randn(1, 2, 9, 8 * field.size + 1, dtype=torch.float64)
    middle = inputs.shape[-1] // 2
    changed = inputs.clone()
    changed[..., middle] += 1
    with torch.no_grad():
        moved = (model(changed) - model(inputs))[0].abs().sum(-1) > 1e-9
    reached = moved.nonzero().flatten()
    assert field.inputs(int(reached[0]), int(reached[0]))[1] == middle + 1
    assert field.inputs(int(reached[-1]), int(reached[-1]))[0] == middle


@pytest.mark.parametrize("name", sorted(PHONE_MODELS))
def test_a_network_scanned_in_parts_scores_as_over_the_whole(rng, name: str) -> None:
    model = PHONE_MODELS[name](**SHAPE, **ARGUMENTS.get(name, {})).eval()
    inputs = torch.from_numpy(rng.standard_normal((2, 9, 300)).astype(np.float32))
    with torch.no_grad():
        scan = Scan(lambda x: model(x[None])[0].T, time_field(model))
        found = torch.cat(list(through(scan, parts(inputs, lengths(rng, 80)))), -1)
        torch.testing.assert_close(found, model(inputs[None])[0].T, rtol=0, atol=1e-5)


def test_what_tells_no_field_sees_everything() -> None:
    assert time_field(nn.Linear(2, 2)) is None
