"""ResNet: each block adds what it finds to what it was given."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.layers.pooling import MaxPool
from speechcnn.models.image_nets.parts import ClassifyingNet, ConvBlock, averaged

# Blocks of each stage (He et al., 2016, table 1), and whether they are bottlenecks; 200 is of their second paper.
DEPTHS: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
    200: ((3, 24, 36, 3), True),
}
WIDENING = 4  # maps above a bottleneck for each map inside
FIRST_WIDTH = 64


class Residual(nn.Module):
    """y = rectified(x + f(x)), or with a projection of x where the number or the size of the maps changes."""

    def __init__(self, below: int, width: int, stride: int, bottleneck: bool, backprop: Backprop = "custom") -> None:
        super().__init__()
        above = width * WIDENING if bottleneck else width

        def block(below: int, above: int, kernel: int, stride: int = 1) -> ConvBlock:
            return ConvBlock(below, above, kernel, stride, kernel // 2, batch_norm=True, backprop=backprop)

        if bottleneck:
            first = [block(below, width, 1), block(width, width, 3, stride)]
            last = Conv2d(width, above, 1, bias=False, backprop=backprop)
        else:
            first = [block(below, width, 3, stride)]
            last = Conv2d(width, above, 3, padding=1, bias=False, backprop=backprop)
        self.residual = nn.Sequential(*first, last, nn.BatchNorm2d(above))
        self.shortcut = nn.Sequential()
        if stride != 1 or below != above:
            self.shortcut.append(Conv2d(below, above, 1, stride, bias=False, backprop=backprop))
            self.shortcut.append(nn.BatchNorm2d(above))
        self.rectifier = ReLU(backprop)

    def forward(self, maps: Tensor) -> Tensor:
        """Add what the block finds.

        Shape: [B, C, F, T] -> [B, C', F', T'].
        """
        return self.rectifier(self.shortcut(maps) + self.residual(maps))


class ResNet(ClassifyingNet):
    """ResNet of a depth of the paper, or with any number of blocks in each stage.

    In a bottleneck the middle, 3 x 3 convolution takes the stride and not the first one, as most use it since; this
    changes neither the number of parameters nor the sizes.

    Source: He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition", table 1.

    Args:
        n_classes: scores.
        n_streams: channels of the picture.
        depth: 18, 34, 50, 101, 152 or 200.
        blocks: blocks of each stage in place of the depth's; each stage doubles the maps and halves the size.
        bottleneck: whether blocks are bottlenecks; by default as the depth has it.
        width: maps of the first stage.
        dropout: share of hidden values set to zero in training.
        backprop: whose backward pass runs: "custom", the layers' own, or "torch".
    """

    def __init__(
        self,
        n_classes: int,
        n_streams: int,
        depth: int = 18,
        blocks: Sequence[int] | None = None,
        bottleneck: bool | None = None,
        width: int = FIRST_WIDTH,
        dropout: float = 0.0,
        backprop: Backprop = "custom",
    ) -> None:
        if depth not in DEPTHS:
            known = ", ".join(map(str, DEPTHS))
            raise ValueError(f"depth must be one of {known}, or give `blocks`; got {depth}.")
        usual_blocks, usual_kind = DEPTHS[depth]
        blocks = usual_blocks if blocks is None else blocks
        bottleneck = usual_kind if bottleneck is None else bottleneck
        if not blocks or min(blocks) < 1:
            raise ValueError(f"blocks must list at least one stage of at least one block; got {list(blocks)}.")
        layers: list[nn.Module] = [
            ConvBlock(n_streams, width, 7, 2, 3, batch_norm=True, backprop=backprop),
            MaxPool(3, 2, 1, backprop=backprop),
        ]
        below = width
        for stage, count in enumerate(blocks):
            for place in range(count):
                stride = 2 if stage and not place else 1
                layers.append(Residual(below, width << stage, stride, bottleneck, backprop))
                below = (width << stage) * (WIDENING if bottleneck else 1)
        super().__init__(nn.Sequential(*layers), averaged(dropout), below, n_classes, backprop)
