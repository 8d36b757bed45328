"""Explanations by derivatives of a class's score by the features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechcnn.explain.targets import Target, check_features, chosen, quiet, score_of
from speechcnn.models.fields.probing import evaluation


def derivative(model: nn.Module, features: Tensor, classes: Tensor) -> Tensor:
    """Return the derivative of each item's score by its features; parameters get none.

    Shape: features [B, C, F, T], classes [B] -> [B, C, F, T].
    """
    with torch.enable_grad():
        inputs = features.detach().requires_grad_()
        return torch.autograd.grad(score_of(model(inputs), classes).sum(), inputs)[0]


def classes_of(model: nn.Module, features: Tensor, target: Target) -> Tensor:
    """Return the class of each item that is explained, after checking features and target."""
    check_features(features)
    with torch.no_grad():
        return chosen(model(features), target)


def saliency(model: nn.Module, features: Tensor, target: Target = None) -> Tensor:
    """Return how strongly the score depends on each cell: the largest size of its derivative over the channels.

    Shape: features [B, C, F, T] -> [B, F, T], at least 0.

    Source: Simonyan, Vedaldi and Zisserman (2014), "Deep inside convolutional networks", section 3.
    """
    with evaluation(model):
        return derivative(model, features, classes_of(model, features, target)).abs().amax(1)


def gradient_times_input(model: nn.Module, features: Tensor, target: Target = None) -> Tensor:
    """Return each cell's part in the score, as a straight line through zero would have it; summed over channels.

    Shape: features [B, C, F, T] -> [B, F, T], signed.
    """
    with evaluation(model):
        return (derivative(model, features, classes_of(model, features, target)) * features).sum(1)


def integrated_gradients(
    model: nn.Module, features: Tensor, target: Target = None, baseline: Tensor | None = None, steps: int = 32
) -> Tensor:
    """Return each cell's part in the score's rise from a baseline to the features; all parts add up to that rise.

    The integral is taken by the midpoint rule, so the sum is exact only in the limit of many steps.

    Args:
        model: a net that gives scores.
        features: [B, C, F, T].
        target: the class; by default the one with most score.
        baseline: features of nothing, [B, C, F, T] or what expands to it; by default each band's lowest value.
        steps: points on the way.

    Shape: -> [B, F, T], signed.

    Source: Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks", equations 1 and 3.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}.")
    with evaluation(model):
        classes = classes_of(model, features, target)
        start = quiet(features) if baseline is None else baseline.expand_as(features)
        way, total = features - start, torch.zeros_like(features)
        for step in range(steps):
            total += derivative(model, start + (step + 0.5) / steps * way, classes)
        return (way * total / steps).sum(1)


def smooth_grad(
    model: nn.Module,
    features: Tensor,
    target: Target = None,
    n_draws: int = 16,
    noise: float = 0.15,
    seed: int = 0,
) -> Tensor:
    """Return the saliency of the mean derivative over noisy copies of the features.

    Args:
        model: a net that gives scores.
        features: [B, C, F, T].
        target: the class; by default the one with most score.
        n_draws: noisy copies.
        noise: deviation of the noise, as a share of the features' range.
        seed: of the noise.

    Shape: -> [B, F, T], at least 0.

    Source: Smilkov et al. (2017), "SmoothGrad: removing noise by adding noise".
    """
    if n_draws < 1 or noise < 0:
        raise ValueError(f"n_draws must be at least 1 and noise at least 0; got {n_draws} and {noise}.")
    generator = torch.Generator().manual_seed(seed)
    with evaluation(model):
        classes = classes_of(model, features, target)
        lowest, highest = features.amin((1, 2, 3), keepdim=True), features.amax((1, 2, 3), keepdim=True)
        deviation, total = noise * (highest - lowest), torch.zeros_like(features)
        for _ in range(n_draws):
            drawn = torch.randn(features.shape, generator=generator).to(features)
            total += derivative(model, features + deviation * drawn, classes)
        return (total / n_draws).abs().amax(1)
