"""Values and derivatives against independent truths: loops, torch's own operator, finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speechcnn.layers.verify.differences import PROBES, derivative, directions, normal
from speechcnn.layers.verify.finding import Fault, Finding, NotOffered, Settings, compare, largest
from speechcnn.layers.verify.subject import Loops, Subject, gradients, nodes

FEWER = 2  # directions for each tensor where one evaluation is a whole backward pass
REFUSAL = "torch::autograd::Error"  # the node that once_differentiable leaves; gradients may pass it by unseen
Vector = Callable[[Sequence[Tensor]], Tensor]  # of leaves


def loops_values(subject: Subject, settings: Settings) -> Finding:
    """Compare the layer's values with those of the loops."""
    expected = given_loops(subject).forward(*arrays(subject.leaves))
    return compare("loops", [("the output", subject(*subject.leaves), like(expected, subject.leaves[0]))])


def loops_gradients(subject: Subject, settings: Settings) -> Finding:
    """Compare the layer's gradients with those of the loops' backward pass."""
    backward = given_loops(subject).backward
    if backward is None:
        raise NotOffered("the loops have no backward pass")
    truth = subject.truth
    expected = backward(*arrays([truth.cotangent, *subject.leaves]))
    if len(expected) != len(subject.leaves):
        raise Fault(f"the loops give {len(expected)} gradients; the layer has {len(subject.leaves)} leaves")
    pairs = zip(subject.names, truth.gradients, expected, strict=True)
    return compare("loops", [(gradient(name), g, like(e, g)) for name, g, e in pairs if e is not None])


def torch_values(subject: Subject, settings: Settings) -> Finding:
    """Compare the layer's values with those of torch's own operator."""
    named_operator(subject)
    return compare("torch", [("the output", subject(*subject.leaves), subject.by_torch(*subject.leaves))])


def torch_gradients(subject: Subject, settings: Settings) -> Finding:
    """Compare the layer's gradients with those of torch's own operator."""
    named_operator(subject)
    leaves, truth = subject.fresh(), subject.truth
    expected = gradients(subject.by_torch(*leaves), leaves, truth.cotangent)
    return compare("torch", triples(subject, truth.gradients, expected))


def finite_differences(subject: Subject, settings: Settings) -> Finding:
    """Compare the layer's gradients with finite differences of its values."""
    truth = subject.truth
    known = [*zip(map(gradient, subject.names), subject.leaves, truth.gradients, strict=True)]
    return slopes(lambda leaves: subject(*leaves), truth.cotangent, known, subject.rng(), settings.tolerance, PROBES)


def second_order(subject: Subject, settings: Settings) -> Finding:
    """Compare the gradients of the gradients with finite differences of the gradients.

    The gradients G(leaves, v), v being the derivative with respect to the output, are differentiated along a random c:
    d<c, G>/d(leaves, v). The part with respect to v is the forward derivative along c.
    """
    rng = subject.rng()
    weights = torch.cat([normal(rng, leaf.shape, leaf).flatten() for leaf in subject.leaves])
    leaves = (*subject.fresh(), subject.truth.cotangent.clone().requires_grad_())
    first = first_derivatives(subject, leaves)
    if not first.requires_grad:
        raise Fault("the gradients are cut off: they do not depend on the output's gradient in the graph")
    if any(node.name() == REFUSAL for node in nodes(first.grad_fn)):
        raise NotOffered("the backward pass is marked as once_differentiable")
    second = torch.autograd.grad((weights * first).sum(), leaves, materialize_grads=True)
    names = [f"the second derivative with respect to {name}" for name in (*subject.names, "the output's gradient")]
    known = [*zip(names, [leaf.detach() for leaf in leaves], second, strict=True)]
    return slopes(partial(first_derivatives, subject), weights, known, rng, settings.tolerance, FEWER)


