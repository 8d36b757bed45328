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
    change: Callable[[Example], Example] = lambda example: example,
) -> Generator[Batch, None, None]:
    """Yield the plan's batches in its order, put together by threads ahead of time or, without workers, when asked.

    Each example goes through `change` first, which must depend on nothing but the example.
    """

    def make(indices: Sequence[int]) -> Batch:
        return collate([change(examples[i]) for i in indices])

    if not workers:
        yield from map(make, plan)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for indices in plan:
                waiting.append(pool.submit(make, indices))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
