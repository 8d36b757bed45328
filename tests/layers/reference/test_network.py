"""A whole network: convolution, activation, pooling, flat layers and softmax with cross-entropy, against torch."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.divergence import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from speechcnn.layers.reference.network import (
    Layer,
    activation,
    convolution,
    descend,
    flat,
    flattening,
    max_pooling,
    network_backward,
    network_forward,
)
from speechcnn.shapes import Window, receptive_field

LABELS = np.array([1, 0, 2])


def random_network(rng: np.random.Generator) -> list[Layer]:
    """For maps [B, 2, 8, 9]."""

    def random(*shape: int) -> np.ndarray:
        return 0.5 * rng.standard_normal(shape)

    return [
        convolution(random(3, 2, 3, 3), random(3), stride=(1, 2)),
        activation("tanh"),
        max_pooling((2, 1), stride=1),
        convolution(random(4, 3, 2, 2), random(4), padding=(1, 0)),
        activation("relu"),
        flattening(),
        flat(random(5, 4 * 6 * 3), random(5)),
        activation("sigmoid"),
        flat(random(3, 5), random(3)),
    ]


def torch_divergence(x: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
    w1, b1, w2, b2, w3, b3, w4, b4 = parameters
    maps = F.max_pool2d(torch.tanh(F.conv2d(x, w1, b1, stride=(1, 2))), (2, 1), stride=1)
    maps = F.relu(F.conv2d(maps, w2, b2, padding=(1, 0)))
    hidden = torch.sigmoid(F.linear(maps.flatten(1), w3, b3))
    return F.cross_entropy(F.linear(hidden, w4, b4), torch.tensor(LABELS), reduction="none")


def test_every_derivative_of_the_network_agrees_with_torch(rng) -> None:
    layers, x = random_network(rng), rng.standard_normal((3, 2, 8, 9))
    parameters = [p for layer in layers for p in layer.parameters]
    tensors = [torch.tensor(a, requires_grad=True) for a in [x, *parameters]]
    expected = torch_divergence(tensors[0], tensors[1:])

    maps = network_forward(x, layers)
    divergence = softmax_cross_entropy_forward(maps[-1], LABELS)
    np.testing.assert_allclose(divergence, expected.detach(), atol=1e-12)

    (dz,) = softmax_cross_entropy_backward(np.ones(3), maps[-1], LABELS)
    dx, gradients = network_backward(dz, maps, layers)
    found = [dx, *(g for gradient in gradients for g in gradient)]
    for derivative, truth in zip(found, torch.autograd.grad(expected.sum(), tensors), strict=True):
        np.testing.assert_allclose(derivative, truth, atol=1e-11)


def test_descending_brings_the_divergence_down(rng) -> None:
    layers, x = random_network(rng), rng.standard_normal((3, 2, 8, 9))
    course = []
    for _ in range(4):
        maps = network_forward(x, layers)
        course.append(softmax_cross_entropy_forward(maps[-1], LABELS).mean())
        (dz,) = softmax_cross_entropy_backward(np.full(3, 1 / 3), maps[-1], LABELS)
        descend(layers, network_backward(dz, maps, layers)[1], rate=0.3)
    assert course == sorted(course, reverse=True)


def test_a_unit_set_to_one_shows_its_receptive_field() -> None:
    layers = [convolution(np.ones((1, 1, 3)), np.zeros(1), stride=2), convolution(np.ones((1, 1, 4)), np.zeros(1))]
    maps = network_forward(np.zeros((1, 1, 15)), layers)
    unit = np.zeros_like(maps[-1])
    unit[0, 0, 2] = 1.0
    seen = np.flatnonzero(network_backward(unit, maps, layers)[0])
    begin, end = receptive_field([Window(3, stride=2), Window(4)]).inputs(2, 2)
    assert seen.tolist() == list(range(begin, end))
