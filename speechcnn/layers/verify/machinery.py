"""What torch does with whole functions: compile, export, autocast, vmap, and the registration of operators."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.export import Dim

from speechcnn.layers.verify.comparisons import triples
from speechcnn.layers.verify.finding import Fault, Finding, NotOffered, Settings, compare, largest
from speechcnn.layers.verify.subject import Subject, gradients

COARSE = 0.05  # of the largest value: what the 8 bits of bfloat16 leave in a sum of some products
EXPORTED = 8  # least length that is exported: torch takes lengths of 0 and 1 for fixed
SAMPLES = 3  # of vmap


def compiled(subject: Subject, settings: Settings) -> Finding:
    """Compile as one graph, without a break: equal values and gradients."""
    layer = copy.deepcopy(subject.layer)
    torch.compiler.reset()  # what earlier layers left behind counts towards the compiler's limits
    run = torch.compile(layer, fullgraph=True, backend=settings.backend)
    inputs = subject.fresh()[: subject.n_inputs]
    owned = dict(layer.named_parameters()) if isinstance(layer, nn.Module) else {}
    leaves = (*inputs, *(owned[name] for name in subject.names[subject.n_inputs :]))
    values = run(*inputs)
    got = gradients(values, leaves, subject.truth.cotangent)
    pairs = [("the output", values, subject.truth.values), *triples(subject, got, subject.truth.gradients)]
    return compare("compiled", pairs)


class Exported(nn.Module):
    """A layer, module or not, as the module that torch.export asks for."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.layer = subject.layer

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the layer."""
        return self.layer(*inputs)


def exported(subject: Subject, settings: Settings) -> Finding:
    """Export with a dynamic last axis: equal values at twice the length that was exported."""
    if subject.n_batched == 0 or subject.leaves[0].dim() == 0:
        raise NotOffered("no input has a length that may change")
    times = -(-EXPORTED // max(subject.leaves[0].shape[-1], 1))
    short, long = (subject.with_inputs(subject.batches(partial(repeat, times=n))) for n in (times, 2 * times))
    try:
        expected = long(*long.leaves)
    except Exception as error:
        raise NotOffered("the layer takes no input whose last axis is twice as long") from error
    inputs = short.leaves[: subject.n_inputs]
    dynamic = tuple({one.dim() - 1: Dim.AUTO} if i < subject.n_batched else None for i, one in enumerate(inputs))
    program = torch.export.export(Exported(subject), inputs, dynamic_shapes=(dynamic,)).module()
    try:
        values = program(*long.leaves[: subject.n_inputs])
    except Exception as error:
        raise Fault(f"exported at length {inputs[0].shape[-1]}, it does not run at twice that: {error}") from error
    return compare("exported", [("the output at twice the length", values, expected)])


def repeat(tensor: Tensor, times: int) -> Tensor:
    """Return a tensor several times behind itself along its last axis."""
    return torch.cat([tensor] * times, dim=-1)


def autocast(subject: Subject, settings: Settings) -> Finding:
    """Run under autocast to bfloat16: the output's type is torch's, the gradients have the types of their leaves."""
    single = subject.cast(torch.float32)
    leaves = single.fresh()
    with torch.autocast(leaves[0].device.type, torch.bfloat16):
        values = single(*leaves)
        expected = values.dtype if single.torch_operator is None else single.by_torch(*leaves).dtype
    if values.dtype != expected:
        raise Fault(f"under autocast the output is {values.dtype}; torch's own operator gives {expected}")
    got = gradients(values, leaves, subject.truth.cotangent.to(values.dtype))
    for name, leaf, one in zip(subject.names, leaves, got, strict=True):
        if one.dtype != leaf.dtype or not one.isfinite().all():
            raise Fault(f"under autocast the gradient of {name}, a {leaf.dtype}, is {one.dtype} or not finite")
    error = compare("autocast", [("the output", values.double(), subject.truth.values)]).error
    if error is None or not error <= COARSE:
        raise Fault(f"under autocast the output is off by {error:.1e} of the largest value")
    return Finding(note=f"{str(values.dtype).removeprefix('torch.')}, within {error:.0e} of float64")


def vmapped(subject: Subject, settings: Settings) -> Finding:
    """Compare values and per-sample gradients under vmap with a loop over samples.

    Once every input has an own value for each sample, once the first input alone; parameters are shared.
    """
    return largest([over_samples(subject, n_inputs) for n_inputs in sorted({1, subject.n_inputs})])


def over_samples(subject: Subject, n: int) -> Finding:
    """Compare vmap over samples of the first n inputs with the loop."""
    cotangent = subject.truth.cotangent

    def run(*leaves: Tensor) -> tuple[Tensor, ...]:
        values, pull = torch.func.vjp(subject, *leaves)[:2]
        return (values, *pull(cotangent))

    stacks = [torch.stack([leaf * (1 + k / 8) for k in range(SAMPLES)]) for leaf in subject.leaves[:n]]
    axes = (0,) * n + (None,) * (len(subject.leaves) - n)
    got = torch.func.vmap(run, in_dims=axes)(*stacks, *subject.leaves[n:])
    samples = [[stack[k] for stack in stacks] for k in range(SAMPLES)]
    expected = [torch.stack(of_samples) for of_samples in zip(*(alone(subject, one) for one in samples), strict=True)]
    pairs = [("the output", got[0], expected[0]), *triples(subject, got[1:], expected[1:])]
    return compare(f"vmap over {n} of {subject.n_inputs} inputs", pairs)


def alone(subject: Subject, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return values and gradients of a plain run, the first inputs being replaced."""
    leaves = [leaf.clone().requires_grad_() for leaf in (*inputs, *subject.leaves[len(inputs) :])]
    values = subject(*leaves)
    return (values.detach(), *gradients(values, leaves, subject.truth.cotangent))


def registration(subject: Subject, settings: Settings) -> Finding:
    """Run torch.library.opcheck on a registered operator."""
    kinds = (torch.library.CustomOpDef, torch._ops.OpOverload, torch._ops.OpOverloadPacket)
    if not isinstance(subject.layer, kinds):
        raise NotOffered("the layer is no registered operator")
    found = torch.library.opcheck(subject.layer, subject.fresh(), raise_exception=False)
    failed = [f"{name} ({outcome})" for name, outcome in found.items() if outcome != "SUCCESS"]
    if failed:
        raise Fault(f"torch.library.opcheck: {'; '.join(failed)}")
    return Finding()
