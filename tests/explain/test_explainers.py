"""Explanations of nets with a known linear rule, for which the right answer is known; Grad-CAM against loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from speechcnn import explain
from speechcnn.explain.maps import places
from speechcnn.layers import Conv2d, Linear
from speechcnn.models import MODELS

B, C, F, T, K = 2, 2, 5, 7, 3


class Rule(nn.Module):
    """Scores that are weighted sums of the cells, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(C * F * T, K)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features.flatten(1))

    def weights(self, target: int) -> Tensor:
        return self.linear.weight[target].detach().view(C, F, T)


@pytest.fixture
def rule() -> Rule:
    return Rule().double()


@pytest.fixture
def features() -> Tensor:
    return torch.randn(B, C, F, T, dtype=torch.float64)


def small_net() -> nn.Module:
    torch.manual_seed(3)
    return MODELS["cnn8"](K, C, widths=[4, 6], hidden=8).double().eval()


def test_the_derivatives_of_a_linear_rule_are_its_weights(rule: Rule, features: Tensor) -> None:
    weights = rule.weights(1)
    expected = weights.abs().amax(0).expand(B, F, T)
    torch.testing.assert_close(explain.saliency(rule, features, 1), expected)
    torch.testing.assert_close(explain.smooth_grad(rule, features, 1, n_draws=3), expected)
    torch.testing.assert_close(explain.gradient_times_input(rule, features, 1), (weights * features).sum(1))


def test_the_parts_of_a_linear_rule_are_weight_times_rise(rule: Rule, features: Tensor) -> None:
    baseline = torch.randn(1, C, F, T, dtype=torch.float64)
    expected = (rule.weights(2) * (features - baseline)).sum(1)
    found = explain.integrated_gradients(rule, features, 2, baseline, steps=3)
    torch.testing.assert_close(found, expected)
    one_by_one = explain.occlusion(rule, features, 2, (1, 1), (1, 1), baseline)
    torch.testing.assert_close(one_by_one, expected)


def test_silence_is_each_bands_lowest_value(rule: Rule, features: Tensor) -> None:
    lowest = features.amin(3, keepdim=True)
    expected = explain.integrated_gradients(rule, features, 0, lowest)
    torch.testing.assert_close(explain.integrated_gradients(rule, features, 0), expected)


def test_integrated_gradients_add_up_to_the_rise_of_the_score() -> None:
    net, features = small_net(), torch.randn(B, C, 16, 20, dtype=torch.float64)
    baseline = torch.zeros(1, C, 1, 1, dtype=torch.float64)
    parts = explain.integrated_gradients(net, features, 1, baseline, steps=400).sum((1, 2))
    rise = (net(features) - net(torch.zeros_like(features)))[:, 1]
    torch.testing.assert_close(parts, rise.detach(), rtol=1e-2, atol=1e-3)


def test_occluded_windows_share_their_fall(rule: Rule, features: Tensor) -> None:
    """Two windows of 5 x 4 at frames 0 and 3: frame 3 lies in both."""
    baseline = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    found = explain.occlusion(rule, features, 0, (5, 4), (5, 3), baseline)
    parts = (rule.weights(0) * features).sum((1, 2))
    first, last = parts[:, :4].sum(1) / 20, parts[:, 3:].sum(1) / 20
    torch.testing.assert_close(found[:, 2, 0], first)
    torch.testing.assert_close(found[:, 4, 6], last)
    torch.testing.assert_close(found[:, 0, 3], (first + last) / 2)


def test_windows_reach_the_end() -> None:
    assert places(10, 4, 3) == [slice(0, 4), slice(3, 7), slice(6, 10)]
    assert places(9, 4, 3)[-1] == slice(5, 9)
    assert places(3, 8, 4) == [slice(0, 3)]


