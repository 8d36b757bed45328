"""The switch: with `backprop="custom"` and with torch's own backward pass, training is the same training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechcnn.models import MODELS
from speechcnn.models.image_nets import IMAGE_NETS

FEATURES = {"n_classes": 9, "n_streams": 3, "n_bands": 16, "energy": True}
SMALL = {"hidden": [12, 10], "context": 5}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("dnn", {}),
    ("cnn_dnn", {"maps": 5, "span": 3, "pool": 6}),
    ("cnn_dnn", {"maps": 5, "span": 3, "pool": 1}),
    ("cnn_dnn", {"maps": 7, "span": 3, "pool": [1, 3, 6, 12], "dropout": 0.2}),
    ("cnn_dnn", {"maps": 4, "span": 3, "pool": [2, 5], "assignment": "replicate"}),
]


def test_every_model_has_the_switch() -> None:
    assert {name for name, _ in CASES} == MODELS.keys() - IMAGE_NETS.keys()  # those have a test of their own


def losses(model: nn.Module, dtype: torch.dtype, steps: int = 50) -> list[float]:
    """Train on random frames and return the loss before each step."""
    torch.manual_seed(1)
    features, targets = torch.randn(2, 3, 17, 11, dtype=dtype), torch.randint(9, (2, 11))
    optimizer = torch.optim.SGD(model.parameters(), 0.03, momentum=0.9)
    curve = []
    for _ in range(steps):
        loss = F.cross_entropy(model(features).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(float(loss.detach()))
    return curve


def built(name: str, arguments: dict[str, Any], backprop: str, dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(7)
    return MODELS[name](**FEATURES, **SMALL, **arguments, backprop=backprop).to(dtype)


@pytest.mark.parametrize(("dtype", "closeness"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_both_give_the_same_loss_curve(name: str, arguments: dict, dtype: torch.dtype, closeness: float) -> None:
    custom, native = (losses(built(name, arguments, b, dtype), dtype) for b in ("custom", "torch"))
    assert custom[-1] < 0.9 * custom[0]
    assert custom == pytest.approx(native, rel=0, abs=closeness)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_both_have_the_same_weights(name: str, arguments: dict) -> None:
    custom, native = (built(name, arguments, b, torch.float32) for b in ("custom", "torch"))
    assert list(custom.state_dict()) == list(native.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(custom.parameters(), native.parameters(), strict=True))
    native.load_state_dict(custom.state_dict())


def test_another_word_is_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="backprop must be 'custom' or 'torch'; got 'numpy'"):
        built("dnn", {}, "numpy", torch.float32)
