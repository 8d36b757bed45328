"""Batches put together ahead of the training step, in the order of the plan whatever the number of workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from speechcnn.training.batches import Batch, Example, collate

AHEAD = 2  # batches that each worker may be in advance


def batches(
    examples: Sequence[Example],
    plan: Sequence[Sequence[int]],
    workers: int = 0,
    join: Callable[[Sequence[Example], Sequence[int]], Batch] | None = None,
) -> Generator[Batch, None, None]:
    """Yield the plan's batches in its order, put together by threads ahead of time or, without workers, when asked.

    `join` makes a batch of the examples of these numbers; by default they are padded to one length.
    """
    join = join or padded
    if not workers:
        yield from (join(examples, indices) for indices in plan)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for indices in plan:
                waiting.append(pool.submit(join, examples, indices))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def padded(examples: Sequence[Example], indices: Sequence[int]) -> Batch:
    """Return a batch of some of the examples, padded to one length."""
    return collate([examples[i] for i in indices])
