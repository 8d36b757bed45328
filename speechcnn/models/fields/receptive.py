"""The receptive field of a net: arithmetic, in inputs, frames and bands, milliseconds and hertz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from torch import nn

from speechcnn.models.fields.spans import Spans
from speechcnn.models.fields.tracing import traced
from speechcnn.models.fields.tracked import FieldError, Tracked

LARGEST = 1 << 15  # inputs along an axis that are tried until the field fits


@dataclass(frozen=True)
class Field:
    """What one output of a net sees along one axis of the input."""

    size: int  # inputs, holes of dilated filters counted in
    stride: Fraction  # inputs between two outputs; below 1 where maps were made larger
    start: Fraction  # first input that output 0 sees; below 0 where it sees padding
    everything: bool  # whether something looks at the whole axis, however long; size is then that of the axis given
    skew: Fraction  # most inputs by which the centres of two joined branches lie apart; 0: all in line


@dataclass(frozen=True)
class ReceptiveFields:
    """What one output sees along frequency, if the input has it, and along time."""

    bands: Field | None
    frames: Field


def receptive_field(
    model: nn.Module,
    shape: Sequence[int],
    layer: str | None = None,
    *,
    fixed_bands: bool = False,
    call: Callable[[Any], Any] | None = None,
) -> ReceptiveFields:
    """Return the receptive field of a net's output, or of one of its layers, by exact arithmetic.

    Branches count by their union; the skew says whether their centres agree. Frames are added to the input until an
    output sees neither of its ends, and so are bands.

    Args:
        model: a net; it runs without values and is left as it was.
        shape: of one input without the batch, [C, F, T], or [C, T] for a net along time.
        layer: the dotted name of a module of the net; by default its output.
        fixed_bands: whether the net takes no other number of bands.
        call: a method of the model to be called in its place.

    Raises:
        FieldError: the net has an operator whose effect is not known; `probe` measures such a net.

    Source: Araujo, Norris and Sim (2019), "Computing receptive fields of convolutional neural networks".

    >>> from speechcnn.layers import Conv1d, MaxPool
    >>> receptive_field(nn.Sequential(Conv1d(1, 4, 5), MaxPool(2), Conv1d(4, 4, 3)), (1, 40)).frames.size
    10
    """
    sizes = list(shape)
    while True:
        seen = traced(model, sizes, layer, call).seen
        short = [axis for axis, (_, spans) in seen.items() if not fits(spans) and not (fixed_bands and axis == -2)]
        if not short:
            break
        for axis in short:
            sizes[axis] = 2 * sizes[axis] + 1
        if max(sizes) > LARGEST:
            raise FieldError(f"the field is larger than {LARGEST} inputs.")
    fields = {axis: field_of(spans) for axis, (_, spans) in seen.items()}
    return ReceptiveFields(fields.get(-2), fields[-1])


def fits(spans: Spans) -> bool:
    """Say whether enough outputs see neither end of the input, so that nothing narrows them; or all see everything."""
    return spans.whole or int(spans.clear.sum()) > 2 * max(1, spans.stride.denominator)


def field_of(spans: Spans) -> Field:
    """Return what an output away from the edges sees."""
    if spans.whole:
        size = int(spans.high.max() - spans.low.min() + 1)
        return Field(size, spans.stride, Fraction(0), True, spans.skew)
    clear = spans.clear if spans.clear.any() else spans.high >= 0
    size = int((spans.high - spans.low + 1)[clear].max())
    # The first clear output of the phase that sees most tells where output 0 would begin without an edge.
    place = int(np.flatnonzero(clear & (spans.high - spans.low + 1 == size))[0])
    return Field(size, spans.stride, int(spans.low[place]) - place * spans.stride, False, spans.skew)


def spans_of(found: Tracked) -> dict[int, Spans]:
    """Return what each output sees, for each axis of the input."""
    return {axis: spans for axis, (_, spans) in found.seen.items()}
