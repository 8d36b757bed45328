"""Convolutions against torch's own layers: same values, same gradients, same weights; and what is not computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from speechcnn.layers.conv import Conv1d, Conv2d, DepthwiseSeparableConv1d, DepthwiseSeparableConv2d, convolve
from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.trilinear import Scan

CASES = [
    (Conv1d, nn.Conv1d, (4, 6, 3), {}, (2, 4, 9)),
    (Conv1d, nn.Conv1d, (4, 6, 3), {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}, (3, 4, 11)),
    (Conv1d, nn.Conv1d, (4, 8, 2), {"stride": 3, "groups": 4, "bias": False}, (1, 4, 8)),
    (Conv2d, nn.Conv2d, (3, 5, (3, 2)), {"padding": (0, 1)}, (2, 3, 6, 7)),
    (Conv2d, nn.Conv2d, (2, 4, 3), {"stride": (2, 1), "padding": 1, "dilation": (1, 2), "groups": 2}, (2, 2, 7, 8)),
    (Conv2d, nn.Conv2d, (2, 4, (1, 5)), {"padding": "same"}, (2, 2, 4, 6)),
    # few maps and wide padding: zeros are put around the maps beforehand
    (Conv1d, nn.Conv1d, (1, 4, 9), {"padding": 4, "stride": 2}, (2, 1, 10)),
    (Conv2d, nn.Conv2d, (1, 5, (3, 9)), {"padding": (2, 5), "stride": (1, 2)}, (2, 1, 4, 8)),
    (Conv2d, nn.Conv2d, (2, 16, (2, 5)), {"padding": (0, 4), "dilation": (1, 2), "groups": 2}, (1, 2, 3, 7)),
    (Linear, nn.Linear, (5, 3), {}, (2, 4, 5)),
    (Linear, nn.Linear, (5, 3), {"bias": False}, (5,)),
    (ReLU, nn.ReLU, (), {}, (2, 3, 4)),
]


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def gradients(layer: nn.Module, maps: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(layer(maps).sin().sum(), [maps, *layer.parameters()]))


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@pytest.mark.parametrize(("ours", "theirs", "sizes", "settings", "shape"), CASES)
def test_values_and_gradients_are_those_of_torch(ours, theirs, sizes, settings, shape, backprop) -> None:
    layer, peer = ours(*sizes, **settings, backprop=backprop).double(), theirs(*sizes, **settings).double()
    peer.load_state_dict(layer.state_dict())
    maps = doubles(*shape)
    torch.testing.assert_close(layer(maps), peer(maps), rtol=0, atol=1e-12)
    for mine, expected in zip(gradients(layer, maps), gradients(peer, maps), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs", "sizes", "settings", "shape"), CASES)
def test_the_same_seed_draws_the_same_weights_as_torch(ours, theirs, sizes, settings, shape) -> None:
    torch.manual_seed(3)
    mine = ours(*sizes, **settings).state_dict()
    torch.manual_seed(3)
    expected = theirs(*sizes, **settings).state_dict()
    assert list(mine) == list(expected)
    assert all(torch.equal(mine[name], expected[name]) for name in mine)


def test_zeros_are_put_around_few_maps_beforehand_and_around_no_others() -> None:
    few, many, little = (Conv1d(*sizes, padding=p) for sizes, p in (((1, 4, 9), 4), ((4, 4, 9), 4), ((1, 4, 7), 3)))
    scans = [Scan(layer.stride, layer.padding, layer.dilation) for layer in (few, many, little)]
    assert [scan.pads_beforehand(layer.weight) for scan, layer in zip(scans, (few, many, little), strict=True)] == [
        True,
        False,
        False,
    ]


class Calls(TorchDispatchMode):
    """Counts the convolutions that torch's kernels are asked for, forward, transposed and for weights."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.seen.append("expand" if args[6] else "convolve")
        if func is torch.ops.aten.convolution_backward.default:
            self.seen.append("correlate")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("maps", ["expand"]), ("weight", ["correlate"]), ("bias", []), ("maps weight", ["expand", "correlate"])],
)
def test_no_gradient_is_computed_that_nobody_asked_for(wanted: str, expected: list[str]) -> None:
    tensors = {"maps": torch.randn(2, 3, 9), "weight": torch.randn(4, 3, 3), "bias": torch.randn(4)}
    for name in wanted.split():
        tensors[name].requires_grad_()
    loss = convolve(**tensors).sum()
    with Calls() as calls:
        loss.backward()
    assert calls.seen == expected
    assert [name for name, tensor in tensors.items() if tensor.grad is not None] == wanted.split()


