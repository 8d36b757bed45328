"""Work on streams, in stages that are given one piece after the other.

A stage is given pieces in their order and gives out what can be told of them so far; what it must remember lies in a
state that is handed in and out and never changed in place. So a stage serves any number of streams at a time, and a
stream can be gone on with from any state twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol


class Stage(Protocol):
    """One step of the work on a stream."""

    def start(self) -> Any:
        """Return the state before the first piece."""

    def step(self, piece: Any, state: Any) -> tuple[list[Any], Any]:
        """Take the next piece; return what is ready, and the state after it."""

    def finish(self, state: Any) -> list[Any]:
        """Return the rest, the stream being over."""


class Map:
    """A stage that applies a function to each piece and remembers nothing."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def start(self) -> None:
        """Return the state before the first piece: there is none."""

    def step(self, piece: Any, state: None) -> tuple[list[Any], None]:
        """Return the function's value of the piece."""
        return [self.function(piece)], None

    def finish(self, state: None) -> list[Any]:
        """Return nothing: each piece was dealt with when it came."""
        return []


class Chain:
    """Stages one after the other; what one gives out is a piece for the next."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)

    def start(self) -> tuple[Any, ...]:
        """Return the states of all stages before the first piece."""
        return tuple(stage.start() for stage in self.stages)

    def step(self, piece: Any, state: tuple[Any, ...]) -> tuple[list[Any], tuple[Any, ...]]:
        """Send a piece through; return what comes out at the end."""
        pieces, after = [piece], []
        for stage, own in zip(self.stages, state, strict=True):
            pieces, own = _send(stage, pieces, own)
            after.append(own)
        return pieces, tuple(after)

    def finish(self, state: tuple[Any, ...]) -> list[Any]:
        """Empty the stages, the first first."""
        pieces: list[Any] = []
        for stage, own in zip(self.stages, state, strict=True):
            pieces, own = _send(stage, pieces, own)
            pieces += stage.finish(own)
        return pieces


def through(stage: Stage, pieces: Iterable[Any]) -> Iterator[Any]:
    """Give out what a stage makes of a whole stream, as soon as it is ready."""
    state = stage.start()
    for piece in pieces:
        found, state = stage.step(piece, state)
        yield from found
    yield from stage.finish(state)


def _send(stage: Stage, pieces: Iterable[Any], state: Any) -> tuple[list[Any], Any]:
    ready: list[Any] = []
    for piece in pieces:
        found, state = stage.step(piece, state)
        ready += found
    return ready, state
