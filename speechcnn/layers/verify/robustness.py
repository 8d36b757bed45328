"""What a layer meets in use: odd layouts and batches, gradients of some leaves only, a second run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from speechcnn.layers.verify import comparisons
from speechcnn.layers.verify.comparisons import triples
from speechcnn.layers.verify.finding import Fault, Finding, NotOffered, Settings, compare, largest
from speechcnn.layers.verify.subject import Subject, gradients, nodes

MOST_SUBSETS = 30


def strided(subject: Subject, settings: Settings) -> Finding:
    """Run on inputs that lie apart in memory, and differentiate with a gradient that is one number expanded."""
    ones = torch.ones_like(subject.truth.values)
    plain = subject.fresh()
    expected = gradients(subject(*plain), plain, ones)
    found = []
    for layout in (every_other, transposed):
        leaves = laid_out(subject, layout)
        values = subject(*leaves)
        got = gradients(values, leaves, torch.ones((), dtype=ones.dtype, device=ones.device).expand_as(values))
        found.append(same(subject, f"{layout.__name__} input", values, got, expected))
    return largest(found)


def channels_last(subject: Subject, settings: Settings) -> Finding:
    """Run on 4-D tensors whose channels lie side by side."""
    if not any(leaf.dim() == 4 for leaf in subject.leaves):
        raise NotOffered("no input is 4-D")
    leaves = laid_out(subject, lambda one: one.contiguous(memory_format=torch.channels_last) if one.dim() == 4 else one)
    values, cotangent = subject(*leaves), subject.truth.cotangent
    if cotangent.dim() == 4:
        cotangent = cotangent.contiguous(memory_format=torch.channels_last)
    return same(subject, "channels-last", values, gradients(values, leaves, cotangent), subject.truth.gradients)


def batch_of_zero(subject: Subject, settings: Settings) -> Finding:
    """Run on no items: an empty output, and zeros as gradients of the parameters."""
    empty = items(subject, 0)
    leaves = empty.fresh()
    values = empty(*leaves)
    expected = torch.zeros((0, *subject.truth.values.shape[1:]), dtype=values.dtype, device=values.device)
    zeros = tuple(torch.zeros_like(leaf) for leaf in leaves)
    got = gradients(values, leaves, torch.zeros_like(values))
    return compare("no items", [("the output", values, expected), *triples(subject, got, zeros)])


def batch_of_one(subject: Subject, settings: Settings) -> Finding:
    """Run on the first item alone: the same as torch's operator gives, or else as the item gives among others."""
    one = items(subject, 1)
    leaves, cotangent = one.fresh(), subject.truth.cotangent[:1]
    values = one(*leaves)
    got = gradients(values, leaves, cotangent)
    expected, expected_gradients = among_others(subject) if subject.torch_operator is None else by_torch(one, cotangent)
    pairs = [("the output", values, expected), *triples(subject, got, expected_gradients)]
    return compare("one item", pairs)


def items(subject: Subject, n: int) -> Subject:
    """Return the layer with the first n items of the batch."""
    if subject.n_batched == 0 or subject.leaves[0].dim() < 2:
        raise NotOffered("no input has a batch axis")
    return subject.with_inputs(subject.batches(lambda one: one[:n]))


def among_others(subject: Subject) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return what the first item gives in the whole batch: its output, and the gradients that it alone causes."""
    leaves, cotangent = subject.fresh(), subject.truth.cotangent.clone()
    cotangent[1:] = 0
    found = gradients(subject(*leaves), leaves, cotangent)
    return subject.truth.values[:1], tuple(g[:1] if i < subject.n_batched else g for i, g in enumerate(found))


def by_torch(subject: Subject, cotangent: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return what torch's own operator gives: values and gradients."""
    leaves = subject.fresh()
    values = subject.by_torch(*leaves)
    return values.detach(), gradients(values, leaves, cotangent)


def shortest_input(subject: Subject, settings: Settings) -> Finding:
    """Compare values and gradients on the shortest inputs that the layer takes."""
    if subject.shortest is None:
        raise NotOffered("no shortest input is given")
    short, found = subject.with_inputs(subject.shortest), []
    for check in (
        comparisons.loops_values,
        comparisons.loops_gradients,
        comparisons.torch_values,
        comparisons.torch_gradients,
        comparisons.finite_differences,
    ):
        try:
            found.append(check(short, settings))
        except NotOffered:
            continue
    worst = largest(found)
    return replace(worst, blame=f"on {list(short.shapes[0])}: {worst.blame}")