@pytest.mark.parametrize(
    ("layer", "shape"), [(DepthwiseSeparableConv1d, (2, 6, 9)), (DepthwiseSeparableConv2d, (2, 6, 5, 7))]
)
def test_depthwise_separable_is_a_convolution_with_outer_product_filters(layer, shape) -> None:
    """Filter n, plane m of the equal conventional convolution is the m-th depthwise filter times weight (n, m)."""
    separable = layer(6, 4, 3, padding=1).double()
    depthwise, pointwise = separable.depthwise.weight, separable.pointwise.weight
    whole = pointwise * depthwise.transpose(0, 1)
    maps = doubles(*shape)
    torch.testing.assert_close(separable(maps), convolve(maps, whole, separable.pointwise.bias, padding=1))
    assert sum(p.numel() for p in separable.parameters()) == 6 * depthwise[0].numel() + 4 * 6 + 4


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: Conv1d(3, 4, 3)(torch.zeros(2, 3, 4, 5)), ValueError, r"shape \[B, C, T\]; got \[2, 3, 4, 5\]"),
        (lambda: Conv2d(3, 4, 3)(torch.zeros(2, 3, 9)), ValueError, r"shape \[B, C, F, T\]; got \[2, 3, 9\]"),
        (lambda: Conv1d(3, 4, 3)(torch.zeros(2, 5, 9)), ValueError, "3 input channels .* got 5"),
        (lambda: Conv1d(3, 4, 5, dilation=2)(torch.zeros(2, 3, 8)), ValueError, r"covers \[9\] values, more than"),
        (lambda: Conv2d(1, 1, (2, 9))(torch.zeros(1, 1, 4, 4)), ValueError, r"covers \[2, 9\].*shape \[4, 4\]"),
        (lambda: Conv1d(3, 4, 3)(torch.zeros(2, 3, 9, dtype=torch.int64)), TypeError, "floating maps; got torch.int64"),
        (
            lambda: Conv1d(3, 4, 3)(torch.zeros(2, 3, 9).double()),
            TypeError,
            "one type; got torch.float64 and torch.float32",
        ),
        (lambda: Conv1d(3, 4, 0), ValueError, "kernel_size must be one whole number of at least 1"),
        (lambda: Conv2d(3, 4, (3, 3, 3)), ValueError, "kernel_size must be .* or 2 of them"),
        (lambda: Conv1d(3, 4, 3, stride=0), ValueError, "stride must be"),
        (lambda: Conv1d(3, 4, 3, padding=-1), ValueError, "padding must be one whole number of at least 0"),
        (lambda: Conv1d(3, 4, 3, groups=2), ValueError, "multiples of groups; got 3 and 4 with groups=2"),
        (lambda: Conv1d(3, 4, 4, padding="same"), ValueError, "stride 1 and odd kernels"),
        (lambda: Conv1d(3, 4, 3, backprop="numpy"), ValueError, "'custom' or 'torch'; got 'numpy'"),
        (lambda: Linear(3, 0), ValueError, "at least 1; got 3 and 0"),
        (lambda: Linear(3, 4)(torch.zeros(2, 5)), ValueError, r"vectors \[..., 3\]; got \[2, 5\]"),
        (lambda: Linear(3, 4)(torch.zeros(())), ValueError, r"got \[\]"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(call, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()


def test_a_layer_shows_its_settings() -> None:
    shown = repr(Conv2d(4, 8, (3, 5), stride=(1, 2), groups=2, bias=False))
    assert shown == "Conv2d(4, 8, kernel_size=(3, 5), stride=(1, 2), groups=2, bias=False, backprop=custom)"
