"""Two clips made one: mixup, and between-class learning for sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

HOWS = ("power", "features")


@dataclass(frozen=True)
class Mixup:
    """Mix two log-energy maps; the targets are to be mixed with the same share.

    "power" adds what the two sounds' energies would add up to, as playing both at once does: with amplitudes
    share : 1 - share, normalised to the power of one clip, energies are added with the squares of the amplitudes
    (between-class learning, Tokozume, Ushiku and Harada, 2018, equation 2, for clips of one level; phases are left out,
    as maps of energies have none). "features" takes the weighted mean of the maps themselves (mixup, Zhang et al.,
    2018). The share is drawn from Beta(alpha, alpha): 1 is even, smaller mixes less.

    Args:
        alpha: of the distribution of the share.
        probability: how often anything is mixed.
        how: what is mixed.

    Raises:
        ValueError: a value outside its limits.
    """

    alpha: float = 1.0
    probability: float = 1.0
    how: Literal["power", "features"] = "power"

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 100:
            raise ValueError(f"alpha must be above 0 and at most 100; got {self.alpha}.")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1; got {self.probability}.")
        if self.how not in HOWS:
            raise ValueError(f"how must be one of {', '.join(HOWS)}; got {self.how!r}.")

    def __call__(self, first: Tensor, second: Tensor, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Return the mixed map and the share of the first one in it.

        Shape: [C, F, T], [C, F, T] -> [C, F, T].
        """
        share, acts = float(draw.beta(self.alpha, self.alpha)), draw.random() < self.probability
        if not acts:
            return first, 1.0
        if self.how == "features":
            return share * first + (1 - share) * second, share
        return added(first, second, share), share

    def samples(self, first: Tensor, second: Tensor, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Return two recordings mixed and the share of the first: what "power" does to maps, made audible.

        Shape: [N], [N] -> [N].
        """
        share = float(draw.beta(self.alpha, self.alpha))
        power = math.sqrt(share**2 + (1 - share) ** 2)
        return (share * first + (1 - share) * second) / power, share


def added(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return the log energies of two sounds at once, with amplitudes share : 1 - share at constant power.

    Shape: [C, F, T], [C, F, T] -> [C, F, T].
    """
    rest, power = 1 - share, share**2 + (1 - share) ** 2
    if min(share, rest) <= 0:
        return first if rest <= 0 else second
    weights = math.log(share**2 / power), math.log(rest**2 / power)
    return torch.logaddexp(first + weights[0], second + weights[1])
