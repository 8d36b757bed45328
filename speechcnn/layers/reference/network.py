"""Layers in a row: the complete forward and backward loop of the lecture.

Every layer of this package has the same two faces, forward(x, ...) and backward(dz, x, ...), so a network is a list of
layers, forward goes through it from the first to the last, and backward from the last to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from speechcnn.layers.reference.activation import activation_backward, activation_forward
from speechcnn.layers.reference.convolution import conv_backward, conv_forward
from speechcnn.layers.reference.flat import flat_backward, flat_forward, flatten_backward, flatten_forward
from speechcnn.layers.reference.pooling import max_pool_backward, max_pool_forward
from speechcnn.layers.reference.scanning import Array, Size


@dataclass(frozen=True)
class Layer:
    """A layer's two functions, the parameters that learning changes, and what is fixed."""

    forward: Callable[..., Array]
    backward: Callable[..., tuple[Array, ...]]
    parameters: tuple[Array, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def convolution(w: Array, b: Array, stride: Size = 1, padding: Size = 0) -> Layer:
    """Return a convolutional layer, up to its affine maps."""
    return Layer(conv_forward, conv_backward, (w, b), {"stride": stride, "padding": padding})


def activation(name: str = "relu") -> Layer:
    """Return a component-wise activation."""
    return Layer(activation_forward, activation_backward, settings={"name": name})


def max_pooling(kernel_size: Size, stride: Size | None = None) -> Layer:
    """Return a max pooling layer."""
    return Layer(max_pool_forward, max_pool_backward, settings={"kernel_size": kernel_size, "stride": stride})


def flattening() -> Layer:
    """Return the step from maps to the flat layers."""
    return Layer(flatten_forward, flatten_backward)


def flat(w: Array, b: Array) -> Layer:
    """Return a flat layer, up to its affine values."""
    return Layer(flat_forward, flat_backward, (w, b))


def network_forward(x: Array, layers: Sequence[Layer]) -> list[Array]:
    """Return Y(0) = x and the output of every layer; backward needs all of them.

    Lecture: "CNN: Forward". The slide ends in a softmax over all that the last layer holds; here it is left to the
    divergence, with which it belongs (`softmax_cross_entropy_forward`).

    Shape: [B, C, ...] -> one array a layer, and the input.
    """
    maps = [x]
    for layer in layers:
        maps.append(layer.forward(maps[-1], *layer.parameters, **layer.settings))
    return maps


def network_backward(
    dy: Array, maps: Sequence[Array], layers: Sequence[Layer]
) -> tuple[Array, list[tuple[Array, ...]]]:
    """Return the derivatives for the input, and for each layer's parameters, given that for the last output.

    Lecture: "Complete Backward". The one for the input shows what an output unit responds to when `dy` is 1 at that
    unit and 0 elsewhere: its receptive field ("setting the output of the neuron to 1").

    Shape: dy as maps[-1] -> as maps[0], and as the parameters.
    """
    gradients: list[tuple[Array, ...]] = []
    for layer, x in zip(reversed(layers), reversed(maps[:-1]), strict=True):
        dy, *rest = layer.backward(dy, x, *layer.parameters, **layer.settings)
        gradients.append(tuple(rest))
    return dy, gradients[::-1]


def descend(layers: Sequence[Layer], gradients: Sequence[tuple[Array, ...]], rate: float) -> None:
    """Move every parameter a step against its derivative, in place. Lecture: "Learning the network"."""
    for layer, derivatives in zip(layers, gradients, strict=True):
        for parameter, derivative in zip(layer.parameters, derivatives, strict=True):
            parameter -= rate * derivative
