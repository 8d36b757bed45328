"""Augmentation of a phone experiment's training set: each utterance is another one in each epoch.

What is drawn is a pure function of (seed, round, epoch, utterance), so that a run that was stopped goes on exactly, and
nothing of it depends on the order of batches or on the threads that make them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speechcnn.arguments import SettingsError, check_type, construct
from speechcnn.audio.source import waveform
from speechcnn.augment import AUGMENTATIONS, Chain
from speechcnn.experiments.phone_data import Item
from speechcnn.features import Statistics
from speechcnn.recognizer import PhoneRecognizer
from speechcnn.training.batches import Example, generator
from speechcnn.training.tasks import Task

OF_FEATURES = ("n_bands", "rate", "low_hz", "high_hz")  # what an augmentation may have to know of the features


@dataclass(frozen=True)
class AugmentationSettings:
    """Steps by name with their arguments and, where they do not always act, a `probability`."""

    steps: Sequence[Mapping[str, Any]] = ()


def chain_of(settings: AugmentationSettings, features: nn.Module) -> Chain:
    """Build the chain that the settings describe.

    Raises:
        SettingsError: an unknown name or key, a value out of range, or a step that these features cannot take.
    """
    derived = {name: getattr(features, name) for name in OF_FEATURES if hasattr(features, name)}
    steps, probabilities = [], []
    for number, given in enumerate(settings.steps):
        where, arguments = f"augmentation.steps[{number}]", dict(given)
        probabilities.append(arguments.pop("probability", 1.0))
        check_type(f"{where}.probability", probabilities[-1], float)
        if arguments.get("name") == "frequency_warp" and "low_hz" not in derived:
            raise SettingsError(f"{where}: frequency_warp needs mel bands; take features=log_mel.")
        steps.append(construct(where, AUGMENTATIONS, arguments, **derived))
    return construct("augmentation", Chain, {}, steps=tuple(steps), probabilities=probabilities)


class Augmenter:
    """Changes an example for an epoch.

    Samples are changed first, then the features made of them, then these once normalised. A change of speed takes the
    target of each frame from where the frame's centre lay before; label sequences stay. Where a sped-up recording has
    too few frames for its labels, the example stays unchanged.

    Args:
        chain: the augmentations.
        recognizer: features and normaliser.
        task: what the network is trained for.
        items: the utterances behind the examples.
        speakers: statistics by speaker, where features are normalised by speaker.
        seed: of the run.
        round_number: which training of the run this is.
    """

    def __init__(
        self,
        chain: Chain,
        recognizer: PhoneRecognizer,
        task: Task,
        items: Sequence[Item],
        speakers: Mapping[str, Statistics],
        seed: int,
        round_number: int,
    ) -> None:
        self.chain, self.recognizer, self.task, self.speakers = chain, recognizer, task, speakers
        self.items = {item.utterance.id: item for item in items}
        self.seed, self.round_number = seed, round_number

    def __call__(self, example: Example, epoch: int) -> Example:
        """Return the example as it is in an epoch."""
        item = self.items[example.id]
        draw = generator(self.seed, self.round_number, epoch, zlib.crc32(example.id.encode()))
        features, targets = item.features, example.targets
        if self.chain.treats("waveform"):
            features, factor = self.heard(item, draw)
            targets = self.moved(example, features.shape[-1], factor)
        features = self.chain.maps("features", features, draw)
        normalised = self.recognizer.normalized(features, self.speakers.get(item.utterance.speaker))
        changed = Example(example.id, self.chain.maps("normalised", normalised, draw), targets)
        return changed if self.task.fits(changed) else example

    def heard(self, item: Item, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Return the features of the changed recording, and the factor by which it was sped up.

        Shape: -> [C, F, T].
        """
        rate = self.recognizer.rate
        samples = torch.from_numpy(waveform(item.utterance.path, None, rate))
        changed, factor = self.chain.moved(samples, rate, draw)
        return self.recognizer.features(changed[None])[0][0], factor

    def moved(self, example: Example, n_frames: int, factor: float) -> Tensor:
        """Return the targets of a recording that was sped up.

        Shape: -> [T], or [L] where targets are label sequences.
        """
        if len(example.targets) != example.n_frames:
            return example.targets
        return example.targets[source_frames(n_frames, example.n_frames, factor, *self.recognizer.frame_times)]


def source_frames(n_frames: int, n_before: int, factor: float, shift: float, first_centre: float) -> Tensor:
    """Return for each frame of a sped-up recording the frame before whose centre is nearest.

    Shape: -> [n_frames].
    """
    centres = (first_centre + shift * torch.arange(n_frames, dtype=torch.float64)) * factor
    return ((centres - first_centre) / shift).round().long().clamp(0, n_before - 1)
