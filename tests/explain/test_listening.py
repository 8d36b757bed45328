"""What was heard and what was ignored, with sounds whose parts are known; whether an explanation is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speechcnn import explain
from speechcnn.explain.faithfulness import rank_correlation, ranked
from speechcnn.explain.listening import bin_weights, over_transform
from speechcnn.explain.pictures import explanation_figure, filters_figure
from speechcnn.features import LogMel
from speechcnn.layers import Linear
from speechcnn.models import MODELS

RATE = 8000


def log_mel() -> LogMel:
    return LogMel(n_bands=24, deltas=0, energy=False, rate=RATE)


def tone(hz: float, seconds: float = 1.0) -> Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(int(seconds * RATE)) / RATE)


def level(samples: Tensor, hz: float) -> float:
    """Size of one frequency of a sound, in decibels."""
    middle = samples[1000:-1000]
    n = torch.arange(len(middle)) * 2 * math.pi * hz / RATE
    return 20 * math.log10(math.hypot(float(middle @ n.cos()), float(middle @ n.sin())) + 1e-9)


def test_both_parts_add_up_to_the_clip() -> None:
    features, clip = log_mel(), torch.randn(RATE)
    mask = torch.rand(24, features(clip[None])[0].shape[-1])
    parts = explain.divide(clip, mask, features)
    torch.testing.assert_close(parts.heard + parts.ignored, clip, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_samples", [RATE, 4001, 150])
def test_a_mask_of_ones_keeps_everything(n_samples: int) -> None:
    clip = torch.randn(n_samples)
    parts = explain.divide(clip, torch.ones(24, 3), log_mel())
    torch.testing.assert_close(parts.heard, clip, rtol=0, atol=1e-5)


def test_of_two_tones_the_unmasked_one_is_heard() -> None:
    features, clip = log_mel(), tone(500) + tone(2500)
    centres = features.bands.T @ torch.arange(features.fft_size // 2 + 1.0) / features.bands.sum(0)
    low = (centres * RATE / features.fft_size < 1200).float()
    parts = explain.divide(clip, low[:, None].expand(-1, 98), features)
    assert level(parts.heard, 500) == pytest.approx(level(clip, 500), abs=0.1)
    assert level(parts.heard, 2500) < level(clip, 2500) - 60
    assert level(parts.ignored, 500) < level(clip, 500) - 40
    assert level(parts.ignored, 2500) == pytest.approx(level(clip, 2500), abs=0.1)


def test_a_mask_in_time_follows_the_frames_centres() -> None:
    """Frame t's centre lies t shifts after the middle of the first window."""
    features = log_mel()
    mask = torch.zeros(24, 98)
    mask[:, 40] = 1
    gains = over_transform(mask, 101, features)
    half_window = features.window_samples / 2 / features.shift_samples
    centre = (gains[5] * torch.arange(101)).sum() / gains[5].sum()
    assert float(centre) == pytest.approx(40 + half_window)


def test_bins_beyond_the_bands_follow_the_nearest() -> None:
    weights = bin_weights(LogMel(n_bands=8, deltas=0, energy=False, rate=RATE, low_hz=500, high_hz=3000))
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights), dtype=torch.float64))
    assert weights[0, 0] == weights[-1, -1] == 1


def test_a_soft_mask_is_full_for_the_highest_tenth() -> None:
    explanation = torch.arange(100.0).view(10, 10) - 50
    mask = explain.soft_mask(explanation, 0.9)
    assert int((mask == 1).sum()) == 10
    assert not mask[explanation <= 0].any()
    assert float(mask[8, 0]) == pytest.approx(30 / 39.1)  # the quantile lies at 89.1 of the hundred
    torch.testing.assert_close(explain.soft_mask(explanation, 0.9, 2.0), mask**2)


def test_few_cells_that_speak_fill_the_mask() -> None:
    explanation = torch.zeros(5, 5)
    explanation[2, 3] = 0.5
    assert explain.soft_mask(explanation).nonzero().tolist() == [[2, 3]]
    assert explain.soft_mask(explanation).max() == 1
    assert not explain.soft_mask(-torch.ones(3, 3)).any()


