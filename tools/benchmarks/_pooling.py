"""Pooling 16 x 120 maps of 33 bands and 300 frames, forward and backward, against torch's own operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from bench import Row, compare
from torch import Tensor
from torch.nn import functional as F

from speechcnn.layers.pooling import AntiAliasedPool, HeterogeneousPool, LpPool, MaxPool, MeanPool, SoftPool

SHAPE, SIZES = (16, 120, 33, 300), range(1, 13)
Pool = Callable[[Tensor], Tensor]


def rows() -> Iterator[Row]:
    maps = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    lines = maps.flatten(1, 2)
    yield _row("max, 6 bands", maps, MaxPool((6, 1)), lambda x: F.max_pool2d(x, (6, 1)))
    yield _row("max, 6 bands, shift 2", maps, MaxPool((6, 1), (2, 1)), lambda x: F.max_pool2d(x, (6, 1), (2, 1)))
    yield _row("max, 2 x 2", maps, MaxPool(2), lambda x: F.max_pool2d(x, 2))
    yield _row("max, 3 x 3, stride 1", maps, MaxPool(3, 1, 1), lambda x: F.max_pool2d(x, 3, 1, 1))
    yield _row("max, whole map", maps, MaxPool((33, 300)), lambda x: F.max_pool2d(x, (33, 300)))
    yield _row("max, 3 frames of 1-D maps", lines, MaxPool(3), lambda x: F.max_pool1d(x, 3))
    yield _row("mean, 6 bands", maps, MeanPool((6, 1)), lambda x: F.avg_pool2d(x, (6, 1)))
    yield _row("mean, 2 x 2", maps, MeanPool(2), lambda x: F.avg_pool2d(x, 2))
    yield _row("mean, whole map", maps, MeanPool((33, 300)), lambda x: F.avg_pool2d(x, (33, 300)))
    yield _row("mean, 3 frames of 1-D maps", lines, MeanPool(3), lambda x: F.avg_pool1d(x, 3))
    yield _row("L2, 6 bands", maps, LpPool(2, (6, 1)), lambda x: F.lp_pool2d(x, 2, (6, 1)))
    yield _row("soft, 6 bands", maps, SoftPool(120, (6, 1)), _soft_peer(6), "unfold, softmax, sum")
    yield _row("anti-aliased, 6 bands, shift 2", maps, AntiAliasedPool((6, 1), (2, 1)), _blur_peer)
    for shift in (2, 1):
        ours = HeterogeneousPool(120, SIZES, shift)
        yield _row(
            f"heterogeneous 1..12, partition, shift {shift}",
            maps,
            ours,
            _partition_peer(shift),
            LOOP,
            order=_by_size(ours),
        )
    ours = HeterogeneousPool(120, SIZES)
    yield _row("heterogeneous 1..12, partition, shift 2", maps, ours, _slices_peer, SLICES, order=_by_size(ours))
    ours = HeterogeneousPool(120, SIZES, assignment="replicate")
    yield _row("heterogeneous 1..12, replicate", maps, ours, _replicate_peer, LOOP, repeats=3)
    tiny = torch.randn(1, 2, 6, 8)
    yield _row("overhead of a call: max, 2 maps of 6 x 8", tiny, MaxPool(2), lambda x: F.max_pool2d(x, 2), repeats=200)


LOOP, SLICES = "a loop of max_pool2d, cat", "a loop over slices of maps, cat"


def _row(
    name: str,
    maps: Tensor,
    ours: Pool,
    peer: Pool,
    peer_name: str = "torch",
    repeats: int = 7,
    order: Sequence[int] | slice = slice(None),
) -> Row:
    """Compare values and derivatives; `order` says which of our rows of maps each of the peer's is."""
    x = maps.clone().requires_grad_()
    dy = torch.randn(ours(x).shape, generator=torch.Generator().manual_seed(1))
    dz = dy[:, order]

    def both(pool: Pool, given: Tensor) -> tuple[Tensor, Tensor]:
        y = pool(x)
        return y.detach(), *torch.autograd.grad(y, x, given)

    (y, dx), (z, other_dx) = both(ours, dy), both(peer, dz)
    apart = max(float((y[:, order] - z).abs().max()), float((dx - other_dx).abs().max()))
    return compare(
        name,
        lambda: both(ours, dy),
        lambda: both(peer, dz),
        peer_name=peer_name,
        repeats=repeats,
        difference=apart,
        memory=maps.numel() > 1000,
    )


def _soft_peer(size: int) -> Pool:
    sharpness = torch.ones(SHAPE[1], requires_grad=True)

    def pool(x: Tensor) -> Tensor:
        windows = x.unfold(2, size, size)
        return ((sharpness[:, None, None, None] * windows).softmax(-1) * windows).sum(-1)

    return pool


def _blur_peer(x: Tensor) -> Tensor:
    maxima = F.max_pool2d(x, (6, 1), (1, 1))
    blur = torch.tensor([0.25, 0.5, 0.25])[:, None].expand(SHAPE[1], 1, 3, 1)
    inside = F.conv2d(torch.ones_like(maxima[:1, :1]), blur[:1], None, (2, 1), (1, 0))
    return F.conv2d(maxima, blur, None, (2, 1), (1, 0), groups=SHAPE[1]) / inside


def _partition_peer(shift: int) -> Pool:
    def pool(x: Tensor) -> Tensor:
        # A view for each size: slices x[:, n::12] would each write a derivative as large as x.
        maps = x.unflatten(1, (-1, len(SIZES))).unbind(2)
        parts = (F.max_pool2d(own, (size, 1), (shift, 1)) for own, size in zip(maps, SIZES, strict=True))
        return torch.cat([part.flatten(1, 2) for part in parts], 1)

    return pool


def _slices_peer(x: Tensor) -> Tensor:
    """The plain loop: each slice writes a derivative as large as all maps."""
    n = len(SIZES)
    return torch.cat([F.max_pool2d(x[:, i::n], (size, 1), (2, 1)).flatten(1, 2) for i, size in enumerate(SIZES)], 1)


def _by_size(pool: HeterogeneousPool) -> list[int]:
    """Return our rows in the order of the peer, which has those of one size after another."""
    maps = [row.map for row in pool.layout(SHAPE[2])]
    return sorted(range(len(maps)), key=lambda row: (maps[row] % len(SIZES), maps[row]))


def _replicate_peer(x: Tensor) -> Tensor:
    return torch.cat([F.max_pool2d(x, (size, 1), (2, 1)).flatten(1, 2) for size in SIZES], 1)
