"""The published sizes of the lecture's nets, each also by plain arithmetic from its table."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from speechcnn.layers import Conv2d, Linear
from speechcnn.models import MODELS, count_parameters
from speechcnn.models.fields import cost

COLOURS, CLASSES = 3, 1000


def built(name: str, n_classes: int = CLASSES, n_streams: int = COLOURS, **arguments: Any) -> nn.Module:
    with torch.device("meta"):  # no values: 138 M parameters take no memory
        return MODELS[name](n_classes, n_streams, **arguments)


# Where a paper states no number, it is that of the widely used implementation of the same table (torchvision's model
# pages; Keras's for MobileNet).
PUBLISHED: list[tuple[str, dict[str, Any], int]] = [
    ("alexnet", {}, 60_965_224),  # paper: 60 million; Caffe's bvlc_alexnet has these groups
    ("alexnet", {"groups": 1}, 62_378_344),
    ("vgg", {"letter": "A"}, 132_863_336),  # paper, table 2: 133, 133, 134, 138 and 144 million
    ("vgg", {"letter": "B"}, 133_047_848),
    ("vgg", {"letter": "C"}, 133_638_952),
    ("vgg", {"letter": "D"}, 138_357_544),
    ("vgg", {"letter": "E"}, 143_667_240),
    ("googlenet", {}, 6_998_552),  # Caffe's bvlc_googlenet
    ("googlenet", {"auxiliary": True}, 13_378_280),
    ("resnet", {"depth": 18}, 11_689_512),
    ("resnet", {"depth": 34}, 21_797_672),
    ("resnet", {"depth": 50}, 25_557_032),
    ("resnet", {"depth": 101}, 44_549_160),
    ("resnet", {"depth": 152}, 60_192_808),
    ("densenet", {"depth": 121}, 7_978_856),
    ("densenet", {"depth": 169}, 14_149_480),
    ("densenet", {"depth": 201}, 20_013_928),
    ("mobilenet", {}, 4_231_976),  # paper, table 4: 4.2 million
]


@pytest.mark.parametrize(("name", "arguments", "published"), PUBLISHED)
def test_a_net_has_as_many_parameters_as_published(name: str, arguments: dict[str, Any], published: int) -> None:
    assert count_parameters(built(name, **arguments)) == published


@pytest.mark.parametrize(
    ("name", "arguments", "millions"),
    [("mobilenet", {}, 569), ("resnet", {"depth": 18}, 1814), ("vgg", {}, 15_470), ("alexnet", {}, 724)],
)
def test_multiplications_for_one_picture(name: str, arguments: dict[str, Any], millions: float) -> None:
    """Howard et al. (2017), table 4, has 569 million for MobileNet; Caffe's AlexNet with groups has 724 million."""
    size = 227 if name == "alexnet" else 224
    assert cost(built(name, **arguments), (COLOURS, size, size)).multiply_adds / 1e6 == pytest.approx(millions, abs=0.5)


def test_the_cost_of_two_layers_by_hand() -> None:
    net = nn.Sequential(Conv2d(2, 4, (3, 5)), nn.BatchNorm2d(4), nn.Flatten(1), Linear(4 * 8 * 6, 7))
    found = cost(net, (2, 10, 10))
    assert found.multiply_adds == (8 * 6 * 4) * (2 * 15) + 4 * 8 * 6 * 7
    assert found.activations == 3 * (4 * 8 * 6) + 7
    assert found.parameters == 4 * 30 + 4 + 8 + 4 * 8 * 6 * 7 + 7


