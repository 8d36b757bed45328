"""Several augmentations, one after the other, each with a probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast

import numpy as np
from torch import Tensor

from speechcnn.augment.speed import Speed


class Augmentation(Protocol):
    """What every augmentation says of itself."""

    on: ClassVar[Literal["waveform", "features"]]  # what it takes


class WaveformAugmentation(Augmentation, Protocol):
    """A random change of samples."""

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Shape: [N] -> [N']."""


class MapAugmentation(Augmentation, Protocol):
    """A random change of a feature map."""

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Shape: [C, F, T] -> [C, F, T]."""


@dataclass(frozen=True)
class Chain:
    """Augmentations in order, those of samples and those of maps apart.

    Each has a generator of its own, drawn whether it acts or not, so that what one does never depends on its
    neighbours.

    Args:
        steps: augmentations.
        probabilities: how often each acts; None: always.

    Raises:
        ValueError: another number of probabilities than steps, or one that is not from 0 to 1.
    """

    steps: Sequence[Augmentation]
    probabilities: Sequence[float] | None = None
    on: ClassVar[Literal["waveform", "features"]] = "waveform"  # a chain holds both kinds; called, it treats samples

    def __post_init__(self) -> None:
        if self.probabilities is None:
            return
        if len(self.probabilities) != len(self.steps):
            raise ValueError(
                f"each of the {len(self.steps)} steps needs one probability; got {len(self.probabilities)}."
            )
        wrong = [value for value in self.probabilities if not 0 <= value <= 1]
        if wrong:
            raise ValueError(f"probabilities must be from 0 to 1; got {wrong[0]:g}.")

    def __call__(self, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
        """Return the samples after the steps that are for samples.

        Shape: [N] -> [N'].
        """
        return self.moved(samples, rate, draw)[0]

    def moved(self, samples: Tensor, rate: int, draw: np.random.Generator) -> tuple[Tensor, float]:
        """Return the samples after all steps that are for samples, and the factor by which they were sped up.

        Shape: [N] -> [N'].
        """
        total = 1.0
        for step, own in self.acting("waveform", draw):
            if isinstance(step, Speed | Chain):
                samples, factor = step.moved(samples, rate, own)
                total *= factor
            else:
                samples = cast(WaveformAugmentation, step)(samples, rate, own)
        return samples, total

    def maps(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return a feature map after all steps that are for maps.

        Shape: [C, F, T] -> [C, F, T].
        """
        for step, own in self.acting("features", draw):
            features = cast(MapAugmentation, step)(features, own)
        return features

    def treats(self, on: Literal["waveform", "features"]) -> bool:
        """Say whether any step is for samples ("waveform") or for maps ("features")."""
        return any(step.on == on for step in self.steps)

    def acting(
        self, on: Literal["waveform", "features"], draw: np.random.Generator
    ) -> list[tuple[Augmentation, np.random.Generator]]:
        """Draw which steps of a kind act, each with its generator."""
        draws = [np.random.default_rng(seed) for seed in draw.integers(2**63, size=len(self.steps))]
        chances = self.probabilities or [1.0] * len(self.steps)
        return [
            (step, own)
            for step, own, chance in zip(self.steps, draws, chances, strict=True)
            if own.random() < chance and step.on == on
        ]