def test_grad_cam_by_loops() -> None:
    net, features = small_net(), torch.randn(B, C, 12, 18, dtype=torch.float64)
    maps = net.feature_maps(features).detach().requires_grad_()
    scores = net.scores(net.hidden(maps))
    (derivatives,) = torch.autograd.grad(scores[:, 2].sum(), maps)
    _, channels, bands, frames = maps.shape
    found = torch.zeros(B, bands, frames, dtype=torch.float64)
    for b in range(B):
        for c in range(channels):
            weight = sum(derivatives[b, c, f, t] for f in range(bands) for t in range(frames)) / (bands * frames)
            found[b] += weight * maps[b, c].detach()
    found = found.clamp(min=0)
    enlarged = nn.functional.interpolate(found[:, None], (12, 18), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(explain.grad_cam(net, features, 2), enlarged)


class Detector(nn.Module):
    """Class 0 looks for a loud cell, class 1 for a quiet one: a map each, and their means."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(Conv2d(1, 2, 1, bias=False), nn.ReLU())
        self.maps[0].weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.maps(features).mean((2, 3))


def test_grad_cam_finds_what_a_detector_looks_for() -> None:
    features = torch.zeros(1, 1, 4, 6)
    features[0, 0, 1, 4], features[0, 0, 3, 2] = 3.0, -2.0
    for target, cell in ((0, (1, 4)), (1, (3, 2))):
        found = explain.grad_cam(Detector(), features, target)[0]
        assert found.nonzero().tolist() == [list(cell)]


def test_grad_cam_of_a_frozen_net() -> None:
    net, features = small_net().requires_grad_(False), torch.randn(1, C, 12, 18, dtype=torch.float64)
    expected = explain.grad_cam(small_net(), features, 0)
    torch.testing.assert_close(explain.grad_cam(net, features, 0), expected)


@pytest.mark.parametrize("name", explain.EXPLAINERS)
def test_every_explainer_leaves_the_net_as_it_was(name: str) -> None:
    net, features = small_net().train(), torch.randn(B, C, 12, 18, dtype=torch.float64)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    found = explain.EXPLAINERS[name](net, features, None)
    assert found.shape == (B, 12, 18)
    assert found.isfinite().all()
    assert not found.requires_grad
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in before.items())
    net.eval()
    best = net(features).argmax(1).tolist()
    torch.testing.assert_close(explain.EXPLAINERS[name](net, features, best), found)


@pytest.mark.parametrize(
    ("target", "shape", "sentence"),
    [
        (3, (B, C, F, T), "target must be a class from 0 to 2; got 3"),
        ([0], (B, C, F, T), "one for each of 2 items"),
        (0, (C, F, T), r"features must be \[B, C, F, T\]"),
    ],
)
def test_bad_targets_are_answered_by_a_sentence(rule: Rule, target: int, shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        explain.saliency(rule, torch.zeros(shape, dtype=torch.float64), target)


def test_a_layer_without_maps_is_answered_by_a_sentence() -> None:
    net, features = small_net(), torch.zeros(1, C, 12, 18, dtype=torch.float64)
    with pytest.raises(ValueError, match="hidden gives no maps"):
        explain.grad_cam(net, features, 0, "hidden")
    with pytest.raises(ValueError, match=r"layer must be one of maps, maps\.0.*got 'top'"):
        explain.grad_cam(net, features, 0, "top")


def test_a_learnt_input_looks_like_the_filter_that_looks_for_it() -> None:
    filters = Conv2d(1, 3, (3, 4), bias=False)
    learnt = explain.learn_input(filters, (1, 3, 4), 1, start=0.0, decay=0.0)
    wanted = filters.weight[1].detach()
    assert learnt.value == pytest.approx(1, abs=1e-3)
    assert learnt.course[0] == 0
    torch.testing.assert_close(learnt.features, wanted / wanted.square().sum())
    assert filters.weight.grad is None


def test_a_learnt_input_raises_its_class() -> None:
    net = small_net().float()
    learnt = explain.learn_input(net, (C, 16, 16), 2, steps=100, decay=0.0)
    assert learnt.value == pytest.approx(1.0, abs=0.05)
    assert learnt.course[0] < 0.5
    assert net(learnt.features[None])[0, 2].item() == pytest.approx(learnt.value, abs=1e-5)


def test_a_unit_in_the_middle_of_a_layers_maps_sees_its_field_alone() -> None:
    net = MODELS["cnn8"](K, 1, widths=[4, 4], hidden=8)
    still, learnt = (
        explain.learn_input(net, (1, 40, 40), 0, "maps.1.1", start=0.5, steps=n, decay=0.0, goal=g)
        for n, g in ((1, 0.0), (5, 10.0))
    )
    moved = (learnt.features - still.features)[0].nonzero()
    # Two convolutions of 3 x 3 see 5 x 5 around (20, 20).
    assert moved.amin(0).tolist() == [18, 18]
    assert moved.amax(0).tolist() == [22, 22]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"unit": 3}, "unit must be from 0 to 2; got 3"),
        ({"unit": 0, "steps": 0}, "steps must be at least 1"),
        ({"unit": 0, "layer": "maps", "place": [99, 0]}, r"place must lie in maps of \[8, 8\]; got \[99, 0\]"),
        ({"unit": 0, "layer": "maps", "place": [1]}, "place must name one position for each of the axes"),
    ],
)
def test_units_that_are_not_there(arguments: dict, sentence: str) -> None:
    net = MODELS["cnn8"](K, 1, widths=[4, 4], hidden=8)
    with pytest.raises(ValueError, match=sentence):
        explain.learn_input(net, (1, 16, 16), **arguments)
