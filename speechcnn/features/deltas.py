"""Deltas: how fast each feature rises or falls."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.shapes import Window, length_mask

REACH = 2  # frames on either side that a slope is taken over


def with_deltas(static: Tensor, lengths: Tensor, order: int, reach: int = REACH) -> Tensor:
    """Stack features and their deltas as channels; frames beyond an item's length become zero.

    A delta is the slope of the regression line over 2 * reach + 1 frames; beyond an item's edges its edge frame repeats
    (Young et al., The HTK Book, section 5.9).

    Shape: static [B, F, T], lengths [B] -> [B, 1 + order, F, T].
    """
    streams = [static]
    for _ in range(order):
        streams.append(_slope(streams[-1], lengths, reach))
    real = length_mask(lengths, static.shape[-1])[:, None, None]
    return torch.stack(streams, 1).masked_fill(~real, 0.0)


def _slope(rows: Tensor, lengths: Tensor, reach: int) -> Tensor:
    n_frames, last = rows.shape[-1], (lengths - 1).clamp(min=0)[:, None]
    times = torch.arange(-reach, n_frames + reach, device=rows.device)
    index = torch.minimum(times.clamp(min=0), last)[:, None].expand(-1, rows.shape[1], -1)
    held = rows.gather(-1, index) if n_frames else F.pad(rows, (reach, reach))
    rise = torch.zeros_like(rows)
    for step in range(1, reach + 1):
        later, earlier = held[..., reach + step :], held[..., reach - step :]
        rise = rise + step * (later[..., :n_frames] - earlier[..., :n_frames])
    return rise / (2 * sum(step * step for step in range(1, reach + 1)))


def delta_windows(order: int) -> list[Window]:
    """What deltas see of the static features along time."""
    return [Window(2 * REACH + 1, padding=REACH)] * order
