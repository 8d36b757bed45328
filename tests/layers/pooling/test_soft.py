"""Softmax-weighted pooling against loops, torch's softmax and finite differences."""

from __future__ import annotations

import pytest
import torch

from speechcnn.layers.pooling import MaxPool, MeanPool, SoftPool, compositions, soft

SETTINGS = [((6, 1),), (2,), ((3, 4), (2, 3), (1, 2), (1, 2)), ((3, 2), 1)]


def layer(backprop: str, arguments: tuple) -> SoftPool:
    made = SoftPool(3, *arguments, backprop=backprop).double()
    made.load_state_dict({"sharpness": torch.tensor([-0.5, 1.0, 3.0])})
    return made


@pytest.mark.parametrize("arguments", SETTINGS, ids=str)
def test_values_and_derivatives_are_those_of_the_torch_switch(arguments: tuple) -> None:
    x = torch.randn(2, 3, 9, 20, dtype=torch.float64)
    found = []
    for made in (layer("custom", arguments), layer("torch", arguments)):
        own = x.clone().requires_grad_()
        y = made(own)
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        found.append((y, own.grad, made.sharpness.grad))
    torch.testing.assert_close(*found)


def test_values_are_those_of_the_formula() -> None:
    x = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
    weights = (3 * x).exp() / (3 * x).exp().sum()
    pool = SoftPool(1, 4, sharpness=3).double()
    torch.testing.assert_close(pool(x[None, None])[0, 0, 0], (weights * x).sum())


def test_sharpness_leads_from_mean_to_max() -> None:
    x = torch.randn(2, 3, 9, 20)
    torch.testing.assert_close(SoftPool(3, 3, sharpness=0)(x), MeanPool(3)(x))
    torch.testing.assert_close(SoftPool(3, 3, sharpness=1e4)(x), MaxPool(3)(x))


def test_large_values_do_not_overflow() -> None:
    x = torch.tensor([[[1e4, 1e4 - 1, -1e4, -1e4]]], requires_grad=True)
    y = SoftPool(1, 2)(x)
    y.sum().backward()
    torch.testing.assert_close(y[0, 0], torch.tensor([1e4 - torch.sigmoid(torch.tensor(-1.0)).item(), -1e4]))
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("arguments", SETTINGS, ids=str)
def test_finite_differences_agree_to_second_order(arguments: tuple) -> None:
    x = torch.randn(1, 3, 7, 9, dtype=torch.float64, requires_grad=True)
    made = layer("custom", arguments)

    def pool(x: torch.Tensor, sharpness: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(made, {"sharpness": sharpness}, (x,))

    inputs = (x, made.sharpness.detach().requires_grad_())
    assert torch.autograd.gradcheck(pool, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(pool, inputs, fast_mode=True)


@pytest.mark.parametrize("wanted", ["maps", "sharpness"])
def test_only_what_is_asked_for_receives_a_derivative(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, give = [], soft._give_op
    monkeypatch.setattr(soft, "_give_op", lambda *inputs: computed.append(found := give(*inputs)) or found)
    made, x = SoftPool(3, 2), torch.randn(2, 3, 8, requires_grad=wanted == "maps")
    made.sharpness.requires_grad_(wanted == "sharpness")
    made(x).sum().backward()
    assert (computed[0][0].numel() > 0) == (wanted == "maps")
    assert (x.grad is None, made.sharpness.grad is None) == (wanted != "maps", wanted != "sharpness")


def test_folding_is_the_adjoint_of_unfolding() -> None:
    window, x = (3, 4, 2, 3, 1, 2, 1, 2), torch.randn(2, 9, 30, dtype=torch.float64)
    parts = compositions.unfold(x, window)
    other = torch.randn_like(parts)
    torch.testing.assert_close((parts * other).sum(), (x * compositions.fold(other, (9, 30), window)).sum())


def test_wrong_channels_are_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="SoftPool has 3 input channels"):
        SoftPool(3, 2)(torch.zeros(1, 2, 8))
    with pytest.raises(ValueError, match="channels must be at least 1"):
        SoftPool(0, 2)
