from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from speechcnn.training.batches import IGNORED, Example, collate
from speechcnn.training.keyword_task import KeywordTask, Spoken, frame_targets, overlaps


def test_targets_say_what_is_said_in_each_frame() -> None:
    targets = frame_targets([Spoken(2, 0.5, 0.9)], 100, 0.02, 0.0125)
    for frame, row in enumerate(targets):
        centre = 0.0125 + 0.02 * frame
        if 0.85 <= centre <= 1.05:
            assert row[0] == 2
        elif 0.79 <= centre <= 1.11:
            assert row[0] == IGNORED
        else:
            assert row[0] == 0
        assert row[1] == (0.5 <= centre <= 1.11)
        if row[1]:
            assert row[2:4].tolist() == pytest.approx([centre - 0.5, centre - 0.9], abs=1e-6)
        assert row[4] == IGNORED  # nobody knows


def test_a_second_word_takes_the_first_ones_edge() -> None:
    targets = frame_targets([Spoken(1, 0.1, 0.3), Spoken(1, 0.32, 0.52)], 50, 0.02, 0.0)
    assert targets[:, 0].tolist().count(1) > 15
    assert (targets[13:23, 0] == 1).all()  # not taken back by the second's edge
    assert (targets[24:30, 0] == 1).all()


def test_phones_where_they_are_known() -> None:
    """A line of which nobody knows the phones but those of its middle, between silences."""
    phones = [Spoken(IGNORED, 0.1, 0.5), Spoken(7, 0.2, 0.3), Spoken(9, 0.3, 0.4)]
    targets = frame_targets([], 60, 0.01, 0.005, phones, rest=3)
    expected = [3] * 10 + [IGNORED] * 10 + [7] * 10 + [9] * 10 + [IGNORED] * 10 + [3] * 10
    assert targets[:, 4].tolist() == expected


def batch_and_scores() -> tuple:
    torch.manual_seed(0)
    phones = [Spoken(IGNORED, 0.1, 0.3), Spoken(2, 0.4, 0.8)]
    targets = [frame_targets([Spoken(1, 0.2, 0.6)], 50, 0.02, 0.0, phones, 3), frame_targets([], 30, 0.02, 0.0)]
    batch = collate([Example(str(i), torch.zeros(1, 4, 2 * len(t)), t) for i, t in enumerate(targets)])
    scores = SimpleNamespace(
        classes=torch.randn(2, 3, 50), times=torch.rand(2, 2, 50), phones=torch.randn(2, 5, 50).log_softmax(1)
    )
    return batch, scores


def test_the_loss_is_that_of_plain_loops() -> None:
    batch, scores = batch_and_scores()
    entropy = weight = error = overlap = timed = naming = known = 0.0
    for b in range(2):
        for t in range(50 if b == 0 else 30):
            wanted, has_times, onset, offset, phone = batch.targets[b, t].tolist()
            if phone != IGNORED:
                rows = scores.phones[b, :, t]
                naming -= 0.9 * float(rows[int(phone)]) + 0.1 * float(rows.mean())
                known += 1
            if wanted != IGNORED:
                own = 3.0 if wanted else 1.0
                entropy -= own * float(scores.classes[b, :, t].log_softmax(0)[int(wanted)])
                weight += own
            if has_times:
                first, last = scores.times[b, :, t].tolist()
                error += ((10 * (first - onset)) ** 2 + (10 * (last - offset)) ** 2) / 2
                both = max(0.0, min(first, onset) - max(last, offset))
                overlap += 1 - both / (max(0.0, first - last) + onset - offset - both)
                timed += 1
    task = KeywordTask(0.5, 0.7, 3.0, 0.4, 0.1)
    expected = entropy / weight + (0.5 * error + 0.7 * overlap) / timed + 0.4 * naming / known
    assert 0 < known < 80
    assert float(task.loss(scores, batch)) == pytest.approx(expected, rel=1e-4)


def test_padding_counts_for_nothing() -> None:
    batch, scores = batch_and_scores()
    before = float(KeywordTask().loss(scores, batch))
    scores.classes[1, :, 30:], scores.times[1, :, 30:], scores.phones[1, :, 30:] = 9.0, 9.0, 9.0
    assert float(KeywordTask().loss(scores, batch)) == before


def test_the_tally_counts_right_frames() -> None:
    batch, scores = batch_and_scores()
    real = batch.targets[..., 0] != IGNORED
    best = F.one_hot(batch.targets[..., 0].clamp(min=0).long(), 3).transpose(1, 2).float()
    found = KeywordTask().tally(SimpleNamespace(classes=best, times=scores.times, phones=None), batch)
    assert (found.correct, found.frames) == (int(real.sum()), int(real.sum()))


def test_overlaps_by_hand() -> None:
    found = torch.tensor([[0.5, 0.1], [0.5, 0.1], [0.1, 0.5]])
    wanted = torch.tensor([[0.5, 0.1], [0.3, -0.1], [0.5, 0.1]])
    assert overlaps(found, wanted).tolist() == pytest.approx([1.0, 0.2 / 0.6, 0.0])


def test_weights_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="times_weight must be at least 0"):
        KeywordTask(times_weight=-1.0)
    with pytest.raises(ValueError, match="keyword_weight must be above 0"):
        KeywordTask(keyword_weight=0.0)
