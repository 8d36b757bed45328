"""The networks along time: one context for all depth, whatever is scanned at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.models import MODELS, count_parameters

FEATURES: dict[str, Any] = {"n_classes": 9, "n_streams": 3, "n_bands": 12, "energy": True}
TIME: dict[str, Any] = {"widths": [7, 7, 6], "kernels": [1, 3, 3], "dilations": [1, 2, 3]}
# Name, arguments, and the context by hand: 1 + the frames that each layer sees beyond its own.
CASES: list[tuple[str, dict[str, Any], int]] = [
    ("tdnn", TIME, 1 + 2 * 2 + 2 * 3),
    ("tdnn", TIME | {"score_kernel": 5, "batch_norm": False, "residual": False}, 1 + 4 + 6 + 4),
    ("tdnn", {"widths": [8, 3], "kernels": [3, 5], "dilations": [1, 1], "score_kernel": 9}, 15),  # as in 1989
    ("cnn_tdnn", TIME | {"maps": 4, "span": 3, "span_frames": 5, "pool": 6}, 1 + 4 + 10),
    ("cnn_tdnn", TIME | {"maps": 4, "span": 3, "span_frames": 1, "pool": [1, 4]}, 11),
    ("residual_cnn", TIME | {"maps": [3, 4]}, 1 + 2 * (1 + 2 + 2) + 10),
    ("residual_cnn", TIME | {"maps": [3], "blocks": 2, "activation": "maxout"}, 1 + 2 * (1 + 4) + 10),
]
NAMES = [f"{name}-{number}" for number, (name, _, _) in enumerate(CASES)]


@pytest.fixture(params=CASES, ids=NAMES)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, int]:
    """A network in use whose batch statistics are not the first ones, and its context."""
    name, arguments, context = request.param
    model = MODELS[name](**FEATURES, **arguments).double()
    model(3 * torch.randn(4, 3, 13, 20, dtype=torch.float64) + 1)
    return model.eval(), context


def test_the_context_is_what_a_frame_is_seen_by(case: tuple[nn.Module, int]) -> None:
    """The reach of one changed frame, by trying it."""
    model, context = case
    features = torch.randn(20, 3, 13, 61, dtype=torch.float64)  # many, since rectifiers shut some ways
    other = features.clone()
    other[..., 30] += 3 * torch.randn(3, 13, dtype=torch.float64)
    reached = (model(features) != model(other)).any(-1).any(0).nonzero().flatten()
    assert model.context == context
    assert (int(reached[0]), int(reached[-1])) == (30 - context // 2, 30 + context // 2)


def test_scanning_equals_the_copied_windows(case: tuple[nn.Module, int]) -> None:
    model, context = case
    features = torch.randn(3, 13, 9, dtype=torch.float64)
    padded = F.pad(features, (context // 2, context // 2))
    windows = torch.stack([padded[..., t : t + context] for t in range(9)])
    torch.testing.assert_close(model(features[None])[0], model(windows)[:, context // 2])


def test_scores_in_parts_are_those_of_the_whole(case: tuple[nn.Module, int]) -> None:
    model, context = case
    features, margin = torch.randn(1, 3, 13, 47, dtype=torch.float64), context // 2

    def part(begin: int, end: int) -> Tensor:
        first, last = max(0, begin - margin), min(47, end + margin)
        return model(features[..., first:last])[:, begin - first : end - first]

    parts = torch.cat([part(begin, min(47, begin + 10)) for begin in range(0, 47, 10)], 1)
    torch.testing.assert_close(parts, model(features))


def test_padding_does_not_change_an_utterance(case: tuple[nn.Module, int]) -> None:
    model, _ = case
    features = torch.randn(1, 3, 13, 6, dtype=torch.float64)
    torch.testing.assert_close(model(F.pad(features, (0, 40)))[:, :6], model(features))


def test_one_frame_is_scored(case: tuple[nn.Module, int]) -> None:
    model, _ = case
    assert model(torch.randn(1, 3, 13, 1, dtype=torch.float64)).shape == (1, 1, 9)


def test_every_parameter_gets_a_gradient(case: tuple[nn.Module, int]) -> None:
    model = case[0].train()
    model(torch.randn(2, 3, 13, 40, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_energy_is_an_optional_row() -> None:
    for name, arguments, _ in CASES:
        model = MODELS[name](**{**FEATURES, "energy": False}, **arguments)
        assert model(torch.randn(1, 3, 12, 30)).shape == (1, 30, 9)


def test_parameters_counted_by_hand() -> None:
    tdnn = MODELS["tdnn"](**FEATURES, widths=[8, 3], kernels=[3, 5], dilations=[1, 1], score_kernel=9, batch_norm=False)
    assert count_parameters(tdnn) == (39 * 3 * 8 + 8) + (8 * 5 * 3 + 3) + (3 * 9 * 9 + 9)
    cnn = MODELS["cnn_tdnn"](**FEATURES, pool=6, maps=4, span=3, span_frames=5, widths=[7], kernels=[3], dilations=[1])
    rows = 4 * 3 + 3  # ten bands hold pools of six at 0, 2 and 4
    assert count_parameters(cnn) == 3 * 3 * 5 * 4 + 2 * 4 + rows * 3 * 7 + 2 * 7 + (7 * 9 + 9)
    deep = MODELS["residual_cnn"](**FEATURES, maps=[2, 4], widths=[7], kernels=[1], dilations=[1])
    first = 2 * 2 * 9 + 2 * 2 + 2 * 2 * 9 + 2 * 2
    second = 2 * 4 * 9 + 2 * 4 + 4 * 4 * 9 + 2 * 4 + (2 * 4 + 4)
    rows = 4 * 3 + 3
    assert count_parameters(deep) == (3 * 2 * 9 + 2 * 2) + first + second + (rows * 7 + 2 * 7) + (7 * 9 + 9)


def test_a_layer_along_time_by_hand() -> None:
    """Three taps two frames apart, then the middle frame of the input beside them."""
    layer = MODELS["tdnn"](**FEATURES, widths=[39, 39], kernels=[1, 3], dilations=[1, 2]).double().eval().layers[1]
    maps = torch.randn(2, 39, 9, dtype=torch.float64)
    weight, norm = layer.convolution.weight, layer.norm
    convolved = sum(torch.einsum("oi,bit->bot", weight[..., k], maps[..., 2 * k : 2 * k + 5]) for k in range(3))
    scaled = convolved / (norm.running_var + norm.eps).sqrt()[:, None]
    torch.testing.assert_close(layer(maps), scaled.relu() + maps[..., 2:7])


def test_a_residual_block_by_hand() -> None:
    """The block of He et al. out of torch's own functions."""
    model = MODELS["residual_cnn"](**FEATURES, maps=[3, 4], **TIME).double().eval()
    block, maps = model.stages[2], torch.randn(2, 3, 6, 11, dtype=torch.float64)

    def normalised(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)

    first = F.relu(normalised(block.first.norm, F.conv2d(maps, block.first.convolution.weight, padding=(1, 0))))
    second = normalised(block.norm, F.conv2d(first, block.second.weight, padding=(1, 0)))
    beside = F.conv2d(maps[..., 2:-2], block.beside.weight, block.beside.bias)
    torch.testing.assert_close(block(maps), F.relu(second + beside))


