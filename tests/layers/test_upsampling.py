"""Up-sampling against loops, scipy's natural spline and torch's operators, and through everything torch does to it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from speechcnn.layers.reference import upsampling as loops
from speechcnn.layers.upsampling import Upsample, upsample

MODES = ["zeros", "linear", "cubic"]


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def looped(maps: np.ndarray, factors: tuple[int, int], mode: str) -> np.ndarray:
    """Each value from the four samples around its place, one by one."""
    n_bands, n_frames = maps.shape
    out = np.zeros((n_bands * factors[0], n_frames * factors[1]))
    for a, b in itertools.product(*map(range, out.shape)):
        if mode == "zeros":
            whole = a % factors[0] == 0 and b % factors[1] == 0
            out[a, b] = maps[a // factors[0], b // factors[1]] if whole else 0
            continue
        f, t = min(a / factors[0], n_bands - 1), min(b / factors[1], n_frames - 1)
        for i, j in itertools.product({int(f), min(int(f) + 1, n_bands - 1)}, {int(t), min(int(t) + 1, n_frames - 1)}):
            out[a, b] += maps[i, j] * (1 - abs(f - i)) * (1 - abs(t - j))
    return out


def spline(samples: np.ndarray, factor: int, axis: int) -> np.ndarray:
    length = samples.shape[axis]
    places = np.minimum(np.arange(factor * length) / factor, length - 1)
    if length == 1:
        return np.repeat(samples, factor, axis)
    return CubicSpline(np.arange(length), samples, axis, bc_type="natural")(places)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize("mode", ["zeros", "linear"])
@pytest.mark.parametrize(("shape", "factors"), [((4, 5), (3, 2)), ((3, 4), (1, 4)), ((1, 3), (2, 3)), ((5, 1), (2, 5))])
def test_zeros_and_lines_are_those_of_loops(shape, factors, mode, backprop) -> None:
    maps = torch.randn(2, 3, *shape, dtype=torch.float64)
    enlarged = upsample(maps, factors, mode, backprop=backprop)
    for b, c in itertools.product(range(2), range(3)):
        expected = torch.from_numpy(looped(maps[b, c].numpy(), factors, mode))
        torch.testing.assert_close(enlarged[b, c], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 33, 150])
@pytest.mark.parametrize("factor", [2, 5])
def test_the_spline_is_the_natural_one_of_scipy(length: int, factor: int, backprop) -> None:
    maps = torch.randn(2, 3, length, dtype=torch.float64)
    expected = torch.from_numpy(spline(maps.numpy(), factor, -1))
    torch.testing.assert_close(upsample(maps, factor, "cubic", backprop=backprop), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
def test_a_spline_over_two_axes_is_one_after_the_other(backprop) -> None:
    maps = torch.randn(2, 3, 6, 9, dtype=torch.float64)
    expected = torch.from_numpy(spline(spline(maps.numpy(), 3, 2), 2, 3))
    torch.testing.assert_close(upsample(maps, (3, 2), "cubic", backprop=backprop), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_both_passes_are_those_of_the_reference(mode: str) -> None:
    names = {"zeros": "insert_zeros", "linear": "interpolate_linear", "cubic": "interpolate_cubic"}
    forward, backward = (getattr(loops, f"{names[mode]}_{way}") for way in ("forward", "backward"))
    maps = doubles(2, 2, 4, 5)
    enlarged = upsample(maps, (2, 3), mode)
    dy = torch.randn_like(enlarged)
    enlarged.backward(dy)
    x = maps.detach().numpy()
    torch.testing.assert_close(enlarged.detach(), torch.from_numpy(forward(x, (2, 3))), rtol=0, atol=1e-12)
    torch.testing.assert_close(maps.grad, torch.from_numpy(backward(dy.numpy(), x, (2, 3))[0]), rtol=0, atol=1e-12)


class Largest(TorchDispatchMode):
    """Watches the number of values of the largest tensor that an operator returns."""

    values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.values = max(self.values, result.numel())
        return result


def test_a_long_axis_takes_no_matrix() -> None:
    maps = doubles(1, 1, 36000)
    with Largest() as largest:
        enlarged = upsample(maps, 4, "cubic")
        enlarged.sum().backward()
    assert largest.values == enlarged.numel()
    expected = torch.from_numpy(spline(maps.detach().numpy(), 4, -1))
    torch.testing.assert_close(enlarged.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3, 50), (2, 3, 6, 7)])
def test_lines_are_those_of_torch_up_to_the_last_sample(shape) -> None:
    maps = torch.randn(shape, dtype=torch.float64)
    inner = [(n - 1) * 4 + 1 for n in shape[2:]]
    peer = F.interpolate(maps, inner, mode="linear" if len(inner) == 1 else "bilinear", align_corners=True)
    cropped = upsample(maps, 4, "linear", output_size=inner)
    torch.testing.assert_close(cropped, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("mode", MODES)
def test_samples_keep_their_values_exactly(mode: str, dtype: torch.dtype) -> None:
    maps = torch.randn(2, 3, 5, 9).to(dtype)
    enlarged = upsample(maps, (3, 7), mode)
    assert torch.equal(enlarged[:, :, ::3, ::7], maps)
    beyond = torch.zeros_like(maps[..., -1:]) if mode == "zeros" else maps[..., -1:]
    assert torch.equal(enlarged[:, :, ::3, -6:], beyond.expand(-1, -1, -1, 6))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("factor", "size", "wanted"), [(4, (7,), 25), (4, (7,), 27), ((3, 2), (4, 5), (10, 9))])
def test_both_ways_give_one_value_and_one_gradient(mode: str, factor, size, wanted) -> None:
    for output_size in (None, wanted):
        maps = doubles(2, 3, *size)
        results = []
        for backprop in ("custom", "torch"):
            enlarged = Upsample(factor, mode, output_size, backprop)(maps)
            results.append((enlarged, *torch.autograd.grad(enlarged.sin().sum(), maps)))
        torch.testing.assert_close(*results, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("shape", "factor", "output_size"),
    [((2, 1, 5), 3, None), ((1, 2, 4), 3, 10), ((1, 1, 1), 4, None), ((1, 1, 3, 4), (2, 3), (5, 11))],
)
def test_derivatives_of_both_orders_are_those_of_finite_differences(mode, shape, factor, output_size) -> None:
    layer = Upsample(factor, mode, output_size)
    assert gradcheck(layer, doubles(*shape))
    assert gradgradcheck(lambda maps: layer(maps).square(), doubles(*shape))


@pytest.mark.parametrize("mode", MODES)
def test_compiles_as_one_graph(mode: str) -> None:
    layer = Upsample((2, 3), mode)
    maps = doubles(2, 3, 4, 6)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")(maps)
    torch.testing.assert_close(compiled, layer(maps))
    mine, expected = (torch.autograd.grad(y.sin().sum(), maps) for y in (compiled, layer(maps)))
    torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("mode", MODES)
def test_an_export_takes_any_length(mode: str) -> None:
    layer = Upsample((2, 3), mode)
    exported = torch.export.export(layer, (torch.randn(2, 3, 4, 6),), dynamic_shapes=({3: torch.export.Dim("T")},))
    for length in (1, 2, 3, 50):
        maps = torch.randn(2, 3, 4, length)
        torch.testing.assert_close(exported.module()(maps), layer(maps))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_single_utterances(mode: str) -> None:
    layer = Upsample((2, 3), mode)
    maps = doubles(4, 3, 5, 6).detach()
    each = torch.func.vmap(torch.func.grad(lambda one: layer(one[None]).sin().sum()))(maps)
    whole = torch.func.grad(lambda all_: layer(all_).sin().sum())(maps)
    torch.testing.assert_close(each, whole)


@pytest.mark.parametrize("mode", MODES)
def test_half_precision_in_is_half_precision_out(mode: str) -> None:
    maps = torch.randn(2, 3, 40, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        half = maps.bfloat16()
        enlarged = upsample(half, 4, mode)
        assert upsample(maps, 4, mode).dtype == torch.float32
    assert enlarged.dtype == torch.bfloat16
    assert torch.equal(enlarged, upsample(half.float(), 4, mode).bfloat16())  # sums are taken in float32
    enlarged.sum().backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize("mode", MODES)
def test_layout_and_empty_batches_do_not_matter(mode: str, backprop) -> None:
    layer = Upsample((2, 3), mode, backprop=backprop)
    maps = torch.randn(2, 3, 4, 6)
    expected = layer(maps)
    torch.testing.assert_close(layer(maps.to(memory_format=torch.channels_last)), expected)
    torch.testing.assert_close(layer(maps.transpose(2, 3).contiguous().transpose(2, 3)), expected)
    empty = torch.zeros(0, 3, 4, 6, requires_grad=True)
    layer(empty).sum().backward()
    assert layer(empty).shape == (0, 3, 8, 18)
    assert empty.grad is not None


@pytest.mark.parametrize("mode", MODES)
def test_what_needs_no_gradient_gets_none_and_may_be_overwritten(mode: str) -> None:
    assert not upsample(torch.randn(1, 1, 4), 2, mode).requires_grad
    doubled = upsample(torch.randn(1, 1, 4, requires_grad=True), 2, mode)
    assert doubled.relu_().min() >= 0


def test_a_factor_of_one_leaves_an_axis_alone() -> None:
    maps = torch.randn(2, 3, 4, 5)
    assert upsample(maps, 1, "cubic") is maps
    torch.testing.assert_close(upsample(maps, (1, 2), "cubic")[:, :, 2], upsample(maps[:, :, 2], 2, "cubic"))


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: Upsample(0), ValueError, "factor must be one whole number of at least 1"),
        (lambda: Upsample(2.5), ValueError, "factor must be one whole number of at least 1.* got 2.5"),
        (lambda: Upsample(2, "nearest"), ValueError, "mode must be 'zeros', 'linear' or 'cubic'; got 'nearest'"),
        (lambda: Upsample(2, backprop="numpy"), ValueError, "'custom' or 'torch'; got 'numpy'"),
        (lambda: Upsample((2, 2))(torch.zeros(1, 1, 4)), ValueError, "or 1 of them; got \\(2, 2\\)"),
        (lambda: Upsample(2)(torch.zeros(1, 4)), ValueError, r"\[B, C, T\] or \[B, C, F, T\]; got \[1, 4\]"),
        (lambda: Upsample(2)(torch.zeros(1, 1, 4).int()), TypeError, "floating maps; got torch.int32"),
        (lambda: Upsample(2)(torch.zeros(1, 1, 0)), ValueError, "at least one sample along each axis"),
        (lambda: upsample(torch.zeros(1, 1, 5), 4, output_size=16), ValueError, "from 17.* to 20, factor .* got 16"),
        (lambda: upsample(torch.zeros(1, 1, 5), 4, output_size=21), ValueError, "from 17.* to 20, factor .* got 21"),
        (lambda: upsample(torch.zeros(1, 1, 5, 5), 4, output_size=(20, 16)), ValueError, "got 16"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(call, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
