"""Log energies without their level: what a window holds counts, and not how far away the microphone stood."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NATS_PER_DB = math.log(10) / 10  # of an energy


def loudest(features: Tensor) -> Tensor:
    """Return the highest log energy of each map's first channel.

    Shape: [..., C, F, T] -> [..., 1, 1, 1].
    """
    return features[..., :1, :, :].amax((-2, -1), keepdim=True)


def levelled(features: Tensor, range_db: float, reference: Tensor | None = None) -> Tensor:
    """Return log energies relative to the loudest cell, none further below it than the range; deltas are kept.

    Args:
        features: maps whose first channel holds natural logarithms of energies.
        range_db: of the result, from -`range_db` dB to 0; 0: the features as they are.
        reference: the log energy that becomes 0; None: each map's loudest cell.

    Shape: [..., C, F, T] -> [..., C, F, T].
    """
    if not range_db:
        return features
    energies = features[..., :1, :, :] - (loudest(features) if reference is None else reference)
    return torch.cat([energies.clamp(min=-range_db * NATS_PER_DB), features[..., 1:, :, :]], -3)
