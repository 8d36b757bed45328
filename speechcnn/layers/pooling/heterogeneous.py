"""Heterogeneous pooling: maxima along frequency over pools of several sizes."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.maps import Backprop, check_backprop, check_maps
from speechcnn.layers.pooling import compositions, threads
from speechcnn.layers.pooling.max_operators import Family, register

Assignment: TypeAlias = Literal["partition", "replicate"]
Ints: TypeAlias = NDArray[np.int64]


class Row(NamedTuple):
    """Where one output row of a `HeterogeneousPool` comes from: bands first_band to first_band + size - 1 of a map."""

    map: int
    size: int
    first_band: int


class HeterogeneousPool(nn.Module):
    """Max pooling along frequency in which pools have different sizes, so that maps differ in invariance.

    A large pool tolerates large shifts along frequency, as between speakers, but may confuse phones that differ in the
    place of their formants; a small one does neither. Here a network gets both. The windows of a size that fit into
    the bands give (F - size) // shift + 1 values, so sizes give different numbers of bands, which are written below
    one another as rows for a full layer to read.

    The source says that pool sizes differ between maps but not which map has which, so there are two readings.
    "partition" gives each map one size, in turn: map m has sizes[m mod len(sizes)]; its rows follow those of map m - 1.
    "replicate" pools every map at every size; the rows of all maps at the first size come first.

    Args:
        channels: maps of the input.
        sizes: bands that a pool covers.
        shift: bands between two pools, for all sizes.
        assignment: "partition" or "replicate".
        backprop: "custom" for the derivatives worked out by hand, "torch" for a loop over torch's own max pooling.

    Raises:
        ValueError: no sizes, or a number or a word out of range.

    Source: Deng, Abdel-Hamid and Yu (2013), "A deep convolutional neural network using heterogeneous pooling for
    trading acoustic invariance with phonetic confusion".

    Example:
        >>> import torch
        >>> pool = HeterogeneousPool(84)
        >>> pool(torch.zeros(4, 84, 33, 300)).shape[1] == pool.rows(33)
        True
    """

    def __init__(
        self,
        channels: int,
        sizes: Sequence[int] = range(1, 13),
        shift: int = 2,
        assignment: Assignment = "partition",
        *,
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes must be one or more whole numbers of at least 1; got {list(sizes)}.")
        if shift < 1 or channels < 1:
            raise ValueError(f"channels and shift must be at least 1; got {channels} and {shift}.")
        if assignment not in get_args(Assignment):
            raise ValueError(f"assignment must be 'partition' or 'replicate'; got {assignment!r}.")
        self.channels, self.sizes, self.shift = channels, tuple(sizes), shift
        self.assignment, self.backprop = assignment, backprop
        self._plan = [channels, shift, int(assignment == "replicate"), *self.sizes]

    def extra_repr(self) -> str:
        """Return the arguments for printing."""
        return (
            f"{self.channels}, sizes={self.sizes}, shift={self.shift}, assignment={self.assignment!r}, "
            f"backprop={self.backprop!r}"
        )

    def rows(self, n_bands: int) -> int:
        """Return the number of output rows R for maps of so many bands, with which the next layer is built."""
        self._check_bands(n_bands)
        return _pooled((self.channels, n_bands, 1), self._plan)[0]

    def layout(self, n_bands: int) -> list[Row]:
        """Return where each output row comes from, for maps of so many bands."""
        self._check_bands(n_bands)
        found = [Row(0, 0, 0)] * self.rows(n_bands)
        for m, size, top in _pools(n_bands, self._plan):
            for i in range(_fitting(n_bands, size, self.shift)):
                found[top + i] = Row(m, size, i * self.shift)
        return found

    def forward(self, maps: Tensor) -> Tensor:
        """Pool each map along frequency, and stack what comes out.

        Shape: [B, C, F, T] -> [B, R, T], or [B, C, F] -> [B, R].

        Raises:
            TypeError: the maps hold whole numbers.
            ValueError: another rank or number of channels, or fewer bands than the largest size.
        """
        if maps.dim() != 3:
            check_maps("HeterogeneousPool", maps, (2,), self.channels)
            return self._pool(maps)
        check_maps("HeterogeneousPool", maps, (1,), self.channels)
        return self._pool(maps.unsqueeze(-1)).squeeze(-1)

    def _pool(self, maps: Tensor) -> Tensor:
        self._check_bands(maps.shape[2])
        if self.backprop == "custom":
            return max_rows(maps, self._plan)[0]
        if self.assignment == "replicate":
            parts = [F.max_pool2d(maps, (size, 1), (self.shift, 1)).flatten(1, 2) for size in self.sizes]
        else:
            n, pools = len(self.sizes), maps.unbind(1)
            parts = [F.max_pool2d(own, (self.sizes[m % n], 1), (self.shift, 1)) for m, own in enumerate(pools)]
        return torch.cat(parts, 1)

    def _check_bands(self, n_bands: int) -> None:
        if n_bands < max(self.sizes):
            wide = [size for size in self.sizes if size > n_bands]
            raise ValueError(
                f"HeterogeneousPool: no pool of {', '.join(map(str, wide))} bands fits into maps of {n_bands} bands. "
                "Give maps of more bands or smaller sizes."
            )


# A plan is [channels, shift, 1 for replicate or 0 for partition, size, size, ...].


def _fitting(n_bands: int, size: int, shift: int) -> int:
    return (n_bands - size) // shift + 1


def _groups(plan: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield the maps that share a size, and the size."""
    _, _, replicate, *sizes = plan
    for n, size in enumerate(sizes if replicate else sizes[: plan[0]]):
        yield slice(None) if replicate else slice(n, None, len(sizes)), size


