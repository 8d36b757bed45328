"""A network with two heads for a clip of one sound: which class, and where in time and frequency.

The place of each side of the box, and of each further landmark in time, is the expected position under a softmax over
time (or frequency) of a map of its own. So a place is a number that can be regressed, clips may have any length, and
there is no full layer whose weights would have to learn each position apart.

Sources: Bhiksha Raj, "Convolutional Networks IV" (2021), "Localization" (class and box from shared maps,
cross-entropy and L2) and "Pose estimation" (several points); Sun et al. (2018), "Integral human pose regression"
(expected positions).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import Linear
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool
from speechcnn.models.segmentation import MapStage, check_stages

BOX = ("onset", "offset", "low", "high")  # in the order of the outputs
TIME_UNIT_FRAMES = 100  # one second at a shift of 10 ms
POOLED_STAGES = 2  # the places are read at a fourth of the resolution


class EventLocalizer(nn.Module):
    """Class scores of a clip, the box around its sound, and the times of further landmarks.

    Args:
        n_classes: classes to tell apart.
        n_streams: channels of the features.
        n_bands: rows of the features' frequency axis; a row of energy after them is not used.
        n_points: landmarks in time besides the box's sides.
        maps: channels of the stages; pooling that halves both axes follows the first two.
        dropout: share of the values below the class scores set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".

    Raises:
        ValueError: no stage, or fewer bands than can be halved.
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        n_bands: int,
        n_points: int = 0,
        maps: Sequence[int] = (16, 32, 48, 48),
        dropout: float = 0.1,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_stages(maps, n_bands)
        if n_points < 0:
            raise ValueError(f"n_points must be at least 0; got {n_points}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1; got {dropout}.")
        self.n_bands, self.n_classes, self.n_points = n_bands, n_classes, n_points
        self.encoder = nn.ModuleList(MapStage(a, b, backprop) for a, b in pairwise([n_streams, *maps]))
        self.pool = MaxPool(2, backprop=backprop)
        self.times = Conv2d(maps[-1], 2 + n_points, 3, padding="same", backprop=backprop)
        self.frequencies = Conv2d(maps[-1], 2, 3, padding="same", backprop=backprop)
        self.dropout = nn.Dropout(dropout)
        self.classes = Linear(2 * maps[-1], n_classes, backprop=backprop)

    def forward(self, features: Tensor) -> Tensor:
        """Return class scores, then the box's sides (`BOX`), then the landmarks.

        Times count `TIME_UNIT_FRAMES` frames from the first frame on, frequencies are shares of the way from the lower
        edge of the first band to the upper edge of the last.

        Shape: features [B, C, F(+1), T], T at least 4 -> [B, K + 4 + P].
        """
        maps = features[:, :, : self.n_bands]
        for level, stage in enumerate(self.encoder):
            maps = stage(self.pool(maps) if 1 <= level <= POOLED_STAGES else maps)
        known = self.dropout(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))
        step = features.shape[-1] / maps.shape[-1]
        times = expected_place(self.times(maps).mean(2)) * step / TIME_UNIT_FRAMES
        shares = expected_place(self.frequencies(maps).mean(3)) / maps.shape[2]
        return torch.cat([self.classes(known), times[:, :2], shares, times[:, 2:]], 1)


def expected_place(scores: Tensor) -> Tensor:
    """Return the mean position under the softmax of scores, the middle of place t being t + 1/2.

    Shape: [B, P, T] -> [B, P].
    """
    places = torch.arange(scores.shape[-1], dtype=scores.dtype, device=scores.device) + 0.5
    return (scores.softmax(-1) * places).sum(-1)
