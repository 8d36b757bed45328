"""Losses of places against sums written out, and boxes against counted cells."""

from __future__ import annotations

import math

import pytest
import torch

from speechcnn.training.batches import Batch, Example, collate
from speechcnn.training.localisation import ClassAndBox, FrameEvents, overlap


def test_frame_events_are_those_of_a_loop_over_real_frames() -> None:
    torch.manual_seed(0)
    lengths, k = (5, 3), 2
    targets = [torch.cat([torch.randint(2, (n, k)).float(), torch.rand(n, 2 * k)], 1) for n in lengths]
    batch = collate([Example(str(n), torch.randn(1, 4, n), t) for n, t in zip(lengths, targets, strict=True)])
    scores = torch.randn(2, 5, 3 * k)
    task = FrameEvents(k, band_weight=0.5, presence_weight=2.0)
    entropies, bands, plain, right = [], [], 0.0, 0
    for b, n in enumerate(lengths):
        for t in range(n):
            for c in range(k):
                p, y = 1 / (1 + math.exp(-float(scores[b, t, c]))), float(targets[b][t, c])
                entropies.append(-2 * y * math.log(p) - (1 - y) * math.log(1 - p))
                plain -= (y * math.log(p) + (1 - y) * math.log(1 - p)) / k
                if y:
                    places = slice(k + 2 * c, k + 2 * c + 2)
                    bands.append(float((scores[b, t, places] - targets[b][t, places]).square().mean()))
            right += all((scores[b, t, c] > 0) == (targets[b][t, c] == 1) for c in range(k))
    expected = sum(entropies) / len(entropies) + 0.5 * sum(bands) / len(bands)
    assert float(task.loss(scores, batch)) == pytest.approx(expected, rel=1e-5)
    tally = task.tally(scores, batch)
    assert (tally.loss, tally.correct, tally.frames) == (pytest.approx(plain, rel=1e-5), right, 8)


def test_no_active_frame_leaves_the_entropy_alone() -> None:
    batch = collate([Example("a", torch.zeros(1, 4, 3), torch.zeros(3, 6))])
    scores = torch.zeros(1, 3, 6)
    assert float(FrameEvents(2).loss(scores, batch)) == pytest.approx(math.log(2))
    assert float(FrameEvents(2).loss(scores[..., :2], batch)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("seed", range(5))
def test_overlap_is_that_of_counted_cells(seed: int) -> None:
    torch.manual_seed(seed)
    starts, sizes = torch.randint(0, 12, (2, 2)), torch.randint(1, 9, (2, 2))
    boxes = torch.stack([starts, starts + sizes], 2)  # [box, axis, side]
    cells = [{(x, y) for x in range(*box[0].tolist()) for y in range(*box[1].tolist())} for box in boxes]
    share = len(cells[0] & cells[1]) / len(cells[0] | cells[1])
    low, high = boxes[..., 0].min(0).values, boxes[..., 1].max(0).values
    around = int((high - low).prod())
    flat = boxes.flatten(1).float()
    assert float(overlap(flat[:1], flat[1:])) == pytest.approx(share)
    generalised = share - (around - len(cells[0] | cells[1])) / around
    assert float(overlap(flat[:1], flat[1:], generalised=True)) == pytest.approx(generalised)
    turned = flat[:, [1, 0, 3, 2]]
    assert float(overlap(turned[:1], flat[1:])) == pytest.approx(share)


def test_only_the_generalised_overlap_pulls_boxes_that_lie_apart() -> None:
    boxes = torch.tensor([[0.0, 1.0, 0.0, 1.0]], requires_grad=True)
    apart = torch.tensor([[3.0, 4.0, 0.0, 1.0]])
    (slope,) = torch.autograd.grad(overlap(boxes, apart).sum(), boxes)
    assert not slope.any()
    (slope,) = torch.autograd.grad(overlap(boxes, apart, generalised=True).sum(), boxes)
    assert slope[0, 1] > 0


@pytest.mark.parametrize(("box", "expected"), [("l2", (0.25 + 1) / 4), ("iou", 1 - 0.5 / 2), ("giou", 1 - 0.5 / 2)])
def test_class_box_and_points_add_up(box: str, expected: float) -> None:
    # Boxes of one unit of frequency: 1.0 long and 1.5 long around the second half of it.
    scores = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.3, 0.9]])
    targets = torch.tensor([[1.0, 0.5, 2.0, 0.0, 1.0, 0.5, 0.5]])
    batch = Batch(("a",), torch.zeros(1, 1, 4, 8), targets, torch.tensor([8]))
    task = ClassAndBox(2, box=box, box_weight=3.0, point_weight=2.0)
    points = (0.04 + 0.16) / 2
    assert float(task.loss(scores, batch)) == pytest.approx(math.log(2) + 3 * expected + 2 * points)
    assert task.tally(scores, batch).frames == 1


def test_examples_without_a_box_are_not_usable() -> None:
    kept = Example("a", torch.zeros(1, 4, 8), torch.zeros(5))
    assert ClassAndBox(2).usable([kept, Example("b", torch.zeros(1, 4, 8), torch.zeros(1))]) == [kept]
    empty = Example("c", torch.zeros(1, 4, 0), torch.zeros(0, 2))
    assert FrameEvents(2).usable([empty, kept]) == [kept]


def test_weights_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="band_weight must be 0 or more"):
        FrameEvents(2, band_weight=-1)
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        ClassAndBox(2, box_weight=-1)
    with pytest.raises(ValueError, match="box must be"):
        ClassAndBox(2, box="l1")