def requires_grad_subsets(subject: Subject, settings: Settings) -> Finding:
    """Ask for the gradients of some leaves only: the same numbers, none elsewhere, and none computed in vain."""
    truth, found = subject.truth, [Finding(0.0)]
    for chosen in subsets(len(subject.leaves)):
        leaves = [leaf.clone().requires_grad_(i in chosen) for i, leaf in enumerate(subject.leaves)]
        values = subject(*leaves)
        asked = " and ".join(subject.names[i] for i in chosen)
        if not values.requires_grad:
            if any(truth.gradients[i].any() for i in chosen):
                raise Fault(f"with only {asked} requiring a gradient the output requires none")
            continue
        vain = wasted(values)
        values.backward(truth.cotangent)
        if vain:
            raise Fault(f"with only {asked} requiring a gradient, {' and '.join(vain)} computes others in vain")
        found.append(only(subject, f"gradient of {asked} alone", leaves, chosen))
    return largest(found)


def only(subject: Subject, what: str, leaves: Sequence[Tensor], chosen: Sequence[int]) -> Finding:
    """Compare the chosen leaves' gradients with the full ones; the others must have none."""
    extra = [subject.names[i] for i, leaf in enumerate(leaves) if leaf.grad is not None and i not in chosen]
    if extra:
        raise Fault(f"{what}: {' and '.join(extra)} got one too")
    pairs = [(subject.names[i], leaves[i].grad, subject.truth.gradients[i]) for i in chosen]
    return compare(what, [(name, torch.zeros_like(e) if g is None else g, e) for name, g, e in pairs])


def wasted(values: Tensor) -> list[str]:
    """Return a list that a backward pass fills with the Functions which compute gradients that nobody asked for."""
    names: list[str] = []
    for node in nodes(values.grad_fn):
        if hasattr(node, "needs_input_grad"):  # torch's own nodes have none
            needed = [following is not None for following, _ in node.next_functions]
            node.register_hook(watch(node.name(), needed, names))
    return names


def watch(name: str, needed: Sequence[bool], names: list[str]) -> Callable[..., None]:
    """Return a hook that notes the Function's name when it gives a gradient which is not needed."""

    def hook(given: Sequence[Tensor | None], _: object) -> None:
        if any(one is not None and not asked for one, asked in zip(given, needed, strict=False)):
            names.append(name.removesuffix("Backward"))

    return hook


def subsets(n: int) -> list[tuple[int, ...]]:
    """Return the choices of some but not all of n leaves, the smallest first."""
    choices = itertools.chain.from_iterable(itertools.combinations(range(n), size) for size in range(1, n))
    return list(itertools.islice(choices, MOST_SUBSETS))


def repeatability(subject: Subject, settings: Settings) -> Finding:
    """Run twice: the same bits, forward and backward."""
    first, leaves = subject.truth, subject.fresh()
    values = subject(*leaves)
    again = gradients(values, leaves, first.cotangent)
    pairs = [("the output", values, first.values), *triples(subject, again, first.gradients)]
    for name, got, expected in pairs:
        if not torch.equal(got, expected):
            raise Fault(f"a second run with the same inputs gives other bits: {name} differs")
    return Finding(0.0)


def same(subject: Subject, what: str, values: Tensor, got: Sequence[Tensor], expected: Sequence[Tensor]) -> Finding:
    """Compare values with the plain run's, and gradients with those expected."""
    return compare(what, [("the output", values, subject.truth.values), *triples(subject, got, expected)])


def laid_out(subject: Subject, layout: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    """Return the leaves that require gradients in another layout in memory."""
    return tuple(layout(leaf.clone()).requires_grad_() for leaf in subject.leaves)


def every_other(tensor: Tensor) -> Tensor:
    """Return a copy whose last axis takes every other place in memory."""
    if tensor.dim() == 0:
        return tensor
    return torch.stack([tensor, torch.full_like(tensor, torch.nan)], dim=-1)[..., 0]


def transposed(tensor: Tensor) -> Tensor:
    """Return a copy whose first and last axes have changed places in memory."""
    if tensor.dim() == 0:
        return tensor
    return tensor.transpose(0, -1).clone(memory_format=torch.contiguous_format).transpose(0, -1)
