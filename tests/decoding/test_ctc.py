"""Decoding and alignment against the listing of every path, and alignment against torchaudio's."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.decoding import ctc
from speechcnn.decoding.path import DecodedPhone
from speechcnn.labels import Labels
from speechcnn.torchaudio_pair import torchaudio


def spelled(path: tuple[int, ...]) -> tuple[int, ...]:
    """The labels of a path of classes: repeats merged, then blanks dropped."""
    return tuple(c - 1 for c, _ in groupby(path) if c != ctc.BLANK)


def score(log_probabilities: np.ndarray, path: tuple[int, ...]) -> float:
    return sum(float(log_probabilities[t, c]) for t, c in enumerate(path))


def test_greedy_takes_the_best_class_of_each_frame() -> None:
    path = [0, 1, 1, 0, 1, 2, 2, 0]
    log_probabilities = np.log(np.full((8, 3), 0.1, np.float32))
    log_probabilities[np.arange(8), path] = np.log(0.8)
    found = ctc.greedy(log_probabilities)
    assert found == [DecodedPhone(0, 1, 2), DecodedPhone(0, 4, 4), DecodedPhone(1, 5, 6)]
    assert ctc.greedy(log_probabilities[:0]) == []


@pytest.mark.parametrize("labels", [[], [0], [1, 1], [0, 1], [0, 1, 0], [1, 0, 0]])
@pytest.mark.parametrize("n_frames", [4, 6])
def test_alignment_finds_the_best_of_all_paths(random_posteriors, labels: list[int], n_frames: int) -> None:
    log_probabilities = random_posteriors(n_frames, 3)
    through = [path for path in product(range(3), repeat=n_frames) if spelled(path) == tuple(labels)]
    best = max(through, key=lambda path: score(log_probabilities, path))
    named = [0] * n_frames
    found = ctc.align(log_probabilities, labels)
    for one in found:
        named[one.first_frame : one.last_frame + 1] = [one.phone + 1] * (one.last_frame - one.first_frame + 1)
    assert tuple(named) == best
    assert [one.phone for one in found] == labels


def test_alignment_is_torchaudios(rng, random_posteriors) -> None:
    log_probabilities, labels = random_posteriors(400, 20), rng.integers(19, size=80).tolist()
    scores, targets = torch.from_numpy(log_probabilities)[None], torch.tensor([labels], dtype=torch.int32) + 1
    path, _ = torchaudio().functional.forced_align(scores, targets, blank=ctc.BLANK)
    named = torch.zeros(400, dtype=torch.int32)
    for one in ctc.align(log_probabilities, labels):
        named[one.first_frame : one.last_frame + 1] = one.phone + 1
    assert torch.equal(path[0], named)


@pytest.mark.parametrize("labels", [[], [0], [0, 0], [0, 1, 1, 1], [1, 0, 1]])
@pytest.mark.parametrize("n_frames", range(1, 8))
def test_what_can_be_aligned_has_a_finite_loss(labels: list[int], n_frames: int) -> None:
    scores = torch.randn(n_frames, 1, 3).log_softmax(-1)
    targets, lengths = torch.tensor([labels], dtype=torch.long) + 1, torch.tensor([len(labels)])
    loss = F.ctc_loss(scores, targets, torch.tensor([n_frames]), lengths, reduction="none")
    assert bool(torch.isfinite(loss).all()) == ctc.can_align(n_frames, labels)


def test_an_alignment_that_cannot_be(random_posteriors) -> None:
    with pytest.raises(ValueError, match=r"aligning 3 labels needs 4 frames, .* got 3"):
        ctc.align(random_posteriors(3, 3), [1, 1, 0])
    with pytest.raises(ValueError, match="labels must be from 0 to 1; got 0 to 2"):
        ctc.align(random_posteriors(5, 3), [0, 2])
    impossible = random_posteriors(6, 3)
    impossible[:, 2] = -np.inf
    with pytest.raises(ValueError, match="every path through them has probability 0"):
        ctc.align(impossible, [1])


def test_segments_leave_blanks_out_and_hold_mean_probabilities() -> None:
    log_probabilities = np.log(np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]]))
    (segment,) = ctc.segments(ctc.greedy(log_probabilities), log_probabilities, Labels(("a", "b")))
    assert (segment.label, segment.start, segment.end) == ("a", 0.0175, 0.0375)
    assert segment.posterior == pytest.approx(0.7)