def conv(below: int, above: int, kernel: int, groups: int = 1) -> int:
    return above * (below // groups) * kernel * kernel + above


def full(*sizes: int) -> int:
    return sum(below * above + above for below, above in pairwise(sizes))


def normed(below: int, above: int, kernel: int) -> int:
    """Weights of a convolution without offset, and the two values a map of batch norm."""
    return above * below * kernel * kernel + 2 * above


def test_lenet_has_400_values_before_its_full_layers() -> None:
    net = built("lenet5", 10, 1)
    assert net.feature_maps(torch.empty(1, 1, 32, 32, device="meta")).shape == (1, 16, 5, 5)
    assert count_parameters(net) == conv(1, 6, 5) + conv(6, 16, 5) + full(400, 120, 84, 10) == 61_706


def test_lenet_of_1998_reads_60_pairs_of_maps() -> None:
    """The paper has 60,000 trained values: its two pools weigh and shift 6 and 16 maps, its 840 outputs are fixed."""
    pools, fixed_outputs = 2 * 6 + 2 * 16, full(84, 10)
    assert count_parameters(built("lenet5", 10, 1, connections="1998")) + pools - fixed_outputs == 60_000


def test_alexnet_as_the_lecture_lists_it() -> None:
    layers = conv(3, 96, 11) + conv(96, 256, 5) + conv(256, 384, 3) + conv(384, 384, 3) + conv(384, 256, 3)
    assert count_parameters(built("alexnet", groups=1)) == layers + full(6 * 6 * 256, 4096, 4096, 1000)
    halves = conv(3, 96, 11) + conv(96, 256, 5, 2) + conv(256, 384, 3) + conv(384, 384, 3, 2) + conv(384, 256, 3, 2)
    assert count_parameters(built("alexnet")) == halves + full(6 * 6 * 256, 4096, 4096, 1000)


def test_zfnet_of_the_lecture_and_of_the_paper() -> None:
    for widths in ((512, 1024, 512), (384, 384, 256)):
        layers = conv(3, 96, 7) + conv(96, 256, 5)
        layers += sum(conv(below, above, 3) for below, above in zip((256, *widths), widths, strict=False))
        assert count_parameters(built("zfnet", widths=widths)) == layers + full(36 * widths[-1], 4096, 4096, 1000)


def test_vgg_16_as_the_lecture_lists_it() -> None:
    widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    layers = sum(conv(below, above, 3) for below, above in zip([3, *widths], widths, strict=False))
    assert count_parameters(built("vgg")) == layers + full(49 * 512, 4096, 4096, 1000)


@pytest.mark.parametrize(("depth", "blocks"), [(121, (6, 12, 24, 16)), (264, (6, 12, 64, 48))])
def test_densenet_by_its_union_of_maps(depth: int, blocks: tuple[int, ...]) -> None:
    total, width = normed(3, 64, 7), 64
    for number, n_layers in enumerate(blocks):
        for _ in range(n_layers):
            total += 2 * width + normed(width, 128, 1) + 128 * 32 * 9
            width += 32
        if number < 3:
            total, width = total + 2 * width + width * (width // 2), width // 2
    assert count_parameters(built("densenet", depth=depth)) == total + 2 * width + full(width, 1000)


def test_resnet_200_by_its_bottlenecks() -> None:
    total, below = normed(3, 64, 7), 64
    for stage, count in enumerate((3, 24, 36, 3)):
        width, above = 64 << stage, 256 << stage
        total += normed(below, above, 1)
        for _ in range(count):
            total += normed(below, width, 1) + normed(width, width, 3) + normed(width, above, 1)
            below = above
    assert count_parameters(built("resnet", depth=200)) == total + full(2048, 1000)


def test_a_separable_layer_has_nm_and_mkk_weights() -> None:
    layer = built("mobilenet").maps[3]
    m, n, k = 128, 128, 3
    assert sum(p.numel() for p in layer.parameters() if p.dim() == 4) == n * m + m * k * k


SIZES = [
    ("lenet5", {}, 32, (5, 5)),
    ("alexnet", {}, 227, (6, 6)),
    ("zfnet", {}, 224, (6, 6)),
    ("vgg", {}, 224, (7, 7)),
    ("googlenet", {}, 224, (7, 7)),
    ("resnet", {}, 224, (7, 7)),
    ("densenet", {}, 224, (7, 7)),
    ("mobilenet", {}, 224, (7, 7)),
]


@pytest.mark.parametrize(("name", "arguments", "size", "grid"), SIZES)
def test_the_papers_picture_gives_the_papers_grid(
    name: str, arguments: dict[str, Any], size: int, grid: tuple[int, int]
) -> None:
    pictures = torch.empty(1, COLOURS, size, size, device="meta")
    assert built(name, **arguments).eval().feature_maps(pictures).shape[2:] == grid
