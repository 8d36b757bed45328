"""Runs a net without values while every layer says what its maps see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from speechcnn.models.fields.layers import pointwise, rule_of
from speechcnn.models.fields.sizes import shadow
from speechcnn.models.fields.spans import every
from speechcnn.models.fields.tracked import FieldError, Tracked, plain, tracked


def traced(
    model: nn.Module, shape: Sequence[int], layer: str | None = None, call: Callable[[Any], Any] | None = None
) -> Tracked:
    """Return what the output of the model, or of one of its layers, sees of an input.

    Args:
        model: a net; it is left as it was.
        shape: of one input without the batch, [C, F, T] or [C, T]; spans are followed along all but the first axis.
        layer: the dotted name of the module whose output is meant; by default the model's.
        call: what to call with the input, if not the model itself; a method of it for example.

    Raises:
        FieldError: an operator that is not known, or no such layer, or one that the input never reaches.
    """
    caught: list[Tracked] = []
    known = dict(model.named_modules())
    if layer is not None and layer not in known:
        raise FieldError(f"layer must be one of the model's modules; got {layer!r}.")
    values = torch.empty((1, *shape), device="meta")
    start = tracked(values, {axis: (axis, every(shape[axis])) for axis in range(1 - len(shape), 0)})
    with patched(model), torch.no_grad():
        if layer is not None:
            hook = known[layer].register_forward_hook(lambda _module, _inputs, output: caught.append(output))
        try:
            result = functional_call(Called(model, call), {f"model.{k}": v for k, v in shadow(model).items()}, (start,))
        finally:
            if layer is not None:
                hook.remove()
    found = result if layer is None else caught[-1] if caught else None
    if not isinstance(found, Tracked):
        raise FieldError(f"{layer or type(model).__name__} gives no tensor that depends on the input.")
    return found


class Called(nn.Module):
    """A model behind one of its methods."""

    def __init__(self, model: nn.Module, call: Callable[[Any], Any] | None) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, inputs: Tensor) -> Any:
        """Call the method, or the model."""
        return (self.call or self.model)(inputs)


@contextmanager
def patched(model: nn.Module) -> Iterator[None]:
    """Let each known layer of the model, while this lasts, follow what its maps see."""
    layers = [module for module in model.modules() if rule_of(module)]
    for module in layers:
        module.forward = following(module)
    try:
        yield
    finally:
        for module in layers:
            del module.forward


def following(module: nn.Module) -> Callable[..., Any]:
    """Return the layer's forward pass, with its rule for what is seen."""
    usual, rule = module.forward, rule_of(module)
    names = ("output_size",)  # what follows the maps in calls of the project's layers

    def forward(maps: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(maps, Tracked) or rule is None:
            return usual(maps, *args, **kwargs)
        # Batch norm and the like keep their maps' shape, and are slow without values.
        result = plain(maps) if rule is pointwise else usual(plain(maps), *args, **kwargs)
        return tracked(result, rule(module, maps.seen, result, {**dict(zip(names, args, strict=False)), **kwargs}))

    return forward
