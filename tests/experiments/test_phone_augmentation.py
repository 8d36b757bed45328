"""Augmentation of the training set: what belongs together stays together; seed, epoch and name decide all else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speechcnn import audio
from speechcnn.arguments import SettingsError
from speechcnn.corpora import Utterance
from speechcnn.experiments.phone_augmentation import AugmentationSettings, Augmenter, chain_of, source_frames
from speechcnn.experiments.phone_data import Item, make_item
from speechcnn.labels import Segment, timit_phones
from speechcnn.recognizer import PhoneRecognizer, Recipe
from speechcnn.training.batches import Example
from speechcnn.training.tasks import TASKS

ALL = [{"name": "speed", "probability": 0.5}, {"name": "noise"}, {"name": "frequency_warp"}, {"name": "spec_augment"}]


@pytest.fixture
def recognizer() -> PhoneRecognizer:
    return PhoneRecognizer(
        Recipe({"name": "log_mel"}, {"kind": "utterance"}, {"name": "dnn", "hidden": [4]}), timit_phones()
    )


@pytest.fixture
def item(recognizer: PhoneRecognizer, tmp_path: Path, rng: np.random.Generator) -> Item:
    """Half a second of a low tone, labelled aa, then as much of a high one, labelled s."""
    time = np.arange(8000) / 16000
    samples = np.concatenate([np.sin(2 * np.pi * f * time) for f in (500, 3000)]) + 0.01 * rng.standard_normal(16000)
    path = tmp_path / "tones.wav"
    audio.write(path, (0.3 * samples).astype(np.float32), 16000)
    segments = (Segment("aa", 0.0, 0.5), Segment("s", 0.5, 1.0))
    return make_item(Utterance("M_1", path, segments, "M", "dr1", ""), recognizer)


def example(item: Item, recognizer: PhoneRecognizer) -> Example:
    return Example(item.utterance.id, recognizer.normalized(item.features), torch.from_numpy(item.states))


def augmenter(
    steps: list[dict[str, Any]], item: Item, recognizer: PhoneRecognizer, task: str = "frames", **changes: int
) -> Augmenter:
    chain = chain_of(AugmentationSettings(steps), recognizer.features)
    where = {"seed": 3, "round_number": 0} | changes
    return Augmenter(chain, recognizer, TASKS[task](), [item], {}, **where)


def test_the_same_epoch_is_the_same_and_all_else_another(item: Item, recognizer: PhoneRecognizer) -> None:
    one = example(item, recognizer)
    first = augmenter(ALL, item, recognizer)(one, 5)
    again = augmenter(ALL, item, recognizer)(one, 5)
    assert torch.equal(first.features, again.features)
    assert torch.equal(first.targets, again.targets)
    others = [
        augmenter(ALL, item, recognizer)(one, 6),
        augmenter(ALL, item, recognizer, seed=4)(one, 5),
        augmenter(ALL, item, recognizer, round_number=1)(one, 5),
    ]
    assert not any(
        other.features.shape == first.features.shape and torch.equal(other.features, first.features) for other in others
    )


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_labels_move_with_the_sound(item: Item, recognizer: PhoneRecognizer, factor: float) -> None:
    """The change from one tone to the other lies where the change from one label to the other does."""
    step = {"name": "speed", "low": factor, "high": factor}
    found = augmenter([step], item, recognizer)(example(item, recognizer), 0)
    assert len(found.targets) == found.n_frames == pytest.approx(98 / factor, abs=3)
    labelled = int((found.targets // 3 == recognizer.labels.encode(["s"])[0]).nonzero()[0])
    low, high = (recognizer.features(torch.sin(2 * torch.pi * f * factor * torch.arange(800) / 16000)[None])[0][0, 0]
                 for f in (500, 3000))  # fmt: skip
    louder = found.features[0, int(high[:40].mean(-1).argmax())] > found.features[0, int(low[:40].mean(-1).argmax())]
    assert labelled == pytest.approx(int(louder.nonzero()[0]), abs=2)


def test_frames_come_from_the_nearest_frame_before() -> None:
    """Against times written out: frame t of the new recording has its centre at 12.5 + 10 t ms."""
    for factor in (0.9, 1.1):
        found = source_frames(50, 60, factor, 0.01, 0.0125)
        centres = [(12.5 + 10 * t) * factor for t in range(50)]
        expected = [min(range(60), key=lambda s: abs(12.5 + 10 * s - c)) for c in centres]
        assert found.tolist() == expected


def test_a_label_sequence_stays_and_one_that_no_longer_fits_is_left_as_it_was(
    item: Item, recognizer: PhoneRecognizer
) -> None:
    fast = [{"name": "speed", "low": 2.0, "high": 2.0}]
    features = recognizer.normalized(item.features)
    few, many = (Example("M_1", features, torch.arange(1, n + 1)) for n in (5, 60))
    change = augmenter(fast, item, recognizer, "ctc")
    shorter = change(few, 0)
    assert shorter.n_frames == 48
    assert torch.equal(shorter.targets, few.targets)
    assert change(many, 0) is many


def test_warps_come_before_normalisation_and_masks_after(item: Item, recognizer: PhoneRecognizer) -> None:
    one = example(item, recognizer)
    warped = augmenter([{"name": "frequency_warp"}], item, recognizer)(one, 1).features
    torch.testing.assert_close(warped.mean(-1), torch.zeros(3, 41), atol=1e-4, rtol=0)
    assert not torch.allclose(warped, one.features, atol=0.1)
    masked = augmenter([{"name": "spec_augment"}], item, recognizer)(one, 1).features
    changed = masked != one.features
    assert bool(changed.any())
    torch.testing.assert_close(masked[changed], torch.zeros(int(changed.sum())), atol=1e-4, rtol=0)


def test_a_warp_needs_bands() -> None:
    mfcc = PhoneRecognizer(
        Recipe({"name": "mfcc"}, {"kind": "utterance"}, {"name": "dnn", "hidden": [4]}), timit_phones()
    )
    with pytest.raises(SettingsError, match=r"steps\[0\]: frequency_warp needs mel bands; take features=log_mel"):
        chain_of(AugmentationSettings([{"name": "frequency_warp"}]), mfcc.features)
