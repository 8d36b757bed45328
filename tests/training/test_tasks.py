"""Losses against torch's own and hand-made cases; what cannot be learnt from is left out by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.training.batches import Example, collate
from speechcnn.training.loop import LoopSettings, Trainer
from speechcnn.training.schedules import OneCycle
from speechcnn.training.tasks import Ctc, FrameCrossEntropy

N_LABELS = 3


def example(name: str, n_frames: int, labels: list[int]) -> Example:
    return Example(name, torch.randn(1, 4, n_frames), torch.tensor(labels, dtype=torch.int64))


def test_the_loss_is_the_mean_over_labels_of_torchs() -> None:
    batch = collate([example("a", 7, [1, 2, 2]), example("b", 5, [3])])
    scores = torch.randn(2, 7, N_LABELS + 1, requires_grad=True)
    one = F.ctc_loss(scores[0].log_softmax(-1)[:, None], torch.tensor([[1, 2, 2]]), [7], [3], reduction="sum")
    other = F.ctc_loss(scores[1, :5].log_softmax(-1)[:, None], torch.tensor([[3]]), [5], [1], reduction="sum")
    loss = Ctc().loss(scores, batch)
    torch.testing.assert_close(loss, (one + other) / 4)
    (gradient,) = torch.autograd.grad(loss, scores)
    assert gradient[1, 5:].abs().max() == 0


def test_the_tally_counts_the_labels_that_greedy_decoding_finds() -> None:
    batch = collate([example("a", 6, [1, 2, 2]), example("b", 3, [3, 1])])
    paths = torch.tensor([[1, 1, 0, 2, 0, 3], [3, 0, 2, 1, 1, 1]])
    tally = Ctc().tally(10.0 * F.one_hot(paths, N_LABELS + 1), batch)
    assert (tally.correct, tally.frames) == (2 + 1, 5)
    assert tally.loss > 0


@pytest.mark.parametrize(("n_frames", "labels", "fits"), [(3, [1, 2, 3], True), (3, [1, 1, 2], False), (2, [], False)])
def test_labels_that_cannot_lie_in_their_frames_are_left_out_by_name(n_frames, labels, fits, caplog) -> None:
    kept = Ctc().usable([example("good", 9, [1]), example("tight", n_frames, labels)])
    assert [one.id for one in kept] == (["good", "tight"] if fits else ["good"])
    assert ("tight" in caplog.text) != fits


def test_frames_with_classes_are_all_usable() -> None:
    examples = [example("a", 2, [0, 1])]
    assert FrameCrossEntropy().usable(examples) == examples


class Framewise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.full = nn.Linear(4, N_LABELS + 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.full(features[:, 0].transpose(1, 2))


def test_a_network_learns_label_sequences_beside_one_that_cannot_be_aligned(tmp_path: Path, caplog) -> None:
    """Band l is loud while label l is spoken; silence, the blank, lies between."""
    examples = []
    for number in range(12):
        labels = torch.randint(1, N_LABELS + 1, (4,))
        frames = F.one_hot(labels, 4).float()
        features = torch.stack([frames, frames, torch.zeros_like(frames)], 1).flatten(0, 1).T[None]
        examples.append(Example(f"u{number}", features, labels))
    hopeless = example("hopeless", 2, [1, 1, 1])
    model = Framewise()
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    trainer = Trainer(
        model, Ctc(), optimizer, OneCycle(), LoopSettings(epochs=30, batch_frames=50), seed=0, folder=tmp_path
    )
    history = trainer.fit([*examples, hopeless], examples)
    assert history[-1].dev_accuracy == 1.0
    assert "hopeless" in caplog.text
    assert all(parameter.isfinite().all() for parameter in model.parameters())
