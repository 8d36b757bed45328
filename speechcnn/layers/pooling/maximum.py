"""Max pooling over windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from speechcnn.layers.pooling import compositions, threads
from speechcnn.layers.pooling.max_operators import Family, register
from speechcnn.layers.pooling.windows import Window, WindowPool, pooled


class MaxPool(WindowPool):
    """The largest value of each window, of 1-D and of 2-D maps.

    The derivative of a maximum goes to the value that was the maximum, and adds up where windows overlap. Of equal
    values the first counts; NaN is passed on. Padding is minus infinity, so it never wins. Maps in another memory
    layout than row by row are copied. The values are those of torch's max pooling, bit for bit.

    Source: lecture, "Max pooling layer at layer l" and "Derivative of max pooling layer at layer l".

    Example:
        >>> import torch
        >>> MaxPool((6, 1), stride=(2, 1))(torch.zeros(4, 84, 33, 300)).shape
        torch.Size([4, 84, 14, 300])
    """

    def _pool(self, planes: Tensor, window: Window) -> Tensor:
        return max_pool(planes, window)[0]

    def _pool_torch(self, planes: Tensor, window: Window) -> Tensor:
        return F.max_pool2d(planes, window[:2], window[2:4], window[4:6], window[6:])


def _run(which: str, arrays: tuple[Any, Any, Any], window: Sequence[int]) -> None:
    from speechcnn.layers.pooling import max_kernels  # at first use, because it compiles

    kernel = getattr(max_kernels, f"{which}_windows")
    maps = arrays[2] if which == "give" else arrays[0]
    threads.share(kernel, (*arrays, tuple(window)), len(maps), maps.size)


max_pool, pool_take, pool_give = register(
    Family(
        names=("max_pool", "pool_take", "pool_give"),
        n_axes=2,
        pooled=pooled,
        largest=lambda window: math.prod(window[:2]),
        run=_run,
        find=compositions.find,
        take=compositions.take,
        give=compositions.give,
    )
)
