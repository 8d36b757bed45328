from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.metrics import FrameCounts, count_frames


def test_padded_frames_are_left_out():
    predicted = torch.tensor([[1, 2, 3], [1, 1, -1]])
    target = torch.tensor([[1, 2, 0], [1, -1, -1]])
    assert count_frames(predicted, target) == FrameCounts(correct=3, total=4)


def test_arrays_count_as_tensors_do(rng):
    predicted, target = rng.integers(4, size=(2, 3, 50))
    loop = sum(p == t for p, t in zip(predicted.ravel(), target.ravel(), strict=True) if t != 0)
    found = count_frames(predicted, target, ignore=0)
    assert found == FrameCounts(loop, int(np.count_nonzero(target)))
    assert found == count_frames(torch.tensor(predicted), torch.tensor(target), ignore=0)


def test_counts_add_and_the_accuracy_comes_last():
    assert (FrameCounts(1, 2) + FrameCounts(3, 10)).accuracy == 4 / 12
    assert FrameCounts().accuracy == 0.0


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(2,\) and \(2, 1\)"):
        count_frames(torch.zeros(2), torch.zeros(2, 1))
