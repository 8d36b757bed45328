#!/usr/bin/env python3
"""Writes docs/architectures.md: size, cost and receptive field of every named net; `--probe` asks the nets as well.

The probe runs nets of full size on one band or frame more than they need, which takes minutes; without it the column
is taken over from the file as it stands.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import nn  # noqa: E402

from speechcnn.models import MODELS  # noqa: E402
from speechcnn.models.fields import cost, minimum_size, probe, receptive_field  # noqa: E402
from speechcnn.models.fields.receptive import spans_of  # noqa: E402
from speechcnn.models.fields.tracing import traced  # noqa: E402

TARGET = ROOT / "docs" / "architectures.md"
BEYOND = 100  # inputs beyond the field, so that the middle output sees no edge


@dataclass(frozen=True)
class Row:
    """One net at the size of its paper."""

    title: str
    name: str
    paper: str
    section: str
    size: tuple[int, int, int] = (3, 224, 224)
    n_classes: int = 1000
    arguments: dict[str, Any] = field(default_factory=dict)

    def build(self, **more: Any) -> nn.Module:
        return MODELS[self.name](self.n_classes, self.size[0], **self.arguments, **more).eval()


KRIZHEVSKY, HE = "Krizhevsky et al. 2012", "He et al. 2016"
SIMONYAN, HUANG = "Simonyan and Zisserman 2014", "Huang et al. 2017"
SPECTROGRAM = (1, 64, 500)  # 64 bands, 5 seconds at 100 frames a second
ROWS = (
    Row("LeNet-5", "lenet5", "LeCun et al. 1998", "Le-net 5", (1, 32, 32), 10),
    Row("LeNet-5, table of 1998", "lenet5", "LeCun et al. 1998", "Le-net 5", (1, 32, 32), 10, {"connections": "1998"}),
    Row("AlexNet", "alexnet", KRIZHEVSKY, "Krizhevsky et. al.", (3, 227, 227)),
    Row("AlexNet, no groups", "alexnet", KRIZHEVSKY, "Krizhevsky et. al.", (3, 227, 227), 1000, {"groups": 1}),
    Row("ZFNet", "zfnet", "Zeiler and Fergus 2013", "ZF Net Architecture"),
    *(Row(f"VGG {letter}", "vgg", SIMONYAN, "VGGNet", arguments={"letter": letter}) for letter in "ABCDE"),
    Row("GoogLeNet", "googlenet", "Szegedy et al. 2015", "Googlenet: Inception"),
    Row("GoogLeNet, helping heads", "googlenet", "Szegedy et al. 2015", "Googlenet: Inception", (3, 224, 224), 1000,
        {"auxiliary": True}),
    *(Row(f"ResNet {n}", "resnet", HE, "Resnet: 2015", arguments={"depth": n}) for n in (18, 34, 50, 101, 152, 200)),
    *(Row(f"DenseNet {n}", "densenet", HUANG, "Densenet", arguments={"depth": n}) for n in (121, 169, 201, 264)),
    Row("MobileNet v1", "mobilenet", "Howard et al. 2017", "Depth-wise convolution"),
    Row("convolutions with attention", "attentive", "Vaswani et al. 2017", "Transformers and self similarity",
        SPECTROGRAM, 50),
    Row("Cnn8", "cnn8", "Kong et al. 2020", "(for small data)", SPECTROGRAM, 50),
)  # fmt: skip


def columns(row: Row, agreement: str) -> list[str]:
    """Return the cells of a row."""
    with torch.device("meta"):
        net = row.build()
    least = minimum_size(net)
    costs = cost(net, row.size)
    # The field does not depend on the width of full layers; the minimum is where the maps begin to exist.
    seen = receptive_field(net, (row.size[0], *least), "maps").frames
    grid = net.feature_maps(torch.empty(1, *row.size, device="meta")).shape[2:]
    return [
        row.title,
        f"`{row.name}`" + "".join(f", `{key}: {value}`" for key, value in row.arguments.items()),
        "×".join(map(str, row.size)),
        f"{costs.parameters:,}",
        f"{costs.multiply_adds / 1e6:,.1f}",
        f"{costs.activations / 1e6:.1f}",
        "×".join(map(str, least)),
        "×".join(map(str, grid)),
        f"{seen.size}",
        f"{seen.stride}",
        f"{float(seen.skew):g}",
        agreement,
        row.section,
        row.paper,
    ]


def probed(row: Row) -> str:
    """Ask the net itself what the output in the middle sees, along frames and along bands."""
    net = row.build()
    least = minimum_size(net)
    return ", ".join(probed_along(net, row.size[0], least, axis) for axis in (-1, -2))


def probed_along(net: nn.Module, n_streams: int, least: tuple[int, int], axis: int) -> str:
    seen = receptive_field(net, (n_streams, *least), "maps")
    shape = [n_streams, *least]
    shape[axis] = (seen.frames if axis == -1 else seen.bands).size + BEYOND
    spans = spans_of(traced(net, shape, "maps"))[axis]
    middle = len(spans) // 2
    low, high = probe(net, shape, "maps", axis)
    agrees = (low, high) == (spans.low[middle], spans.high[middle])
    return f"{high - low + 1}" + ("" if agrees else " (disagrees)")


HEADER = ("net", "in `MODELS`", "input", "parameters", "multiply-adds, M", "activations, M", "smallest input",
          "last maps", "field", "stride", "skew", "probe (frames, bands)", "lecture", "paper")  # fmt: skip

INTRODUCTION = """# The lecture's architectures

