"""What a check answers: an error that is measured, a fault that is told, or that the layer does not offer it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import shorten

from torch import Tensor


class Fault(Exception):
    """The check fails for a reason that is a sentence."""


class NotOffered(Exception):
    """The layer, or what is known about it, does not offer what the check looks at."""


@dataclass(frozen=True)
class Finding:
    """A largest error and the sentence told when it is too large; `note` is told in any case."""

    error: float | None = None
    blame: str = ""
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """What holds for all checks of a verification."""

    tolerance: float  # of float64 values and derivatives
    backend: str  # of torch.compile


def difference(got: Tensor, expected: Tensor) -> float:
    """Return the largest absolute difference, in units of the largest expected value where that exceeds 1.

    Raises:
        Fault: the shapes differ.
    """
    if got.shape != expected.shape:
        raise Fault(f"the shape is {list(got.shape)} instead of {list(expected.shape)}")
    if got.numel() == 0:
        return 0.0
    scale = max(1.0, expected.abs().max().item())
    return (got - expected).abs().max().item() / scale


def compare(what: str, pairs: Iterable[tuple[str, Tensor, Tensor]]) -> Finding:
    """Return the largest difference of several named pairs (name, got, expected); a NaN is the largest of all."""
    findings = [Finding(0.0)]
    for name, got, expected in pairs:
        try:
            findings.append(Finding(difference(got, expected), f"{what}: {name} differs"))
        except Fault as fault:
            raise Fault(f"{what}: {name}: {fault}") from fault
    return largest(findings)


def largest(findings: Sequence[Finding]) -> Finding:
    """Return the finding with the largest error."""
    return max(findings, key=lambda one: math.inf if one.error is None or math.isnan(one.error) else one.error)


def sentence(error: BaseException) -> str:
    """Return an exception's first line, shortened."""
    lines = str(error).strip().splitlines() or [""]
    told = shorten(lines[0], 160, placeholder="...")
    return told if isinstance(error, Fault) else f"{type(error).__name__}: {told}"
