"""The lecture's nets, a training step and a pass forward, against the same nets of plain torch modules; with memory.

The peer is the net itself with each layer replaced by torch's own: same table, same weights, same input.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from bench import Row, compare
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.conv import Conv2d
from speechcnn.layers.flat import Linear, ReLU
from speechcnn.layers.pooling import MaxPool, MeanPool
from speechcnn.models import MODELS

SPECTROGRAM, CLASSES = (1, 80, 250), 50  # AlexNet needs 67 bands
# (title, name in MODELS, arguments, spectrograms in a batch)
CASES: tuple[tuple[str, str, dict[str, Any], int], ...] = (
    ("LeNet-5", "lenet5", {}, 16),
    ("AlexNet", "alexnet", {"grid": [1, 1], "hidden": [256]}, 8),
    ("VGG A", "vgg", {"letter": "A", "grid": [1, 1], "hidden": [256]}, 2),
    ("GoogLeNet", "googlenet", {}, 4),
    ("ResNet 18", "resnet", {}, 4),
    ("DenseNet 121", "densenet", {}, 2),
    ("MobileNet", "mobilenet", {}, 8),
    ("attentive", "attentive", {}, 8),
    ("Cnn8", "cnn8", {}, 8),
)


def plain(net: nn.Module) -> nn.Module:
    """Return a copy of a net in which every layer of this project is torch's module with the same values."""
    twin = copy.deepcopy(net)
    for module in list(twin.modules()):
        for name, child in list(module.named_children()):
            replaced = torch_layer(child)
            if replaced is not child:
                setattr(module, name, replaced)
    return twin


def torch_layer(layer: Any) -> nn.Module:
    """Return torch's module for one of this project's layers; any other module as it is."""
    made: nn.Module
    if isinstance(layer, Conv2d):
        j, i, *kernel = layer.weight.shape
        numbers = (tuple(kernel), layer.stride, layer.padding, layer.dilation, layer.groups)
        made = nn.Conv2d(i * layer.groups, j, *numbers, bias=layer.bias is not None)
    elif isinstance(layer, Linear):
        j, i = layer.weight.shape
        made = nn.Linear(i, j, layer.bias is not None)
    elif isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
    elif isinstance(layer, MeanPool):
        return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
    else:
        return nn.ReLU() if isinstance(layer, ReLU) else layer
    made.load_state_dict(layer.state_dict())
    return made


def step(net: nn.Module, pictures: Tensor, classes: Tensor) -> Callable[[], object]:
    """One pass forward and back."""

    def run() -> object:
        net.zero_grad(set_to_none=True)
        torch.manual_seed(0)  # the same dropout for both
        loss = F.cross_entropy(net(pictures), classes)
        loss.backward()
        return loss.detach()

    return run


def forward(net: nn.Module, pictures: Tensor) -> Callable[[], Tensor]:
    """One pass forward, without what training keeps."""

    def run() -> Tensor:
        with torch.no_grad():
            return net(pictures)

    return run


def rows() -> Iterator[Row]:
    for title, name, arguments, batch in CASES:
        torch.manual_seed(0)
        ours = MODELS[name](CLASSES, SPECTROGRAM[0], **arguments)
        peer = plain(ours)
        pictures, classes = torch.randn(batch, *SPECTROGRAM), torch.randint(CLASSES, (batch,))
        note = f"batch of {batch}"
        runs = step(ours, pictures, classes), step(peer, pictures, classes)
        for run in runs:
            run()
        pairs = zip(ours.parameters(), peer.parameters(), strict=True)
        difference = max(float((a.grad - b.grad).abs().max()) for a, b in pairs)
        yield compare(f"train {title}", *runs, peer_name="torch modules", repeats=5, difference=difference, note=note,
                      memory=True)  # fmt: skip
        ours.eval(), peer.eval()
        runs = forward(ours, pictures), forward(peer, pictures)
        difference = float((runs[0]() - runs[1]()).abs().max())
        yield compare(f"infer {title}", *runs, peer_name="torch modules", repeats=7, difference=difference, note=note)
