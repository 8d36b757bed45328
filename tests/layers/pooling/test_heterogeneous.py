"""Heterogeneous pooling against a loop of torch's max pooling, and against its own layout."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.pooling import HeterogeneousPool, heterogeneous
from speechcnn.layers.pooling.heterogeneous import Row

READINGS = ["partition", "replicate"]


def loop(x: torch.Tensor, sizes, shift: int, assignment: str) -> torch.Tensor:
    channels = x.shape[1]
    pools = [(m, sizes[m % len(sizes)]) for m in range(channels)]
    if assignment == "replicate":
        pools = [(m, size) for size in sizes for m in range(channels)]
    return torch.cat([F.max_pool2d(x[:, m], (size, 1), (shift, 1)) for m, size in pools], 1)


@pytest.mark.parametrize("n_frames", [5, 40])
@pytest.mark.parametrize("sizes", [range(1, 13), (3, 1, 3), (2,)], ids=str)
@pytest.mark.parametrize("shift", [1, 2, 5])
@pytest.mark.parametrize("assignment", READINGS)
def test_values_and_derivatives_are_those_of_the_loop(assignment: str, shift: int, sizes, n_frames: int) -> None:
    x = torch.randint(0, 5, (2, 14, 15, n_frames)).float()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = HeterogeneousPool(14, sizes, shift, assignment)(ours), loop(theirs, sizes, shift, assignment)
    dy = torch.randn(z.shape)
    y.backward(dy), z.backward(dy)
    assert torch.equal(y, z)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("assignment", READINGS)
def test_the_torch_switch_gives_the_same(assignment: str) -> None:
    x = torch.randn(2, 5, 15, 20)
    ours, theirs = (HeterogeneousPool(5, (4, 1, 3), 2, assignment, backprop=own)(x) for own in ("custom", "torch"))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("assignment", READINGS)
def test_the_layout_says_where_each_row_comes_from(assignment: str) -> None:
    x, pool = torch.randn(2, 5, 15, 20), HeterogeneousPool(5, (4, 1, 3), 2, assignment)
    layout = pool.layout(15)
    rows = [x[:, row.map, row.first_band : row.first_band + row.size].amax(1) for row in layout]
    assert torch.equal(pool(x), torch.stack(rows, 1))
    assert len(layout) == pool.rows(15)


def test_rows_of_a_partition_follow_the_maps_and_sizes_take_turns() -> None:
    layout = HeterogeneousPool(3, (1, 4), shift=2).layout(5)
    assert layout == [Row(0, 1, 0), Row(0, 1, 2), Row(0, 1, 4), Row(1, 4, 0), Row(2, 1, 0), Row(2, 1, 2), Row(2, 1, 4)]


def test_rows_of_a_replicate_follow_the_sizes() -> None:
    layout = HeterogeneousPool(2, (4, 5), shift=1, assignment="replicate").layout(5)
    assert layout == [Row(0, 4, 0), Row(0, 4, 1), Row(1, 4, 0), Row(1, 4, 1), Row(0, 5, 0), Row(1, 5, 0)]


def test_maps_without_frames_are_pooled_along_frequency() -> None:
    x, pool = torch.randn(4, 6, 15), HeterogeneousPool(6, (2, 3))
    assert torch.equal(pool(x), pool(x.unsqueeze(-1))[..., 0])


def test_with_more_sizes_than_maps_the_last_sizes_have_no_map() -> None:
    x = torch.randn(1, 2, 6, 20)
    assert torch.equal(HeterogeneousPool(2, (1, 2, 3), backprop="torch")(x), HeterogeneousPool(2, (1, 2))(x))
    assert torch.equal(HeterogeneousPool(2, (1, 2, 3))(x), HeterogeneousPool(2, (1, 2))(x))


@pytest.mark.parametrize("assignment", READINGS)
def test_finite_differences_agree_to_second_order(assignment: str) -> None:
    x = torch.randperm(3 * 6 * 17).reshape(1, 3, 6, 17).double().requires_grad_()
    pool = HeterogeneousPool(3, (1, 4, 3), assignment=assignment)
    assert torch.autograd.gradcheck(pool, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(pool, x, fast_mode=True)


@pytest.mark.parametrize("assignment", READINGS)
def test_the_composition_for_other_devices_equals_the_kernels(assignment: str) -> None:
    plan = HeterogeneousPool(5, (1, 4, 3), 2, assignment)._plan
    x = torch.randn(2, 5, 9, 20)
    y, offsets = heterogeneous.max_rows(x, plan)
    values, places = heterogeneous._find(x, plan, offsets.dtype)
    assert torch.equal(values, y)
    assert torch.equal(places, offsets)
    assert torch.equal(heterogeneous._take(x, offsets, plan), y)
    torch.testing.assert_close(
        heterogeneous._give(y, offsets, x.shape[1:], plan), heterogeneous.rows_give(y, offsets, x.shape[1:], plan)
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((4, ()), r"sizes must be one or more whole numbers of at least 1; got \[\]"),
        ((4, (0, 2)), "sizes must be"),
        ((4, (2,), 0), "channels and shift must be at least 1; got 4 and 0"),
        ((4, (2,), 1, "both"), "assignment must be 'partition' or 'replicate'; got 'both'"),
    ],
)
def test_arguments_out_of_range_are_answered_by_a_sentence(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        HeterogeneousPool(*arguments)


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        (torch.zeros(1, 4, 2, 20), "no pool of 3, 5 bands fits into maps of 2 bands"),
        (torch.zeros(1, 3, 9, 20), "has 4 input channels"),
        (torch.zeros(4, 9), "takes maps of the shape"),
    ],
)
def test_unfit_maps_are_answered_by_a_sentence(maps: torch.Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        HeterogeneousPool(4, (1, 3, 5))(maps)
