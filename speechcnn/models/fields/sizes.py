"""The smallest input of a net and what an input costs, found by running it without values (on torch's meta device)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from speechcnn.layers.conv import Convolution
from speechcnn.layers.flat import Linear

LARGEST = 1 << 14  # bands or frames; a net that takes no such picture takes none


def shadow(model: nn.Module) -> dict[str, Tensor]:
    """Return the model's parameters and buffers without their values, as 32-bit numbers."""
    values = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
        values[name] = tensor.to("meta", dtype)
    return values


def minimum_size(model: nn.Module, n_streams: int | None = None) -> tuple[int, int]:
    """Return the fewest bands and frames of a picture that the model can take.

    Args:
        model: a net over [B, C, F, T].
        n_streams: channels of the picture; by default those that the model's first convolution reads.

    Raises:
        ValueError: the model takes no picture of any size up to 16384.
    """
    values = shadow(model)
    n_streams = channels_of(model) if n_streams is None else n_streams

    def fits(bands: int, frames: int) -> bool:
        return runs(model, values, (1, n_streams, bands, frames))

    with normless(model):
        largest = 1
        while not fits(largest, largest):
            largest *= 2
            if largest > LARGEST:
                raise ValueError(f"{type(model).__name__} takes no picture of {n_streams} channels of any size.")
        return smallest(lambda bands: fits(bands, largest), largest), smallest(lambda t: fits(largest, t), largest)


@contextmanager
def normless(model: nn.Module) -> Iterator[None]:
    """Let batch norm pass its maps on unchanged: it has no say in sizes, and is slow without values."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.forward = nn.Identity().forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def runs(model: nn.Module, values: dict[str, Tensor], shape: Sequence[int]) -> bool:
    """Say whether the model takes an input of this shape."""
    try:
        with torch.no_grad():
            functional_call(model, values, (torch.empty(*shape, device="meta"),))
    except (ValueError, RuntimeError):
        return False
    return True


def smallest(fits: Callable[[int], bool], largest: int) -> int:
    """Return the least number from 1 to `largest` that fits, when all above it do."""
    low, high = 1, largest
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def channels_of(model: nn.Module) -> int:
    """Return the channels that the model's first convolution reads.

    Raises:
        ValueError: the model has no convolution; its channels must be said.
    """
    for module in model.modules():
        if isinstance(module, Convolution | nn.modules.conv._ConvNd):
            return int(module.weight.shape[1]) * module.groups
    raise ValueError(f"{type(model).__name__} has no convolution; give n_streams, the channels of its input.")


@dataclass(frozen=True)
class Cost:
    """What one input costs."""

    parameters: int  # trained values
    multiply_adds: int  # of convolutions and full layers, one pass forward
    activations: int  # values that the layers give, which training keeps until the backward pass


def cost(model: nn.Module, shape: Sequence[int]) -> Cost:
    """Return what one input of this shape, [C, F, T] or [C, T], costs a model in evaluation."""
    counted = {"multiply_adds": 0, "activations": 0}

    def count(module: nn.Module, _inputs: object, result: object) -> None:
        if isinstance(result, Tensor):
            counted["activations"] += result.numel()
            counted["multiply_adds"] += multiply_adds(module, result)

    hooks = [module.register_forward_hook(count) for module in model.modules() if not list(module.children())]
    try:
        with normless(model), torch.no_grad():
            functional_call(model, shadow(model), (torch.empty(1, *shape, device="meta"),))
    finally:
        for hook in hooks:
            hook.remove()
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return Cost(parameters, **counted)


def multiply_adds(module: nn.Module, result: Tensor) -> int:
    """Return the multiplications of a convolution or a full layer that gave `result`."""
    kinds = Convolution | nn.modules.conv._ConvNd | Linear | nn.Linear
    return result.numel() * module.weight[0].numel() if isinstance(module, kinds) else 0
