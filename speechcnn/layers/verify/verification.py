"""verify_layer: any layer against every truth at hand, over draws that can each be repeated by their seed."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from speechcnn.layers.verify import comparisons, machinery, robustness
from speechcnn.layers.verify.differences import apart
from speechcnn.layers.verify.finding import Fault, Finding, NotOffered, Settings, sentence
from speechcnn.layers.verify.report import Check, Report, worst
from speechcnn.layers.verify.subject import Case, Subject, called, subject, tensor

Shape: TypeAlias = Sequence[int] | Sequence[Sequence[int]]  # of the one input, or of each of several
Draw: TypeAlias = Callable[[np.random.Generator], Case]
CheckFunction: TypeAlias = Callable[[Subject, Settings], Finding]

# Name -> the check, and how many draws it looks at (None: all). Those that look at few hardly depend on numbers.
CHECKS: dict[str, tuple[CheckFunction, int | None]] = {
    "loops: values": (comparisons.loops_values, None),
    "loops: gradients": (comparisons.loops_gradients, None),
    "torch: values": (comparisons.torch_values, None),
    "torch: gradients": (comparisons.torch_gradients, None),
    "finite differences": (comparisons.finite_differences, None),
    "second order": (comparisons.second_order, None),
    "forward mode": (comparisons.forward_mode, 5),
    "strided input": (robustness.strided, 5),
    "channels-last": (robustness.channels_last, 5),
    "batch of zero": (robustness.batch_of_zero, 5),
    "batch of one": (robustness.batch_of_one, 5),
    "shortest input": (robustness.shortest_input, 5),
    "requires_grad subsets": (robustness.requires_grad_subsets, 5),
    "repeatability": (robustness.repeatability, 5),
    "autocast": (machinery.autocast, 5),
    "vmap": (machinery.vmapped, 5),
    "operator registration": (machinery.registration, 1),
    "compile": (machinery.compiled, 3),
    "export": (machinery.exported, 3),
}
DRAWS = 10  # of a function that draws


def verify_layer(
    layer: Any = None,
    reference: Any = None,
    *,
    torch_operator: Callable[..., Tensor] | None = None,
    shapes: Sequence[Shape] | Callable[[np.random.Generator], tuple[Tensor, ...]] | None = None,
    shortest: Shape | None = None,
    n_batched: int | None = None,
    draw: Draw | None = None,
    draws: int | None = None,
    seed: int = 0,
    tolerance: float = 1e-9,
    backend: str = "aot_eager",
    without: Collection[str] = (),
) -> Report:
    """Verify a layer's values and gradients, and that it survives what torch's own operators survive.

    A copy of the layer runs in float64. Errors are the largest absolute difference, in units of the largest true value
    where that exceeds 1. Each draw has its own seed, from `seed` on; the report names the seed of each check's worst
    draw, and `verify_layer(..., seed=that, draws=1)` repeats it. Meanwhile torch uses one thread, and what its compiler
    holds is thrown away.

    Args:
        layer: an nn.Module, a function of tensors, a subclass of torch.autograd.Function or a registered operator.
        reference: loops on numpy float64 arrays, called with the inputs, then the parameters that require gradients
            in the order of `named_parameters`: a function that gives the output, or a pair of functions (or an object
            with methods) `forward` and `backward`; `backward(gradient, *inputs, *parameters)` gives all gradients.
        torch_operator: torch's own operator, a function of the inputs and parameters, or a module whose parameters
            have the layer's names.
        shapes: input shapes such as [(2, 3, 17), (1, 3, 9)], for several inputs [((2, 3, 17), (4, 3, 5))], whose
            values are drawn far from ties and from 0; or a function from a random generator to a tuple of inputs.
        shortest: shape of the shortest input that the layer takes.
        n_batched: how many inputs, from the first, have a batch axis (axis 0) and a length that may change (the last);
            by default all of a module's and the first of a function's, 0 if none has.
        draw: instead of `layer` and `shapes`, a function from a random generator to a `Case`, so that stride, kernel
            and channels are random too; torch's random numbers follow from the seed as well.
        draws: how many; by default one for each shape, or 10 where a function draws.
        seed: of the first draw.
        tolerance: largest error of float64 values and derivatives that holds.
        backend: of torch.compile.
        without: names of checks to leave out.

    Raises:
        TypeError: the layer, its inputs or its output are not what can be verified.
        ValueError: shapes and draw are both given or both missing, or the layer refuses the first draw's inputs.
    """
    check_arguments(layer, shapes, draw, draws, without)
    given = Case(layer, (), reference, torch_operator, n_batched=n_batched)
    source = by_seed(draw) if draw else from_shapes(given, shapes, shortest)
    n_draws = draws or (len(shapes) if isinstance(shapes, Sequence) else DRAWS)
    settings = Settings(tolerance, backend)
    found: dict[str, list[Check]] = {name: [] for name in CHECKS if name not in without}
    with one_thread(), torch.enable_grad():
        for i in range(n_draws):
            one = drawn(source, seed + i)
            if i == 0:
                check_runs(one)
            for name, rows in found.items():
                check, most = CHECKS[name]
                if most is None or i < most:
                    rows.append(run(name, check, one, settings))
    return Report(tuple(worst(name, rows) for name, rows in found.items()))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: on small maps several cost more than they bring."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n)


def check_arguments(layer: Any, shapes: Any, draw: Draw | None, draws: int | None, without: Collection[str]) -> None:
    """Raise a ValueError that says what is missing or what cannot go together."""
    if (draw is None) == (layer is None):
        raise ValueError("verify_layer takes either a layer with shapes= or draw=, which draws both; give one of them.")
    if draw is None and not shapes:
        raise ValueError(
            "shapes must list at least one shape of the layer's inputs, or be a function that draws them: "
            "verify_layer(layer, shapes=[(2, 3, 17)])."
        )
    if draw is not None and shapes is not None:
        raise ValueError("draw gives the inputs with the layer, so shapes must not be given beside it.")
    if draws is not None and draws < 1:
        raise ValueError(f"draws must be at least 1; got {draws}.")
    unknown = [name for name in without if name not in CHECKS]
    if unknown:
        raise ValueError(f"without names no check: {', '.join(unknown)}. The checks are {', '.join(CHECKS)}.")


def by_seed(draw: Draw) -> Callable[[int], Case]:
    """Return a draw as a function of its seed."""
    return lambda seed: draw(np.random.default_rng(seed))


def from_shapes(given: Case, shapes: Any, shortest: Shape | None) -> Callable[[int], Case]:
    """Return the function from a seed to the layer with inputs of that seed's shape."""
    device = device_of(given.layer)

    def inputs(shape: Shape, rng: np.random.Generator) -> tuple[Tensor, ...]:
        return tuple(apart(rng, one).to(device) for one in each_input(shape))

    def case(seed: int) -> Case:
        rng = np.random.default_rng(seed)
        chosen = shapes(rng) if callable(shapes) else inputs(shapes[seed % len(shapes)], rng)
        chosen = (chosen,) if isinstance(chosen, Tensor) else tuple(chosen)
        return replace(given, inputs=chosen, shortest=None if shortest is None else inputs(shortest, rng))

    return case


