"""Whose score is explained, and of what: the checks that every method shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

Target: TypeAlias = int | Sequence[int] | None  # a class for all items, one for each, or the one with most score
Explainer: TypeAlias = Callable[[nn.Module, Tensor, Target], Tensor]


def chosen(scores: Tensor, target: Target) -> Tensor:
    """Return the class of each item whose score is meant.

    Shape: scores [B, K] -> [B].

    Raises:
        ValueError: scores of another rank, a class that is not there, or not one class for each item.
    """
    if scores.dim() != 2:
        raise ValueError(f"the model must give scores [B, K]; got {list(scores.shape)}.")
    if target is None:
        return scores.argmax(1)
    classes = torch.as_tensor(target, device=scores.device)
    if classes.dim() == 0:
        classes = classes.expand(len(scores))
    if classes.shape != scores.shape[:1]:
        raise ValueError(f"target must be one class, or one for each of {len(scores)} items; got {target}.")
    if classes.min() < 0 or classes.max() >= scores.shape[1]:
        raise ValueError(f"target must be a class from 0 to {scores.shape[1] - 1}; got {target}.")
    return classes


def score_of(scores: Tensor, classes: Tensor) -> Tensor:
    """Return the score of each item's class.

    Shape: scores [B, K], classes [B] -> [B].
    """
    return scores.gather(1, classes[:, None])[:, 0]


def check_features(features: Tensor) -> None:
    """Raise a ValueError unless features are maps of bands and frames, a batch of them."""
    if features.dim() != 4 or not features.numel():
        raise ValueError(f"features must be [B, C, F, T] with at least one value; got {list(features.shape)}.")


def quiet(features: Tensor) -> Tensor:
    """Return what stands for silence: the lowest value of each band of each item.

    Shape: [B, C, F, T] -> the same.
    """
    return features.amin(-1, keepdim=True).expand_as(features)
