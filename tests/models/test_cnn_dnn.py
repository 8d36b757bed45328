from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from speechcnn.models import MODELS, count_parameters

FEATURES = {"n_classes": 9, "n_streams": 3, "n_bands": 12, "energy": True}
SMALL = {"hidden": [7, 6], "context": 5}
CASES = [
    ("dnn", {}),
    *(("cnn_dnn", {"maps": 4, "span": 3, "pool": pool}) for pool in (1, 2, 6)),
    ("cnn_dnn", {"maps": 4, "span": 3, "pool": [1, 4], "sharing": "limited"}),
]


def build(name: str, arguments: dict) -> nn.Module:
    return MODELS[name](**FEATURES, **SMALL, **arguments).double().eval()


def windows(features: Tensor, context: int) -> Tensor:
    """Copy the context of each frame: what the networks never do.

    Shape: [C, F, T] -> [T, C, F, context].
    """
    padded = torch.nn.functional.pad(features, (context // 2, context // 2))
    return torch.stack([padded[..., t : t + context] for t in range(features.shape[-1])])


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_scanning_equals_the_copied_windows(name: str, arguments: dict) -> None:
    model = build(name, arguments)
    features = torch.randn(3, 13, 11, dtype=torch.float64)
    scanned = model(features[None])[0]
    middle = torch.stack([model(window[None])[0, 2] for window in windows(features, 5)])
    torch.testing.assert_close(scanned, middle)


def test_one_frame_by_hand() -> None:
    """The convolution, the pooling and the energy of one frame as plain loops."""
    model = build("cnn_dnn", {"maps": 4, "span": 3, "pool": 4, "pool_shift": 3})
    window = torch.randn(3, 13, 5, dtype=torch.float64)
    convolved = torch.zeros(4, 10, dtype=torch.float64)
    for m, f in itertools.product(range(4), range(10)):
        convolved[m, f] = model.convolution.bias[m] + (model.convolution.weight[m] * window[:, f : f + 3]).sum()
    pooled = torch.stack([convolved[:, f : f + 4].relu().amax(1) for f in (0, 3, 6)], dim=1)
    hidden = model.first(pooled.flatten()) + (model.energy.weight * window[:, 12]).sum((1, 2))
    expected = model.full.layers[1](model.full.layers[0](hidden.relu()).relu())
    torch.testing.assert_close(model(window[None])[0, 2], expected)


def test_one_frame_with_limited_sharing_by_hand() -> None:
    """Sections of 6 of the 12 bands, 3 apart: each map of each has its own filter, and one maximum over its pool."""
    pool = {"maps": 4, "span": 3, "pool": [1, 4], "pool_shift": 3}
    model = build("cnn_dnn", {**pool, "sharing": "limited"})
    window = torch.randn(3, 13, 5, dtype=torch.float64)
    pooled = []
    for section, m in itertools.product(range(3), range(4)):
        weight, bias = model.convolution.weight[section, m], model.convolution.bias[section, m]
        size = (1, 4)[m % 2]
        places = [window[:, 3 * section + f : 3 * section + f + 3] for f in range(size)]
        pooled.append(max(bias + (weight * place).sum() for place in places))
    hidden = model.first(torch.stack(pooled).relu()) + (model.energy.weight * window[:, 12]).sum((1, 2))
    expected = model.full.layers[1](model.full.layers[0](hidden.relu()).relu())
    torch.testing.assert_close(model(window[None])[0, 2], expected)


def test_sections_must_end_with_the_last_band() -> None:
    with pytest.raises(ValueError, match="section_shift must divide"):
        build("cnn_dnn", {"pool": 4, "span": 3, "pool_shift": 4, "sharing": "limited"})


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_every_parameter_gets_a_gradient(name: str, arguments: dict) -> None:
    model = build(name, arguments)
    model(torch.randn(2, 3, 13, 8, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_padding_does_not_change_an_utterance() -> None:
    model = build("cnn_dnn", {"pool": 2, "span": 3})
    features = torch.randn(1, 3, 13, 6, dtype=torch.float64)
    padded = torch.nn.functional.pad(features, (0, 4))
    torch.testing.assert_close(model(padded)[:, :6], model(features))


def test_energy_is_an_optional_row() -> None:
    model = MODELS["cnn_dnn"](9, 3, 12, energy=False, pool=2)
    assert model(torch.randn(1, 3, 12, 4)).shape == (1, 4, 9)


def test_parameters_counted_by_hand() -> None:
    model = MODELS["dnn"](**FEATURES, hidden=[7], context=5)
    assert count_parameters(model) == 3 * 13 * 5 * 7 + 7 + 7 * 9 + 9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"pool": 0}, "pool must be from 1 to 5"),
        ({"pool": 6}, "pool must be from 1 to 5, the bands left by the convolution; got 6"),
        ({"pool": 1, "span": 13}, "span must be from 1 to the number of bands, 12; got 13"),
        ({"pool": 1, "context": 4}, "context must be an odd number"),
        ({"pool": 1, "hidden": []}, r"hidden must list 1 to 100 layer sizes, each at least 1; got \[\]"),
        ({"pool": 1, "hidden": [1] * 101}, "hidden must list 1 to 100 layer sizes, each at least 1; got 101 of them"),
        ({"pool": 1, "dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"pool": 1, "pool_shift": 0}, "pool_shift must be at least 1"),
    ],
)
def test_bad_values_are_answered_by_a_sentence(arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MODELS["cnn_dnn"](**FEATURES, **arguments)
