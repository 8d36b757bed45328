"""A progress bar with time left, for everything that lasts over two seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def bar(description: str, shown: bool = True) -> Iterator[Callable[..., None]]:
    """Show a bar on the error stream, if it is to be shown; the context value is `update(done, total, note="")`."""
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=12),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(description, total=None, note="")

        def update(done: int, total: int, note: str = "") -> None:
            progress.update(task, completed=done, total=total, note=note)

        yield update
