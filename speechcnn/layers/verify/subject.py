"""The layer under verification as a function of its leaves: its inputs, then its parameters, in float64."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from speechcnn.layers.verify.differences import normal


class Loops(NamedTuple):
    """A reference on numpy float64 arrays.

    `forward(*inputs, *parameters)` gives the output; `backward(gradient, *inputs, *parameters)`, given the derivative
    with respect to the output, gives those with respect to inputs and parameters, in this order.
    """

    forward: Callable[..., NDArray[np.float64]]
    backward: Callable[..., Sequence[NDArray[np.float64] | None]] | None = None


@dataclass(frozen=True)
class Case:
    """One layer with one set of inputs and what is known to be true of it."""

    layer: Any  # an nn.Module, a function of tensors or a subclass of torch.autograd.Function
    inputs: tuple[Tensor, ...]
    reference: Any = None  # Loops, a pair of functions, an object that has both, or a function
    torch_operator: Callable[..., Tensor] | None = None  # of inputs and parameters; or a module with the same names
    shortest: tuple[Tensor, ...] | None = None  # the shortest inputs that the layer takes
    n_batched: int | None = None  # inputs with a batch axis; default: all of a module's, the first of a function's


@dataclass(frozen=True)
class Truth:
    """What the layer itself gives on plain contiguous leaves; other ways of running it must give the same."""

    values: Tensor
    cotangent: Tensor  # derivative with respect to the values, drawn at random
    gradients: tuple[Tensor, ...]  # in the order of the leaves


@dataclass(frozen=True)
class Subject:
    """A copy of a layer as a function of its leaves: `subject(*leaves)`; the user's own layer is never touched."""

    layer: Callable[..., Tensor]
    leaves: tuple[Tensor, ...]
    names: tuple[str, ...]  # of the leaves
    n_inputs: int
    n_batched: int
    seed: int
    loops: Loops | None
    torch_operator: Callable[..., Tensor] | None
    shortest: tuple[Tensor, ...] | None

    def __call__(self, *leaves: Tensor) -> Tensor:
        """Run the layer."""
        return tensor(called(self.layer, leaves, self.names, self.n_inputs))

    def by_torch(self, *leaves: Tensor) -> Tensor:
        """Call torch's own operator; a module has the layer's parameters, a function gets them after the inputs."""
        return self.of_torch()(*leaves)

    def fresh(self) -> tuple[Tensor, ...]:
        """Return copies of the leaves that require gradients."""
        return tuple(leaf.clone().requires_grad_() for leaf in self.leaves)

    def rng(self) -> np.random.Generator:
        """Return a generator that starts at the seed."""
        return np.random.default_rng(self.seed)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the inputs."""
        return tuple(tuple(leaf.shape) for leaf in self.leaves[: self.n_inputs])

    @cached_property
    def truth(self) -> Truth:
        """Values and gradients of a plain run."""
        leaves = self.fresh()
        values = self(*leaves)
        cotangent = normal(self.rng(), values.shape, values)
        return Truth(values.detach(), cotangent, gradients(values, leaves, cotangent))

    def cast(self, dtype: torch.dtype) -> Subject:
        """Return the same subject in another type of numbers."""
        return replace(
            self,
            layer=moved(self.layer, dtype),
            torch_operator=moved(self.torch_operator, dtype),
            leaves=tuple(leaf.to(dtype) for leaf in self.leaves),
        )

    def with_inputs(self, inputs: Sequence[Tensor]) -> Subject:
        """Return the same layer with other inputs."""
        return replace(self, leaves=(*inputs, *self.leaves[self.n_inputs :]), shortest=None)

    def of_torch(self) -> Subject:
        """Return torch's own operator as the layer, without any truth beside it."""
        operator = self.torch_operator or self.layer
        n = self.n_inputs if isinstance(operator, nn.Module) else len(self.leaves)
        return replace(self, layer=operator, n_inputs=n, torch_operator=None, loops=None, shortest=None)

    def batches(self, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
        """Return the inputs, those with a batch axis changed."""
        inputs = self.leaves[: self.n_inputs]
        return tuple(change(one) if i < self.n_batched else one for i, one in enumerate(inputs))


def subject(case: Case, seed: int) -> Subject:
    """Return the subject of a case.

    Raises:
        TypeError: the layer is a module class instead of a module, or an input is no floating tensor.
        ValueError: torch's operator is a module with other parameters than the layer.
    """
    if isinstance(case.layer, nn.Module):
        layer: Any = moved(case.layer, torch.float64)
        owned = {name: p.detach().clone() for name, p in layer.named_parameters() if p.requires_grad}
    else:
        layer, owned = function(case.layer), {}
    check_names(case.torch_operator, owned)
    inputs = tuple(floating(one) for one in case.inputs)
    n_batched = len(inputs) if isinstance(layer, nn.Module) else 1
    return Subject(
        layer,
        leaves=(*inputs, *owned.values()),
        names=(*(f"input {i}" for i in range(len(inputs))), *owned),
        n_inputs=len(inputs),
        n_batched=n_batched if case.n_batched is None else case.n_batched,
        seed=seed,
        loops=loops(case.reference),
        torch_operator=moved(case.torch_operator, torch.float64),
        shortest=None if case.shortest is None else tuple(floating(one) for one in case.shortest),
    )


def check_names(operator: Any, owned: Mapping[str, Tensor]) -> None:
    """Raise a ValueError when torch's operator is a module whose parameters have other names than the layer's."""
    if isinstance(operator, nn.Module):
        names = [name for name, p in operator.named_parameters() if p.requires_grad]
        if set(names) != set(owned):
            raise ValueError(
                f"a module as torch_operator must have the layer's parameters, {', '.join(owned)}; it has "
                f"{', '.join(names)}. Give a function of inputs and parameters instead."
            )


def called(target: Any, leaves: Sequence[Tensor], names: Sequence[str], n_inputs: int) -> Any:
    """Call a module with the leaves after the inputs as its parameters, or a function with all leaves."""
    if len(leaves) == n_inputs:
        return target(*leaves)
    parameters = dict(zip(names[n_inputs:], leaves[n_inputs:], strict=True))
    return functional_call(target, parameters, tuple(leaves[:n_inputs]))


def gradients(values: Tensor, leaves: Sequence[Tensor], cotangent: Tensor, **options: bool) -> tuple[Tensor, ...]:
    """Return the gradients of <cotangent, values>; zeros for a leaf that the values do not depend on."""
    if not values.requires_grad:
        raise RuntimeError("the output is cut off from the inputs: it does not require a gradient although they do")
    return torch.autograd.grad(values, leaves, cotangent, materialize_grads=True, **options)


def nodes(start: torch.autograd.graph.Node | None) -> Iterator[torch.autograd.graph.Node]:
    """Yield every node of a backward graph once."""
    seen, waiting = set(), [start]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
            yield node


def moved(layer: Any, dtype: torch.dtype) -> Any:
    """Return a deep copy of a module in another type of numbers; functions are returned as they are."""
    return copy.deepcopy(layer).to(dtype) if isinstance(layer, nn.Module) else layer


def function(layer: Any) -> Callable[..., Tensor]:
    """Return what is called when a layer that is no module runs."""
    if inspect.isclass(layer) and issubclass(layer, torch.autograd.Function):
        return layer.apply
    if inspect.isclass(layer) and issubclass(layer, nn.Module):
        raise TypeError(
            f"layer must be a module; got the class {layer.__name__}. Build it first: {layer.__name__}(...)."
        )
    if not callable(layer):
        raise TypeError(
            "layer must be an nn.Module, a function of tensors or a subclass of torch.autograd.Function; "
            f"got {type(layer).__name__}."
        )
    return layer


def floating(given: Any) -> Tensor:
    """Return an input in float64, cut off from where it came from."""
    if not isinstance(given, Tensor):
        raise TypeError(f"each input must be a tensor; got {type(given).__name__}.")
    if not given.is_floating_point():
        raise TypeError(
            f"each input must be a floating tensor; got {given.dtype}. Bind other arguments beforehand: "
            "lambda x: layer(x, index)."
        )
    return given.detach().to(torch.float64).clone()


def tensor(output: Any) -> Tensor:
    """Return a layer's output, or raise a TypeError when it is not one floating tensor."""
    if not isinstance(output, Tensor):
        raise TypeError(
            f"a verified layer must give one tensor; this one gives {type(output).__name__}. Choose one of several: "
            "lambda x: layer(x)[0]."
        )
    if not output.is_floating_point():
        raise TypeError(f"a verified layer must give a floating tensor; this one gives {output.dtype}.")
    return output


def loops(reference: Any) -> Loops | None:
    """Return a reference, however it was given, as its two functions.

    Raises:
        TypeError: it is no function, pair of functions or object with `forward` and `backward`.
    """
    if reference is None or isinstance(reference, Loops):
        return reference
    if isinstance(reference, tuple | list) and len(reference) == 2 and all(map(callable, reference)):
        return Loops(*reference)
    if callable(getattr(reference, "forward", None)) and callable(getattr(reference, "backward", None)):
        return Loops(reference.forward, reference.backward)
    if callable(reference):
        return Loops(reference)
    raise TypeError(
        "reference must be a function on numpy arrays, a pair (forward, backward) or an object that has both; "
        f"got {type(reference).__name__}."
    )