def each_input(shape: Shape) -> Sequence[Sequence[int]]:
    """Return a shape for each input.

    Raises:
        TypeError: `shape` is no sequence of numbers, or of such sequences.
    """
    if isinstance(shape, Sequence) and all(isinstance(n, int) for n in shape):
        return [shape]  # type: ignore[list-item]
    if isinstance(shape, Sequence) and all(isinstance(one, Sequence) for one in shape):
        return shape  # type: ignore[return-value]
    raise TypeError(
        "shapes is a list whose items are the shape of the one input, (2, 3, 17), or the shapes of several, "
        f"((2, 3, 17), (4, 3, 5)); got the item {shape!r}."
    )


def device_of(layer: Any) -> torch.device:
    """Return where a module's parameters are."""
    first = next(layer.parameters(), None) if isinstance(layer, nn.Module) else None
    return torch.device("cpu") if first is None else first.device


def drawn(source: Callable[[int], Case], seed: int) -> Subject:
    """Return the subject of a seed; torch's own random numbers are put back as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return subject(source(seed), seed)


def check_runs(one: Subject) -> None:
    """Raise a ValueError when the layer does not run, a TypeError when it gives no floating tensor."""
    output = None
    try:
        output = called(one.layer, one.leaves, one.names, one.n_inputs)
    except Exception as error:
        shapes = " and ".join(str(list(shape)) for shape in one.shapes)
        raise ValueError(
            f"the layer does not run in float64 on inputs of the shape {shapes} (seed {one.seed}): {sentence(error)}"
        ) from error
    tensor(output)


def run(name: str, check: CheckFunction, one: Subject, settings: Settings) -> Check:
    """Return what a check finds on one draw, with its seconds."""
    begin = time.perf_counter()
    with quiet():
        holds, error, note = outcome(check, one, settings)
    return Check(name, holds, error, one.seed, one.shapes, note, seconds=time.perf_counter() - begin)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings and messages back: torch's compilers speak of their insides, and the report says what matters."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def outcome(check: CheckFunction, one: Subject, settings: Settings) -> tuple[bool | None, float | None, str]:
    """Return whether a check holds on one draw, its error and a note."""
    try:
        finding = check(one, settings)
    except NotOffered as reason:
        return None, None, str(reason)
    except Exception as error:  # whatever a layer raises is a finding
        if not isinstance(error, Fault) and refused_by_torch(check, one, settings):
            return None, None, "torch's own operator refuses it too"
        return False, None, f"{sentence(error)}{told(one)}"
    if finding.error is None or finding.error <= settings.tolerance:
        return True, finding.error, finding.note
    return False, finding.error, f"{finding.blame}{told(one)}"


def refused_by_torch(check: CheckFunction, one: Subject, settings: Settings) -> bool:
    """Say whether torch's own operator, where it is named, raises in the same check."""
    if one.torch_operator is None:
        return False
    try:
        check(one.of_torch(), settings)
    except (NotOffered, Fault):
        return False
    except Exception:
        return True
    return False


def told(one: Subject) -> str:
    """Return a module's own description where it is one line."""
    described = repr(one.layer) if isinstance(one.layer, nn.Module) else ""
    return f"; {described}" if described and "\n" not in described else ""
