"""Networks, and whatever else is shift-invariant, scanned over a stream part by part as if over the whole at once.

Each part is computed with as much of its neighbours as its outputs see (the receptive field), and only outputs that see
nothing else are given out: those at the edges of a part, where the function met its own padding, are left out unless
the edge is the recording's. What is computed twice is the receptive field once a part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechcnn.shapes import ReceptiveField, Window, receptive_field


@dataclass(frozen=True, eq=False)
class ScanState:
    """The inputs that outputs still to come depend on, and how many outputs were given out."""

    held: Tensor | None = None  # None before the first part
    first: int = 0  # number of the first input held
    done: int = 0


class Scan:
    """A stage that applies a function part by part; time is the last axis of what comes in and of what goes out.

    Joined, the outputs are those of the function applied to all parts joined, whatever the parts' lengths. Memory holds
    one part and the receptive field.

    Args:
        function: of any number of frames, shift-invariant but for what it does at the edges.
        field: what an output sees of the inputs; None: everything, so that nothing is given out before the end.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], field: ReceptiveField | None) -> None:
        self.function, self.field = function, field

    def start(self) -> ScanState:
        """Return the state before the first part."""
        return ScanState()

    def step(self, part: Tensor, state: ScanState) -> tuple[list[Tensor], ScanState]:
        """Take the next inputs; return the outputs that depend on no later ones.

        Shape: [..., T].
        """
        held = part if state.held is None else torch.cat([state.held, part], -1)
        received = state.first + held.shape[-1]
        ready = self._ready(received)
        if self.field is None or ready <= state.done:
            return [], ScanState(held, state.first, state.done)
        before = state.first // self.field.stride
        found = self.function(held)[..., state.done - before : ready - before]
        # Whole strides only, so that the function meets the same inputs as it would in the whole.
        needed = min(max(0, self.field.inputs(ready, ready)[0]), received)
        first = needed // self.field.stride * self.field.stride
        return [found], ScanState(held[..., first - state.first :], first, ready)

    def finish(self, state: ScanState) -> list[Tensor]:
        """Return the rest of the outputs, which see the end."""
        if state.held is None or not state.held.shape[-1]:
            return []
        before = state.first // self.field.stride if self.field else 0
        rest = self.function(state.held)[..., state.done - before :]
        return [rest] if rest.shape[-1] else []

    def _ready(self, n_inputs: int) -> int:
        """How many outputs see none but the first `n_inputs` inputs."""
        if self.field is None:
            return 0
        return (n_inputs - self.field.start - self.field.size) // self.field.stride + 1


def time_field(model: nn.Module) -> ReceptiveField | None:
    """Return what an output frame of a network sees of its input frames, None where that is the whole recording.

    A network tells it as `receptive_field`, or as `context`, an odd number of frames around each frame.
    """
    field = getattr(model, "receptive_field", None)
    context = getattr(model, "context", None)
    if isinstance(field, ReceptiveField):
        return field
    if isinstance(context, int):
        return receptive_field([Window(context, padding=context // 2)])
    return None
