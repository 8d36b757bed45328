"""Explanations by a net's own maps (Grad-CAM), and by what happens when a part is taken away (occlusion)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.explain.gradients import classes_of
from speechcnn.explain.targets import Target, chosen, quiet, score_of
from speechcnn.models.fields.probing import evaluation


def grad_cam(model: nn.Module, features: Tensor, target: Target = None, layer: str = "maps") -> Tensor:
    """Return where in the last maps the class is found, enlarged to the features' size.

    Each map is weighted by the mean derivative of the score by its values; what then speaks for the class is kept.

    Args:
        model: a net that gives scores.
        features: [B, C, F, T].
        target: the class; by default the one with most score.
        layer: the module whose output are the maps; "maps" in every net of `models.image_nets`.

    Shape: -> [B, F, T], at least 0.

    Raises:
        ValueError: a layer that is not there, or whose output has no bands and frames.

    Source: Selvaraju et al. (2017), "Grad-CAM: visual explanations from deep networks via gradient-based
    localization", equations 1 and 2.
    """
    with evaluation(model), torch.enable_grad():
        maps, scores = maps_and_scores(model, features.detach(), layer)
        score = score_of(scores, chosen(scores.detach(), target)).sum()
        (derivatives,) = torch.autograd.grad(score, maps)
    weights = derivatives.mean((2, 3), keepdim=True)
    found = (weights * maps.detach()).sum(1, keepdim=True).relu()
    return F.interpolate(found, features.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def maps_and_scores(model: nn.Module, features: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Return a layer's output and the model's scores made of it."""
    modules = dict(model.named_modules())
    if layer not in modules:
        raise ValueError(f"layer must be one of {', '.join(name for name in modules if name)}; got {layer!r}.")
    caught: list[Any] = []

    def keep(_module: nn.Module, _inputs: Any, result: Any) -> Any:
        caught.append(result if result.requires_grad else result.detach().requires_grad_())
        return caught[-1]

    hook = modules[layer].register_forward_hook(keep)
    try:
        scores = model(features)
    finally:
        hook.remove()
    if not caught or caught[-1].dim() != 4:
        raise ValueError(f"{layer} gives no maps [B, C, F, T] on the way to the scores.")
    return caught[-1], scores


def occlusion(
    model: nn.Module,
    features: Tensor,
    target: Target = None,
    window: Sequence[int] = (8, 16),
    shift: Sequence[int] = (4, 8),
    baseline: Tensor | None = None,
) -> Tensor:
    """Return by how much the score falls when a window around each cell is replaced by silence.

    Windows overlap; a cell has the mean over those that cover it, divided by the cells of a window.

    Args:
        model: a net that gives scores.
        features: [B, C, F, T].
        target: the class; by default the one with most score.
        window: bands and frames that are replaced at a time.
        shift: bands and frames between two windows, at most the window.
        baseline: what takes their place; by default each band's lowest value.

    Shape: -> [B, F, T], signed.

    Raises:
        ValueError: a window or shift below 1, or windows with gaps between.

    Source: Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", section 4.2.
    """
    for size, step in zip(window, shift, strict=True):
        if not 1 <= step <= size:
            raise ValueError(f"shift must be from 1 to the window {list(window)}; got {list(shift)}.")
    with evaluation(model), torch.no_grad():
        classes = classes_of(model, features, target)
        whole = score_of(model(features), classes)
        nothing = quiet(features) if baseline is None else baseline.expand_as(features)
        falls = features.new_zeros(features.shape[0], *features.shape[2:])
        covers = torch.zeros_like(falls)
        for bands, frames in product(*map(places, features.shape[2:], window, shift)):
            hidden = features.clone()
            hidden[:, :, bands, frames] = nothing[:, :, bands, frames]
            cells = (bands.stop - bands.start) * (frames.stop - frames.start)
            falls[:, bands, frames] += ((whole - score_of(model(hidden), classes)) / cells)[:, None, None]
            covers[:, bands, frames] += 1
    return falls / covers


def places(length: int, size: int, step: int) -> list[slice]:
    """Return windows that cover an axis, the last one ending at its end."""
    size = min(size, length)
    firsts = sorted({*range(0, length - size, step), length - size})
    return [slice(first, first + size) for first in firsts]
