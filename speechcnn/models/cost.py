"""What a scanned network costs: multiply-adds for each second of sound."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Convolution
from speechcnn.layers.flat import Linear
from speechcnn.models.keyword_nets import KeywordNet


def multiply_adds(network: nn.Module, *inputs: Tensor) -> int:
    """Return the multiply-adds of convolutions and flat layers in one call; other modules are not counted.

    Each value of a convolution's output costs one for each value of a filter, each of a flat layer's one for each
    value of the vector below.
    """
    total = 0

    def count(layer: Any, _: Any, output: Tensor) -> None:
        nonlocal total
        total += output.numel() * math.prod(layer.weight.shape[1:])

    counted = [module for module in network.modules() if isinstance(module, Convolution | Linear)]
    hooks = [module.register_forward_hook(count) for module in counted]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return total


def multiply_adds_per_second(network: KeywordNet, rows: tuple[int, int], shift_seconds: float) -> int:
    """Return the multiply-adds that one more second costs when the network is scanned: nothing is computed twice.

    Args:
        network: in evaluation mode.
        rows: channels and rows of the features.
        shift_seconds: distance between feature frames.
    """
    weight = network.classes.weight
    n_frames = 10 * network.stride
    short, long = (multiply_adds(network, weight.new_zeros(1, *rows, count)) for count in (n_frames, 2 * n_frames))
    return round((long - short) / n_frames / shift_seconds)
