"""Max pooling against torch's operators, finite differences and hand-made edge cases."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.pooling import MaxPool, compositions
from speechcnn.layers.pooling.maximum import max_pool, pool_give, pool_take

SETTINGS = [
    ((6, 1), None, 0, 1),
    ((6, 1), (2, 1), 0, 1),
    ((3, 1), (1, 1), (1, 0), (2, 1)),
    (2, None, 0, 1),
    (3, 1, 1, 1),
    ((3, 4), (2, 3), (1, 2), (1, 2)),
    ((1, 5), (1, 2), (0, 1), (1, 3)),
]


def random_settings(n: int) -> list[tuple]:
    draw, found = random.Random(0), []
    while len(found) < n:
        k, s, d = ([draw.randint(1, most) for _ in range(2)] for most in (4, 4, 3))
        p = [draw.randint(0, k[i] // 2) for i in range(2)]  # the most that torch takes
        sizes = [draw.randint(max((k[i] - 1) * d[i] + 1, d[i]), 40) for i in range(2)]
        found.append((tuple(k), tuple(s), tuple(p), tuple(d), tuple(sizes)))
    return found


def both(x: torch.Tensor, kernel, stride, padding, dilation) -> tuple[torch.Tensor, ...]:
    """Values and derivatives, ours and torch's."""
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = MaxPool(kernel, stride, padding, dilation)(ours)
    z = F.max_pool2d(theirs, kernel, stride, padding, dilation)
    dy = torch.randn(z.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    y.backward(dy), z.backward(dy)
    return y, z, ours.grad, theirs.grad


@pytest.mark.parametrize("n_frames", [11, 40], ids=["few frames", "many frames"])
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
def test_values_and_derivatives_are_torchs(kernel, stride, padding, dilation, n_frames) -> None:
    y, z, dx, dz = both(torch.randn(2, 3, 13, n_frames), kernel, stride, padding, dilation)
    assert torch.equal(y, z)
    torch.testing.assert_close(dx, dz)


def test_two_hundred_random_windows_give_torchs_values_and_derivatives() -> None:
    generator = torch.Generator().manual_seed(0)
    for kernel, stride, padding, dilation, sizes in random_settings(200):
        # Small whole numbers, so that windows hold many equal values.
        x = torch.randint(0, 4, (1, 2, *sizes), generator=generator).float()
        y, z, dx, dz = both(x, kernel, stride, padding, dilation)
        assert torch.equal(y, z), (kernel, stride, padding, dilation, sizes)
        torch.testing.assert_close(dx, dz, msg=str((kernel, stride, padding, dilation, sizes)))


@pytest.mark.parametrize("n_frames", [14, 40])
def test_nan_and_minus_infinity_are_treated_as_torch_treats_them(n_frames: int) -> None:
    x = torch.randn(1, 2, 12, n_frames)
    x[0, 0, ::3, ::2], x[0, 0, 4] = torch.nan, torch.nan
    x[0, 1] = -torch.inf
    for setting in SETTINGS:
        y, z, dx, dz = both(x, *setting)
        torch.testing.assert_close(y, z, equal_nan=True)
        torch.testing.assert_close(dx, dz)


def test_of_equal_values_the_first_receives_the_derivative() -> None:
    x = torch.ones(1, 1, 3, 20, requires_grad=True)
    MaxPool((3, 1))(x).sum().backward()
    assert x.grad[0, 0, :, 0].tolist() == [1, 0, 0]


def test_where_windows_overlap_derivatives_add_up() -> None:
    x = torch.tensor([[[0.0, 0.0, 5.0, 0.0, 0.0]]], requires_grad=True)
    MaxPool(3, stride=1)(x).sum().backward()
    assert x.grad.tolist() == [[[0, 0, 3, 0, 0]]]


def test_one_dimensional_maps_are_pooled_along_frames() -> None:
    x = torch.randn(2, 3, 50)
    assert torch.equal(MaxPool(5, 2, 1, 2)(x), F.max_pool1d(x, 5, 2, 1, 2))


@pytest.mark.parametrize(("kernel", "dtype"), [((11, 11), torch.int8), ((12, 11), torch.int32)])
def test_offsets_take_one_byte_where_they_fit(kernel: tuple[int, int], dtype: torch.dtype) -> None:
    x = torch.arange(2 * 30 * 30.0).reshape(1, 2, 30, 30)
    y, offsets = max_pool(x, (*kernel, 1, 1, 0, 0, 1, 1))
    assert (offsets.dtype, offsets.unique().tolist()) == (dtype, [kernel[0] * kernel[1] - 1])
    assert torch.equal(y, F.max_pool2d(x, kernel, 1))


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
def test_finite_differences_agree_to_second_order(kernel, stride, padding, dilation) -> None:
    x = torch.randperm(2 * 7 * 17).reshape(1, 2, 7, 17).double().requires_grad_()  # no two values are close
    layer = MaxPool(kernel, stride, padding, dilation)
    assert torch.autograd.gradcheck(layer, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, x, fast_mode=True)


def test_take_and_give_are_adjoint() -> None:
    window = (3, 4, 2, 3, 1, 2, 1, 2)
    x, other = torch.randn(2, 2, 3, 9, 30, dtype=torch.float64)
    offsets = max_pool(x, window)[1]
    dy = torch.randn(offsets.shape, dtype=torch.float64)
    given = pool_give(dy, offsets, [9, 30], window)
    torch.testing.assert_close((pool_take(other, offsets, window) * dy).sum(), (other * given).sum())


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
def test_the_composition_for_other_devices_equals_the_kernels(kernel, stride, padding, dilation) -> None:
    layer = MaxPool(kernel, stride, padding, dilation)
    window, x = layer._windows[2], torch.randn(6, 9, 30)
    y, offsets = max_pool(x, window)
    values, places = compositions.find(x, window, offsets.dtype)
    assert torch.equal(values, y)
    assert torch.equal(places, offsets)
    assert torch.equal(compositions.take(x, offsets, window), y)
    torch.testing.assert_close(
        compositions.give(y, offsets, x.shape[1:], window), pool_give(y, offsets, [9, 30], window)
    )


def test_bfloat16_values_are_exact() -> None:
    x = torch.randn(2, 3, 9, 30).bfloat16().requires_grad_()
    y = MaxPool(3)(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == torch.bfloat16
    assert torch.equal(y, F.max_pool2d(x, 3))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0,), "kernel_size must be one whole number of at least 1"),
        ((2, 0), "stride must be"),
        ((3, 1, 2), "padding must be at most half of what the kernel covers, 3; got 2"),
        ((2, 1, 0, 0), "dilation must be"),
        (((2, 2, 2),), "kernel_size must be"),
    ],
)
def test_arguments_out_of_range_are_answered_by_a_sentence(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MaxPool(*arguments)


@pytest.mark.parametrize(
    ("layer", "maps", "error", "sentence"),
    [
        (MaxPool(2), torch.zeros(1, 2, 8, dtype=torch.int64), TypeError, "MaxPool takes floating maps"),
        (MaxPool(2), torch.zeros(2, 8), ValueError, r"\[B, C, T\] or \[B, C, F, T\]; got \[2, 8\]"),
        (MaxPool((2, 1)), torch.zeros(1, 2, 8), ValueError, r"takes maps of the shape \[B, C, F, T\]"),
        (MaxPool((9, 1)), torch.zeros(1, 2, 8, 5), ValueError, r"covers \[9, 1\] values, more than a map of"),
        (MaxPool(2, 1, 2, 4), torch.zeros(1, 2, 3), ValueError, "at least as many values as the dilation, 4"),
    ],
)
def test_unfit_maps_are_answered_by_a_sentence(layer, maps, error, sentence) -> None:
    with pytest.raises(error, match=sentence):
        layer(maps)


def test_an_unknown_backprop_is_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="backprop must be 'custom' or 'torch'"):
        MaxPool(2, backprop="hand")
