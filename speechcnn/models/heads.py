"""The parts that end a network: full layers over each frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.maps import Backprop

MOST_LAYERS = 100


class FullLayers(nn.Module):
    """The layers above the first full one: ReLU, dropout and a full layer, repeated; then the class scores.

    The first full layer's affine values come in, since each network computes them in its own way.
    """

    def __init__(
        self, hidden: Sequence[int], n_classes: int, dropout: float = 0.0, backprop: Backprop = "custom"
    ) -> None:
        super().__init__()
        if not 1 <= len(hidden) <= MOST_LAYERS or min(hidden) < 1:
            got = list(hidden) if len(hidden) <= MOST_LAYERS else f"{len(hidden)} of them"
            raise ValueError(f"hidden must list 1 to {MOST_LAYERS} layer sizes, each at least 1; got {got}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1; got {dropout}.")
        sizes = [*hidden, n_classes]
        self.dropout = nn.Dropout(dropout)
        self.rectifier = ReLU(backprop)
        self.layers = nn.ModuleList(Linear(size, following, backprop=backprop) for size, following in pairwise(sizes))

    def forward(self, affine: Tensor) -> Tensor:
        """Map the first layer's affine values to class scores.

        Shape: [..., H] -> [..., K].
        """
        for layer in self.layers:
            affine = layer(self.dropout(self.rectifier(affine)))
        return affine


def check_context(context: int) -> None:
    """Raise a ValueError unless the context is odd, so that it lies evenly around its frame."""
    if context < 1 or context % 2 == 0:
        raise ValueError(f"context must be an odd number of frames, at least 1; got {context}.")