def _pooled(sizes: Sequence[int], plan: Sequence[int]) -> tuple[int, int]:
    """Return [R, T] for maps [C, F, T]."""
    n_rows = 0
    for own, size in _groups(plan):
        n_rows += len(range(plan[0])[own]) * _fitting(sizes[1], size, plan[1])
    return n_rows, sizes[2]


def _pools(n_bands: int, plan: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield a map, a size and the first row for each of them, in the order of the rows."""
    channels, shift, replicate, *sizes = plan
    pairs = [(m, size) for size in sizes for m in range(channels)]
    if not replicate:
        pairs = [(m, sizes[m % len(sizes)]) for m in range(channels)]
    top = 0
    for m, size in pairs:
        yield m, size, top
        top += _fitting(n_bands, size, shift)


@functools.lru_cache(maxsize=64)
def _tables(n_bands: int, plan: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Return for each map its sizes and the first row of each. Shape: [C, S] twice; S is 1 in a partition."""
    pools = sorted(_pools(n_bands, plan), key=lambda pool: pool[0])  # a stable sort: a map's pools keep their order
    table = np.array([pool[1:] for pool in pools]).reshape(plan[0], -1, 2)
    return np.ascontiguousarray(table[:, :, 0]), np.ascontiguousarray(table[:, :, 1])


def _run(which: str, arrays: tuple[Any, Any, Any], plan: Sequence[int]) -> None:
    from speechcnn.layers.pooling import max_kernels  # at first use, because it compiles

    kernel = getattr(max_kernels, f"{which}_rows")
    maps = arrays[2] if which == "give" else arrays[0]
    tables = _tables(maps.shape[2], tuple(plan))
    threads.share(kernel, (*arrays, *tables, plan[1]), maps.shape[0] * maps.shape[1], maps.size)


# For other devices: the groups of maps that share a size are pooled one after another.


def _find(x: Tensor, plan: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    shape = (len(x), *_pooled(x.shape[1:], plan))
    y, offsets = x.new_empty(shape), x.new_empty(shape, dtype=dtype)
    for own, window, rows in _grouped_rows(x.shape[2], plan):
        for target, found in zip((y, offsets), compositions.find(x[:, own].flatten(0, 1), window, dtype), strict=True):
            target[:, rows] = found.reshape(len(x), len(rows), -1)
    return y, offsets


def _take(x: Tensor, offsets: Tensor, plan: Sequence[int]) -> Tensor:
    y = x.new_empty(offsets.shape)
    for own, window, rows in _grouped_rows(x.shape[2], plan):
        maps = x[:, own].flatten(0, 1)
        places = offsets[:, rows].reshape(len(maps), -1, x.shape[3])
        y[:, rows] = compositions.take(maps, places, window).reshape(len(x), len(rows), -1)
    return y


def _give(dy: Tensor, offsets: Tensor, sizes: Sequence[int], plan: Sequence[int]) -> Tensor:
    dx = dy.new_zeros((len(dy), *sizes))
    for own, window, rows in _grouped_rows(sizes[1], plan):
        part = dx[:, own]
        shape = (part.shape[0] * part.shape[1], -1, sizes[2])
        given = compositions.give(dy[:, rows].reshape(shape), offsets[:, rows].reshape(shape), sizes[1:], window)
        dx[:, own] += given.reshape(part.shape)
    return dx


def _grouped_rows(n_bands: int, plan: Sequence[int]) -> Iterator[tuple[slice, tuple[int, ...], list[int]]]:
    """Yield for each group its maps, the window that pools them and the output rows they fill, map by map."""
    pools = list(_pools(n_bands, plan))
    for n, (own, size) in enumerate(_groups(plan)):
        members = pools[n * plan[0] : (n + 1) * plan[0]] if plan[2] else pools[own]
        count = _fitting(n_bands, size, plan[1])
        rows = [row for _, _, top in members for row in range(top, top + count)]
        yield own, (size, 1, plan[1], 1, 0, 0, 1, 1), rows


max_rows, rows_take, rows_give = register(
    Family(
        names=("max_rows", "rows_take", "rows_give"),
        n_axes=3,
        pooled=_pooled,
        largest=lambda plan: max(plan[3:]),
        run=_run,
        find=_find,
        take=_take,
        give=_give,
    )
)