def first_derivatives(subject: Subject, leaves: Sequence[Tensor]) -> Tensor:
    """Return all gradients as one vector; the last leaf is the derivative with respect to the output."""
    *at, cotangent = leaves
    at = [leaf if leaf.requires_grad else leaf.detach().requires_grad_() for leaf in at]
    found = gradients(subject(*at), at, cotangent, create_graph=True)
    return torch.cat([one.flatten() for one in found])


def forward_mode(subject: Subject, settings: Settings) -> Finding:
    """Compare the forward derivative along a random direction with what the gradients say of it.

    With J the Jacobian, u the direction and v the output's derivative: <v, J u> = <J' v, u>.
    """
    truth, rng = subject.truth, subject.rng()
    tangents = tuple(normal(rng, leaf.shape, leaf) for leaf in subject.leaves)
    try:
        pushed = torch.func.jvp(subject, subject.leaves, tangents)[1]
    except RuntimeError as error:
        if any(word in str(error) for word in ("jvp", "forward AD", "forward mode AD", "setup_context")):
            raise NotOffered("the layer has no forward-mode derivative") from error
        raise
    expected = sum((g * u).sum() for g, u in zip(truth.gradients, tangents, strict=True))
    return compare("forward mode", [("the derivative", (truth.cotangent * pushed).sum(), torch.as_tensor(expected))])


def slopes(
    function: Vector,
    weights: Tensor,
    known: Sequence[tuple[str, Tensor, Tensor]],
    rng: np.random.Generator,
    tolerance: float,
    most: int,
) -> Finding:
    """Compare gradients of <weights, function> with finite differences along at most `most` directions a leaf.

    `known` holds names, leaves and gradients.

    Raises:
        Fault: along more than a quarter of the directions there is no slope to compare with.
    """
    at, found, kinks = [leaf for _, leaf, _ in known], [Finding(0.0)], 0
    for i, (name, leaf, gradient) in enumerate(known):
        for direction in directions(leaf, rng, most):
            slope = derivative(along(function, at, i, direction), weights, tolerance)
            if slope is None:
                kinks += 1
                continue
            pair = (gradient * direction).sum(), gradient.new_tensor(slope)
            found.append(compare("finite differences", [(name, *pair)]))
    tried = len(found) - 1 + kinks
    if 4 * kinks > tried:
        raise Fault(f"{kinks} of {tried} finite differences do not settle: the values jump or are drawn anew each time")
    return largest(found)


def along(function: Vector, at: Sequence[Tensor], i: int, direction: Tensor) -> Callable[[float], Tensor]:
    """Return the function of a step that leaf i is moved by along a direction."""
    return lambda step: function([*at[:i], at[i] + step * direction, *at[i + 1 :]]).detach()


def given_loops(subject: Subject) -> Loops:
    """Return the loops, or raise NotOffered."""
    if subject.loops is None:
        raise NotOffered("no reference is given")
    return subject.loops


def named_operator(subject: Subject) -> None:
    """Raise NotOffered unless torch's own operator is named."""
    if subject.torch_operator is None:
        raise NotOffered("no torch_operator is named")


def triples(subject: Subject, got: Sequence[Tensor], expected: Sequence[Tensor]) -> list[tuple[str, Tensor, Tensor]]:
    """Name pairs of gradients after the leaves."""
    return [(gradient(name), g, e) for name, g, e in zip(subject.names, got, expected, strict=True)]


def gradient(name: str) -> str:
    """Return what the gradient of a leaf is called."""
    return f"the gradient of {name}"


def arrays(tensors: Iterable[Tensor]) -> list[np.ndarray]:
    """Return tensors as numpy arrays that the loops may write into."""
    return [one.detach().cpu().numpy().copy() for one in tensors]


def like(array: Any, tensor: Tensor) -> Tensor:
    """Return what loops gave as a tensor on the device of another."""
    return torch.as_tensor(np.asarray(array), device=tensor.device)
