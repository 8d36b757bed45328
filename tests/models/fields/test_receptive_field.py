"""The arithmetic of receptive fields against stacks worked by hand, the formula for stacks, and the NaN probe."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from speechcnn import layers, shapes
from speechcnn.features import LogMel
from speechcnn.layers import transforms
from speechcnn.models import MODELS
from speechcnn.models.fields import FieldError, effective_field, probe, reach, receptive_field
from speechcnn.models.fields.probing import held
from speechcnn.models.fields.receptive import spans_of
from speechcnn.models.fields.tracing import traced


class Branches(nn.Module):
    """Two ways side by side, joined by a function."""

    def __init__(self, one: nn.Module, other: nn.Module, join: Any = torch.add) -> None:
        super().__init__()
        self.one, self.other, self.join = one, other, join

    def forward(self, maps: Tensor) -> Tensor:
        return self.join(self.one(maps), self.other(maps))


def conv(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Module:
    return layers.Conv1d(2, 2, kernel, stride, padding, dilation)


def side_by_side(one: Tensor, other: Tensor) -> Tensor:
    return torch.cat([one, other], 1)[:, :2]


class UNet(nn.Module):
    """Down by 4 and up again, with a way across: expanding layers in the middle of branches."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = conv(5, 4, 2), layers.ExpandingConv1d(2, 2, 8, stride=4)
        self.across, self.last = conv(3, padding=1), conv(3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        up = self.up(self.down(maps), output_size=maps.shape[-1])
        return self.last(torch.relu(up) + self.across(maps))


class Sliced(nn.Module):
    """Slices, padding, reshaping and a transpose between layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = conv(4, 2), conv(3)

    def forward(self, maps: Tensor) -> Tensor:
        maps = nn.functional.pad(self.first(maps)[..., 1:-1], (2, 1))
        maps = maps.unsqueeze(2).flatten(1, 2).transpose(1, 2).transpose(1, 2)
        return self.last(maps)[:, :, ::2] * 2 + 1


NETS: dict[str, nn.Module] = {
    "convolution": conv(3),
    "strided": conv(5, 3, 1),
    "dilated": nn.Sequential(conv(3, dilation=4), conv(2)),
    "gaps": conv(2, 5),
    "pools": nn.Sequential(conv(3, 2, 1), layers.MaxPool(3, 2, 1), layers.MeanPool(2), conv(3)),
    "other pools": nn.Sequential(layers.LpPool(2.0, 3), layers.AntiAliasedPool(3, 2), layers.SoftPool(2, 2)),
    "residual": Branches(nn.Sequential(conv(3, padding=1), conv(3, padding=1)), nn.Identity()),
    "inception": Branches(conv(5, 2, 2), conv(1, 2), side_by_side),
    "out of line": Branches(conv(2, 2), conv(3, 2)),
    "expanding": nn.Sequential(conv(3, 2), layers.ExpandingConv1d(2, 2, 3, stride=2, padding=1)),
    "expanding with holes": layers.ExpandingConv1d(2, 2, 2, stride=3, output_padding=1),
    "torch expanding": nn.Sequential(nn.Conv1d(2, 2, 3), nn.ConvTranspose1d(2, 2, 5, stride=3, padding=2)),
    "lines": nn.Sequential(conv(3), layers.Upsample(3, "linear"), conv(2)),
    "zeros": nn.Sequential(layers.Upsample(2, "zeros"), conv(4)),
    "u-net": UNet(),
    "slices": Sliced(),
    "torch layers": nn.Sequential(nn.Conv1d(2, 2, 3, padding="same"), nn.MaxPool1d(3, 2), nn.AvgPool1d(2, 1)),
    "separable": layers.DepthwiseSeparableConv1d(2, 2, 5, 2),
    "transforms": layers.TransformInvariantConv1d(2, 2, 5, [transforms.Identity(), transforms.TimeStretch(1.5)]),
}


@pytest.mark.parametrize("name", NETS)
def test_every_position_sees_what_the_probe_says(name: str) -> None:
    """All positions, those beside the edges included, one input after the other being NaN."""
    net, n_inputs = NETS[name].eval(), 37
    spans = spans_of(traced(net, (2, n_inputs)))[-1]
    read: dict[int, list[int]] = {place: [] for place in range(len(spans))}
    for place in range(n_inputs):
        inputs = torch.randn(1, 2, n_inputs)
        inputs[..., place] = torch.nan
        with torch.no_grad():
            spoilt = net(inputs).isnan().any(1)[0]
        for out in spoilt.nonzero().flatten().tolist():
            read[out].append(place)
    for out, places in read.items():
        expected = (min(places), max(places)) if places else (spans.low[out], -1)
        assert (spans.low[out], spans.high[out]) == expected, f"output {out}"


@pytest.mark.parametrize("name", NETS)
def test_halving_finds_what_one_by_one_does(name: str) -> None:
    spans = spans_of(traced(NETS[name], (2, 37)))[-1]
    for place in {0, len(spans) // 2, len(spans) - 1}:
        low, high = probe(NETS[name], (2, 37), place=place)
        assert (low, high) == ((spans.low[place], spans.high[place]) if spans.high[place] >= 0 else (0, -1))


@pytest.mark.parametrize("windows", list(itertools.product([1, 3, 4], [1, 2, 3], [0, 1], [1, 2])))
def test_a_stack_agrees_with_the_formula(windows: tuple[int, int, int, int]) -> None:
    kernel, stride, padding, dilation = windows
    stack = [(5, 2, 1, 1), (kernel, stride, padding, dilation), (3, 1, 1, 3)]
    net = nn.Sequential(*(conv(k, s, p, d) for k, s, p, d in stack))
    expected = shapes.receptive_field(shapes.Window(k, s, d, p) for k, s, p, d in stack)
    found = receptive_field(net, (2, 50)).frames
    assert (found.size, found.stride, found.start) == (expected.size, expected.stride, expected.start)


def test_published_fields() -> None:
    """Araujo, Norris and Sim (2019), table 2: AlexNet 195, VGG-16 212, MobileNet v1 315 pixels at stride 32."""
    for name, size in (("alexnet", 195), ("vgg", 212), ("mobilenet", 315)):
        with torch.device("meta"):
            net = MODELS[name](10, 3)
        found = receptive_field(net, (3, 64, 64) if name == "mobilenet" else (3, 100, 100), "maps")
        assert (found.frames.size, found.bands.size, found.frames.stride) == (size, size, 32)


def test_branches_out_of_line_are_noticed() -> None:
    assert receptive_field(NETS["out of line"], (2, 37)).frames.skew == Fraction(1, 2)
    assert receptive_field(NETS["residual"], (2, 37)).frames.skew == 0


def test_an_expanding_layer_has_a_stride_below_one() -> None:
    net = layers.ExpandingConv1d(2, 2, 8, stride=4)
    found = receptive_field(net, (2, 37)).frames
    assert (found.size, found.stride, found.everything) == (2, Fraction(1, 4), False)


def test_a_full_layer_over_time_sees_everything() -> None:
    net = nn.Sequential(conv(3), nn.AdaptiveAvgPool1d(1), nn.Flatten(1), layers.Linear(2, 4))
    assert receptive_field(net, (2, 37)).frames.everything


class Affine(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, maps: Tensor) -> Tensor:
        return torch.fft.rfft(maps).real * self.scale


def test_what_is_not_known_is_named_and_can_be_probed() -> None:
    with pytest.raises(FieldError, match="what torch's fft_rfft makes of a receptive field is not known"):
        receptive_field(Affine(2), (2, 16))
    assert probe(Affine(2), (2, 16), place=1) == (0, 15)


class Halves(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return torch.add(*maps.chunk(2, -1))


def test_a_function_with_several_results_is_not_passed_over() -> None:
    with pytest.raises(FieldError, match="torch's chunk"):
        receptive_field(Halves(), (2, 16))


def test_a_net_is_left_as_it_was() -> None:
    net = NETS["pools"].train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    receptive_field(net, (2, 37))
    assert net(torch.randn(1, 2, 37)).device.type == "cpu"
    assert net.training
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert not any("forward" in vars(module) for module in net.modules())


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(FieldError, match="layer must be one of the model's modules; got 'top'"):
        receptive_field(NETS["pools"], (2, 37), "top")


# Thin where a net has an argument for it: the geometry is that of the full net.
NAMED: list[Any] = [
    ("lenet5", {}),
    ("lenet5", {"connections": "1998"}),
    ("alexnet", {"grid": [1, 1], "hidden": [8]}),
    ("zfnet", {"grid": [1, 1], "hidden": [8], "widths": [8, 8, 8]}),
    pytest.param("vgg", {"grid": [1, 1], "hidden": [8]}, marks=pytest.mark.slow),
    pytest.param("googlenet", {}, marks=pytest.mark.slow),
    ("resnet", {"depth": 18, "width": 4}),
    ("resnet", {"depth": 50, "width": 4}),
    ("densenet", {"blocks": [2, 3, 2], "growth": 4}),
    ("mobilenet", {"width": 0.0625}),
    ("attentive", {"widths": [4, 4, 8], "blocks": 1, "heads": 2}),
    ("cnn8", {"widths": [4, 4, 4, 4], "hidden": 8}),
]


@pytest.mark.parametrize(("name", "arguments"), NAMED)
@pytest.mark.parametrize("axis", [-1, -2])
def test_every_named_net_agrees_with_the_probe(name: str, arguments: dict[str, Any], axis: int) -> None:
    net = MODELS[name](3, 1, **arguments)
    bands, frames = net.minimum_size
    field = receptive_field(net, (1, bands, frames), "maps")
    size = (field.frames if axis == -1 else field.bands).size
    shape = [1, bands, frames]
    shape[axis] = size + 100
    spans = spans_of(traced(net, shape, "maps"))[axis]
    middle = len(spans) // 2
    assert probe(net, shape, "maps", axis) == (spans.low[middle], spans.high[middle])
    assert spans.high[middle] - spans.low[middle] + 1 == size


@pytest.mark.parametrize("arguments", [{"pool": 6}, {"pool": [1, 3, 6]}])
def test_the_phone_nets_see_their_context_and_all_bands(arguments: dict[str, Any]) -> None:
    net = MODELS["cnn_dnn"](9, 3, 40, energy=False, hidden=[8], maps=6, **arguments)
    found = receptive_field(net, (3, 40, 60), fixed_bands=True)
    assert (found.frames.size, found.frames.start, found.frames.everything) == (15, -7, False)
    assert found.bands.everything


def test_milliseconds_and_hertz_by_hand() -> None:
    features = LogMel(n_bands=40, deltas=1, energy=False, rate=16000, low_hz=0, high_hz=8000)
    net = nn.Sequential(layers.Conv2d(2, 2, (8, 5)), layers.MaxPool((1, 2)))
    found = reach(receptive_field(net, (2, 40, 30)), features)
    # 6 frames, and 4 more for the deltas: 9 shifts of 10 ms and a window of 25 ms.
    assert found.milliseconds == 115
    assert found.step_milliseconds == 20
    edges = 700 * torch.expm1(torch.linspace(0, 1127 * torch.log1p(torch.tensor(8000 / 700)), 42) / 1127)
    resolution = 16000 / 512
    assert found.low_hz == pytest.approx((0, float(edges[9])), abs=resolution)
    assert found.high_hz == pytest.approx((float(edges[32]), 8000), abs=resolution)


def test_the_effective_field_of_one_filter_is_its_weights() -> None:
    net = layers.Conv2d(1, 1, (3, 5), padding=(1, 2))
    found = effective_field(net, (1, 9, 11), n_inputs=2)
    expected = torch.zeros(9, 11)
    expected[3:6, 3:8] = net.weight[0, 0].detach().abs()
    torch.testing.assert_close(found.weights, expected / expected.sum())


def test_the_effective_field_of_a_deep_stack_is_a_root_of_its_field() -> None:
    """Of equal weights it is a binomial, whose 95 % lie within 2 deviations: n layers of 3 have a deviation of
    sqrt(2 n / 3)."""
    net = nn.Sequential(*(layers.Conv1d(1, 1, 3, padding=1, bias=False) for _ in range(24)))
    for layer in net:
        nn.init.constant_(layer.weight, 1 / 3)
    found = effective_field(net, (1, 101), n_inputs=1)
    assert found.frames == pytest.approx(2 * 1.96 * 16**0.5, abs=1.5)
    assert receptive_field(net, (1, 101)).frames.size == 49


def test_the_fewest_neighbours_that_hold_a_share() -> None:
    weights = torch.tensor([0.1, 0.0, 0.3, 0.4, 0.2])
    assert [held(weights, share) for share in (0.4, 0.7, 0.9, 1.0)] == [1, 2, 3, 5]