class Rule(nn.Module):
    """Two classes whose scores differ by a weighted sum of four cells."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(4, 2, bias=False)
        self.linear.weight.data = torch.tensor([[4.0, 2.0, 1.0, -1.0], [0.0] * 4])

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features.flatten(1))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_deletion_and_insertion_by_hand() -> None:
    features, nothing = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)
    found = explain.faithfulness(Rule(), features, torch.tensor([[4.0, 2.0], [1.0, -1.0]]), 0, 4, nothing)
    deletion = [sigmoid(s) for s in (6, 2, 0, -1, 0)]
    insertion = [sigmoid(s) for s in (0, 4, 6, 7, 6)]
    assert found.deletion.tolist() == pytest.approx(deletion)
    assert found.insertion.tolist() == pytest.approx(insertion)
    assert found.deletion_area == pytest.approx(np.trapezoid(deletion, dx=0.25))
    assert found.insertion_area == pytest.approx(np.trapezoid(insertion, dx=0.25))


def test_the_true_explanation_is_more_faithful_than_its_reverse() -> None:
    features, nothing = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)
    true = torch.tensor([[4.0, 2.0], [1.0, -1.0]])
    right, wrong = (explain.faithfulness(Rule(), features, one, 0, 4, nothing) for one in (true, -true))
    assert right.deletion_area < wrong.deletion_area
    assert right.insertion_area > wrong.insertion_area


def test_probabilities_of_the_two_parts() -> None:
    """A classifier of loudness below 1 kHz, asked about a tone there and one above."""
    features, clip = log_mel(), tone(500) + tone(2500)
    mask = torch.zeros(24, 98)
    mask[:12] = 1

    def probabilities(samples: Tensor) -> Tensor:
        low = torch.tensor(sigmoid((level(samples, 500) - level(clip, 500)) / 5 + 3))
        return torch.stack([low, 1 - low])

    found = explain.listened(probabilities, clip, explain.divide(clip, mask, features), 0)
    assert found.whole == pytest.approx(sigmoid(3))
    assert found.kept == pytest.approx(1, abs=0.02)
    assert found.drop > 0.9


def small_net() -> nn.Module:
    torch.manual_seed(3)
    return MODELS["cnn8"](3, 1, widths=[4, 6], hidden=8)


def test_an_explanation_of_the_clip_alone_fails_the_randomisation_check() -> None:
    net, features = small_net(), torch.randn(1, 1, 16, 20)
    blind = explain.randomisation_check(net, features, 0, lambda _net, clip, _target: clip[:, 0])
    assert [similarity for _, similarity in blind] == pytest.approx([1.0] * len(blind))
    names = [name for name, _ in blind]
    assert names[0] == "scores"
    assert names[-1] == "maps.0.0"
    before = explain.gradient_times_input(net, features, 0)
    seeing = explain.randomisation_check(net, features, 0, explain.gradient_times_input)
    assert abs(seeing[-1][1]) < 0.5
    torch.testing.assert_close(explain.gradient_times_input(net, features, 0), before)
    assert seeing == explain.randomisation_check(net, features, 0, explain.gradient_times_input)


def test_ranks_with_ties() -> None:
    assert ranked(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    one, other = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 3.0, 2.0, 4.0])
    assert rank_correlation(one, other) == pytest.approx(1 - 6 * 2 / (4 * 15))  # Spearman: 1 - 6 sum d^2 / n (n^2 - 1)
    assert rank_correlation(one, torch.ones(4)) == 0


def test_pictures_can_be_drawn() -> None:
    heat = torch.randn(24, 50)
    figure = explanation_figure(heat, heat, "dog", centres_hz=list(range(24)))
    figure.canvas.draw()
    above, below = figure.axes
    assert (len(above.images), len(below.images)) == (1, 2)
    np.testing.assert_allclose(below.images[1].get_array(), heat.numpy())
    filters = filters_figure(torch.randn(6, 2, 5, 7), "first layer")
    filters.canvas.draw()
    assert sum(bool(axis.images) for axis in filters.axes) == 6


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: explain.soft_mask(torch.ones(2, 2), 1.5), "quantile must be from 0 to 1"),
        (lambda: explain.divide(torch.ones(800), torch.ones(23, 4), log_mel()), r"the mask \[24, T\]"),
        (lambda: explain.faithfulness(Rule(), torch.ones(1, 1, 2, 2), torch.ones(2, 3)), r"the explanation \[F, T\]"),
        (lambda: explanation_figure(torch.ones(2, 3), torch.ones(3, 2)), r"must both be \[F, T\]"),
        (lambda: explanation_figure(torch.ones(2, 3), torch.ones(2, 3), centres_hz=[1.0]), "each of 2 bands; got 1"),
        (lambda: filters_figure(torch.ones(2, 3)), r"weight must be \[J, C, F, T\]"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(call, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
