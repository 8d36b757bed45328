"""Networks that read a stream piece by piece and give what they would give for the whole recording.

A network is a `Stack` of modules that are never padded along time. A module that reads one frame at a time is called as
it is. A `Scanned` convolution keeps the inputs that its next outputs still need; a `Residual` also keeps the frames
that wait for their sum. So each module has a state of its own inputs, nothing is computed twice, and since every output
is the same sum over the same values, stream and recording differ by the rounding of that sum only.

A state is a tensor, a tuple of states, or None: nothing heard yet. `step` gives None for maps where none are ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import torch
from torch import Tensor, nn

from speechcnn.layers.conv import Convolution, DepthwiseSeparable
from speechcnn.layers.flat import ReLU
from speechcnn.layers.maps import Backprop
from speechcnn.shapes import ReceptiveField, Window, conv_length, receptive_field

State: TypeAlias = Tensor | tuple["State", ...] | None


class Scanned(nn.Module):
    """A convolution that is moved along time without padding.

    Raises:
        ValueError: the convolution pads time, or leaves out frames between two outputs.
    """

    def __init__(self, layer: Convolution | DepthwiseSeparable) -> None:
        super().__init__()
        along = layer.depthwise if isinstance(layer, DepthwiseSeparable) else layer
        self.layer = layer
        self.window = Window(along.weight.shape[-1], along.stride[-1], along.dilation[-1])
        if along.padding[-1] or self.window.stride > 1 + self.extra:
            raise ValueError(f"a scanned layer must not pad time, nor move by more than it covers; got {layer}.")

    @property
    def extra(self) -> int:
        """Frames that an output sees beyond its first."""
        return (self.window.kernel - 1) * self.window.dilation

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve a whole recording.

        Shape: [B, C, (F,) T] -> [B, J, ..., T'].
        """
        return self.layer(maps)

    def step(self, maps: Tensor, state: State) -> tuple[Tensor | None, State]:
        """Convolve what came, together with what was kept."""
        maps = joined(state, maps)
        window = self.window
        n_outputs = conv_length(maps.shape[-1], window.kernel, window.stride, dilation=window.dilation)
        if not n_outputs:
            return None, maps
        return self.layer(maps), maps[..., n_outputs * window.stride :].clone()


class Stack(nn.Sequential):
    """Modules one after the other."""

    def step(self, maps: Tensor | None, state: State) -> tuple[Tensor | None, State]:
        """Pass a piece through all modules, as far as outputs are ready."""
        states: list[State] = list(state) if isinstance(state, tuple) else [None] * len(self)
        for place, module in enumerate(self):
            if maps is None:
                break
            if isinstance(module, Scanned | Stack | Residual):
                maps, states[place] = module.step(maps, states[place])
            else:
                maps = module(maps)
        return maps, tuple(states)


class Residual(nn.Module):
    """The sum of a body and of a shortcut around it, rectified; the shortcut loses the frames that the body loses.

    Half of the body's context lies before the frame that is added, half after it.

    Args:
        body: what is learnt in addition; its convolutions move by one frame.
        shortcut: a module that reads one frame at a time.
        backprop: whose backward pass runs.
    """

    def __init__(self, body: Stack, shortcut: nn.Module, backprop: Backprop = "custom") -> None:
        super().__init__()
        self.body, self.shortcut, self.rectifier = body, shortcut, ReLU(backprop)
        self.later = (field_of(body).size - 1) // 2  # frames that the body sees after the one that is added

    def branches(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the body reads and what is added to its result."""
        return maps, self.shortcut(maps)

    def forward(self, maps: Tensor) -> Tensor:
        """Add both for a whole recording.

        Shape: [B, C, (F,) T] -> [B, J, (F,) T'].
        """
        into, beside = self.branches(maps)
        return self.merged(self.body(into), beside)

    def step(self, maps: Tensor, state: State) -> tuple[Tensor | None, State]:
        """Add both where the body's result is ready."""
        body, held = state if isinstance(state, tuple) else (None, None)
        into, beside = self.branches(maps)
        found, body = self.body.step(into, body)
        beside = joined(held, beside)
        kept = beside[..., max(0, beside.shape[-1] - self.later) :].clone()
        return None if found is None else self.merged(found, beside), (body, kept)

    def merged(self, found: Tensor, beside: Tensor) -> Tensor:
        """Add the body's frames to those that lie in their middle, counted from the end."""
        end = beside.shape[-1] - self.later
        return self.rectifier(found + beside[..., end - found.shape[-1] : end])


def field_of(module: nn.Module) -> ReceptiveField:
    """Return the frames that an output of a network of scanned layers sees."""
    return receptive_field(one.window for one in module.modules() if isinstance(one, Scanned))


def joined(state: State, maps: Tensor) -> Tensor:
    """Return the maps with what was kept before them."""
    return torch.cat([state, maps], -1) if isinstance(state, Tensor) else maps


def tensors_of(state: object) -> Iterator[Tensor]:
    """Yield the tensors of a state, or of any tuple that holds some, in a fixed order."""
    if isinstance(state, Tensor):
        yield state
    for inner in state if isinstance(state, tuple) else ():
        yield from tensors_of(inner)


def state_of(pattern: State, tensors: Iterator[Tensor]) -> State:
    """Return a state like `pattern` that holds other tensors, in the order of `tensors_of`."""
    if isinstance(pattern, tuple):
        return tuple(state_of(inner, tensors) for inner in pattern)
    return None if pattern is None else next(tensors)


def state_bytes(state: object) -> int:
    """Return the memory that a state takes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(state))