Written by `tools/architecture_table.py`; the probe's column by `tools/architecture_table.py --probe`.

Every net maps [B, C, F, T] to scores [B, K] and takes any size from its smallest input on: those whose paper has full
layers over a fixed size (LeNet-5, AlexNet, ZFNet, VGG) average their last maps onto the paper's grid, which changes
nothing at the paper's size; the others pool over all that is left. Parameters are those of 1000 classes and 3 channels
(LeNet-5: 10 and 1; the last two nets: 50 and 1). Multiply-adds are those of convolutions and full layers for one input
of the size given; activations are the values that the layers give, which training keeps for the backward pass.

The receptive field is that of one position of the last maps, in inputs along each axis (bands and frames alike), its
stride the inputs between two positions, its skew the most inputs by which the centres of joined branches lie apart. The
probe makes inputs NaN in the net of full size and finds which the middle position reads: the same number again, along
both axes, or the row says that it disagrees. [The tests](../tests/models/fields/test_receptive_field.py) probe each
kind of net too, most with fewer maps. The scores see the whole input in every net, since all end in full layers or
global pooling.

"""

NOTES = """
Where the sources disagree with one another:

* **LeNet-5**: 400 values (16 maps of 5 x 5) stand before the three full layers. 61,706 parameters with every filter
  reading all maps. The paper's table lets 16 filters read 60 of the 96 pairs: 900 fewer. The paper counts 60,000, with
  56 for its weighted pools and without its fixed output layer.
* **AlexNet**: the lecture lists stride 2 for the second convolution; with it the net would have 27 M parameters and not
  the 60 M that the lecture also states, so the paper's stride 1 stands here. The paper's two graphics cards each held
  half of the maps: that is `groups: 2`.
* **ZFNet**: 512, 1024 and 512 maps as in the lecture; `widths: [384, 384, 256]` is the paper's figure 3, 62,357,608.
* **VGG A-LRN**: VGG A with response normalisation, which holds no parameters and which the lecture calls unnecessary.
* **GoogLeNet**: the lecture says 5 million; the layers of the paper's table add up to 7.0 M, of which the last full
  layer holds 1.0 M. The two helping heads hold 6.4 M more and work in training alone (`training_scores`).
* **ResNet**: in a bottleneck the 3 x 3 convolution takes the stride, not the first one; this changes the field and not
  the parameters.
"""


def before(title: str) -> str:
    """Return what the file as it stands says of the probe."""
    if not TARGET.exists():
        return ""
    found = re.search(rf"^\| {re.escape(title)} \|.*$", TARGET.read_text(encoding="utf-8"), re.MULTILINE)
    return found[0].split(" | ")[HEADER.index("probe (frames, bands)")].strip() if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", nargs="*", metavar="NAME", help="run the nets (all, or those of these names)")
    asked = parser.parse_args().probe
    lines = [HEADER, ["---"] * len(HEADER)]
    for row in ROWS:
        wanted = asked is not None and (not asked or row.name in asked)
        lines.append(columns(row, probed(row) if wanted else before(row.title)))
        print(*lines[-1], sep="  ", flush=True)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    TARGET.write_text(f"{INTRODUCTION}{table}\n{NOTES}", encoding="utf-8")


if __name__ == "__main__":
    main()
