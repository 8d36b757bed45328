"""Shares maps among threads: as many as torch was told to use, without OpenMP, so that forks stay safe.

Each map is worked on by one thread alone, so results are bit for bit the same for any number of threads.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

SMALL = 1 << 15  # values below which waking a helper costs more than it saves
PARTS = 4  # shares for each thread: one that is held up leaves the rest to the others

_lock = threading.Lock()
_helpers: ThreadPoolExecutor | None = None
_n_helpers = 0


def _forget_helpers() -> None:
    """Start anew in a forked child, where the parent's threads do not exist and its lock may be held for ever."""
    global _lock, _helpers, _n_helpers
    _lock, _helpers, _n_helpers = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)


def share(kernel: Callable[..., None], arguments: tuple[Any, ...], n_maps: int, n_values: int) -> None:
    """Call kernel(*arguments, first, last) until the maps 0..n_maps-1 are done; `n_values` says how much work it is."""
    n_threads = min(torch.get_num_threads(), n_maps) if n_values >= SMALL else 1
    if n_threads <= 1:
        kernel(*arguments, 0, n_maps)
        return
    n_parts = min(n_maps, PARTS * n_threads)
    bounds = [n_maps * part // n_parts for part in range(n_parts + 1)]
    parts = iter(list(itertools.pairwise(bounds)))
    done = [_submit(n_threads - 1, _work, kernel, arguments, parts) for _ in range(n_threads - 1)]
    try:
        _work(kernel, arguments, parts)
    finally:
        for one in done:
            one.result()


def _work(kernel: Callable[..., None], arguments: tuple[Any, ...], parts: Iterator[tuple[int, int]]) -> None:
    for first, last in parts:
        kernel(*arguments, first, last)


def _submit(n_helpers: int, *task: Any) -> Any:
    global _helpers, _n_helpers
    with _lock:
        if _helpers is None or n_helpers > _n_helpers:
            if _helpers is not None:
                _helpers.shutdown(wait=False)  # it still finishes what it was given
            _helpers, _n_helpers = ThreadPoolExecutor(n_helpers, thread_name_prefix="pooling"), n_helpers
        return _helpers.submit(*task)
