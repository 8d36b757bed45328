"""Mean, Lp and anti-aliased pooling against torch's operators, loops and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.pooling import AntiAliasedPool, LpPool, MaxPool, MeanPool, compositions
from speechcnn.layers.pooling.sum_operators import window_spread, window_sum

SETTINGS = [
    ((6, 1), None, 0),
    ((6, 1), (2, 1), 0),
    (2, None, 0),
    (3, 1, 1),
    ((3, 4), (2, 3), (1, 2)),
    ((7, 30), None, 0),
]
WINDOW = (3, 4, 2, 3, 1, 2, 1, 2)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_means_and_their_derivatives_are_torchs(kernel, stride, padding) -> None:
    ours, theirs = (torch.randn(2, 3, 13, 41).requires_grad_() for _ in range(2))
    theirs.data.copy_(ours.data)
    y, z = MeanPool(kernel, stride, padding)(ours), F.avg_pool2d(theirs, kernel, stride, padding)
    dy = torch.randn(z.shape)
    y.backward(dy), z.backward(dy)
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_means_of_one_dimensional_maps_are_torchs() -> None:
    x = torch.randn(2, 3, 50)
    torch.testing.assert_close(MeanPool(5, 2, 1)(x), F.avg_pool1d(x, 5, 2, 1))


def test_a_dilated_mean_is_the_mean_of_every_other_value() -> None:
    x = torch.randn(1, 1, 7)
    expected = torch.stack([(x[..., t] + x[..., t + 2] + x[..., t + 4]) / 3 for t in range(3)], -1)
    for backprop in ("custom", "torch"):
        torch.testing.assert_close(MeanPool(3, 1, dilation=2, backprop=backprop)(x), expected)


def test_weighted_sums_equal_torchs_convolution() -> None:
    x, bands, frames = torch.randn(6, 9, 30, dtype=torch.float64), [1.0, -2.0, 3.0], [0.5, 1.0, 0.0, 4.0]
    y = window_sum(x, bands, frames, WINDOW)
    torch.testing.assert_close(y, compositions.weighted_sum(x, bands, frames, WINDOW))
    dx = window_spread(y, [9, 30], bands, frames, WINDOW)
    torch.testing.assert_close(dx, compositions.spread(y, [9, 30], bands, frames, WINDOW))
    torch.testing.assert_close((y * y).sum(), (x * dx).sum())  # adjoint


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS[:5])
def test_norms_are_numpys_norms_of_windows(p: float, kernel, stride, padding) -> None:
    layer, x = LpPool(p, kernel, stride, padding), torch.randn(1, 2, 9, 21, dtype=torch.float64)
    windows = compositions.unfold(x, layer._windows[2]).numpy()
    np.testing.assert_allclose(layer(x).numpy(), np.linalg.norm(windows, p, axis=-3))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_norms_and_their_derivatives_are_those_of_the_torch_switch(p: float) -> None:
    ours, theirs = (torch.randn(2, 3, 9, 20, dtype=torch.float64).requires_grad_() for _ in range(2))
    theirs.data.copy_(ours.data)
    y, z = LpPool(p, 3, 2)(ours), LpPool(p, 3, 2, backprop="torch")(theirs)
    y.pow(2).sum().backward(), z.pow(2).sum().backward()
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_where_a_norm_is_zero_so_is_its_derivative(p: float, backprop) -> None:
    x = torch.zeros(1, 1, 8, requires_grad=True)
    LpPool(p, 2, backprop=backprop)(x).sum().backward()
    assert x.grad.tolist() == [[[0.0] * 8]]


LAYERS = [
    MeanPool((3, 2), (2, 1), 1),
    LpPool(1, 2),
    LpPool(1.5, 3, 2, 1),
    LpPool(2, (3, 2), (1, 2)),
    LpPool(3, (3, 2), 1),
    AntiAliasedPool(2),
    AntiAliasedPool((3, 1), (2, 1), taps=5),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_finite_differences_agree_to_second_order(layer) -> None:
    # No value is close to zero, where magnitudes have no derivative, and no two are close to one another.
    x = (torch.randperm(2 * 7 * 9).reshape(1, 2, 7, 9).double() - 60.5) / 30
    x.requires_grad_()
    assert torch.autograd.gradcheck(layer, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, x, fast_mode=True)


@pytest.mark.parametrize("kernel", [3, (3, 1), (1, 4), 2], ids=str)
def test_anti_aliased_outputs_have_the_shape_of_plain_ones(kernel) -> None:
    x = torch.randn(2, 3, 13, 22)
    assert AntiAliasedPool(kernel)(x).shape == MaxPool(kernel)(x).shape


def test_anti_aliased_pooling_is_maxima_then_a_binomial_mean() -> None:
    x = torch.randn(20)
    maxima = [max(x[t], x[t + 1]).item() for t in range(19)]
    expected = []
    for t in range(0, 19, 2):
        near = [(w, maxima[t + d]) for w, d in ((1, -1), (2, 0), (1, 1)) if 0 <= t + d < 19]
        expected.append(sum(w * v for w, v in near) / sum(w for w, _ in near))
    for backprop in ("custom", "torch"):
        torch.testing.assert_close(AntiAliasedPool(2, backprop=backprop)(x[None, None])[0, 0], torch.tensor(expected))


def test_constant_maps_stay_constant_when_anti_aliased() -> None:
    torch.testing.assert_close(AntiAliasedPool(3, 2, 1, taps=5)(torch.ones(1, 2, 9, 30)), torch.ones(1, 2, 5, 15))


def test_only_axes_with_a_stride_are_blurred() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1
    touched = AntiAliasedPool((1, 1), (2, 1))(x)[0, 0]
    assert touched.nonzero().tolist() == [[2, 4]]


def test_a_shift_changes_anti_aliased_values_less() -> None:
    x = torch.randn(1, 8, 400)
    plain, smooth = (
        (layer(x[..., 1:-1]) - layer(x[..., :-2])).pow(2).mean() / layer(x).var()
        for layer in (MaxPool(2), AntiAliasedPool(2))
    )
    assert smooth < plain / 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LpPool(torch.inf, 2), "norm_type must be a number of at least 1; got inf. Infinity would be MaxPool"),
        (lambda: LpPool(0.5, 2), "norm_type must be"),
        (lambda: AntiAliasedPool(2, taps=4), "taps must be an odd number"),
        (lambda: MeanPool(3)(torch.zeros(1, 1, 2)), r"covers \[3\] values, more than a map of shape \[2\]"),
        (lambda: AntiAliasedPool(3)(torch.zeros(1, 1, 2)), "AntiAliasedPool: the kernel covers"),
    ],
)
def test_what_does_not_fit_is_answered_by_a_sentence(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