def test_maxout_is_the_larger_of_each_two_maps() -> None:
    model = MODELS["residual_cnn"](**FEATURES, maps=[3], activation="maxout", **TIME)
    maps = torch.randn(2, 6, 5, 7)
    torch.testing.assert_close(model.stem.activation(maps), torch.maximum(maps[:, ::2], maps[:, 1::2]))


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("tdnn", {"widths": [3]}, "must list 1 to 100 layers, each the same; got 1 widths, 6 kernels, 6 dilations"),
        ("tdnn", {"widths": [], "kernels": [], "dilations": []}, "got 0 widths"),
        ("tdnn", {"widths": [3], "kernels": [2], "dilations": [1]}, "kernels must be odd numbers of frames"),
        ("tdnn", {"widths": [0], "kernels": [3], "dilations": [1]}, "widths must be at least 1; got 0"),
        ("tdnn", {"score_kernel": 4}, "score_kernel must be odd"),
        ("tdnn", {"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ("cnn_tdnn", {"pool": 6, "span": 13}, "span must be from 1 to the number of bands, 12; got 13"),
        ("cnn_tdnn", {"pool": 11}, "pool must be from 1 to 5"),
        ("cnn_tdnn", {"pool": 1, "span_frames": 4}, "span_frames must be odd"),
        ("residual_cnn", {"maps": [4, 4, 4, 4]}, "4 stages halve the bands as often and need 16; got 12"),
        ("residual_cnn", {"maps": []}, "maps must list 1 to 8 stages"),
        ("residual_cnn", {"blocks": 0}, "blocks must be from 1 to 100; got 0"),
    ],
)
def test_bad_values_are_answered_by_a_sentence(name: str, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MODELS[name](**FEATURES, **arguments)
