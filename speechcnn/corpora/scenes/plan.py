"""What a made set consists of: which recordings, and how sounds are laid into them.

Every recording is a pure function of (seed, part, number), so neither the order of the work nor the number of workers
changes a byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from speechcnn.corpora.scenes.sounds import SOUNDS

PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class Item:
    """One recording to make: its place below the root, without an ending, and the root of its random draws."""

    name: str
    key: tuple[int, ...]
    label: str = ""  # the class of a clip; "" for a scene


@dataclass(frozen=True)
class Clips:
    """A set of clips, one sound over a background in each, as many of each class in each fold.

    Raises:
        ValueError: a count below 1, or clips too short for their sounds.
    """

    per_class: int = 40
    folds: int = 5
    seconds: float = 3.0
    lowest_snr_db: float = 0.0
    highest_snr_db: float = 25.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, {"per_class": 1, "folds": 1, "seconds": 3.0, "seed": 0})

    def items(self) -> Iterator[Item]:
        """Every clip, class by class; its fold stands at the head of its name."""
        for target, label in enumerate(SOUNDS):
            for number in range(self.per_class):
                name = f"{label}/{self.fold(number)}-{label}-{number:04d}"
                yield Item(name, (self.seed, 0, target, number), label)

    def fold(self, number: int) -> int:
        """Return the fold, from 1, of a class's clip of that number."""
        return number % self.folds + 1


@dataclass(frozen=True)
class Scenes:
    """A set of scenes in three parts, several sounds over a background in each.

    Raises:
        ValueError: a count below 1, or scenes too short for their sounds.
    """

    train: int = 240
    dev: int = 40
    test: int = 60
    seconds: float = 10.0
    most_sounds: int = 6  # in one scene; the number is drawn from 0 on
    overlap: bool = True  # whether sounds of different classes may overlap; those of one class never do
    lowest_snr_db: float = 3.0
    highest_snr_db: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, {"train": 1, "dev": 1, "test": 1, "seconds": 3.0, "most_sounds": 1, "seed": 0})

    def items(self) -> Iterator[Item]:
        """Every scene, part by part."""
        for number, part in enumerate(PARTS, 1):
            for scene in range(getattr(self, part)):
                yield Item(f"{part}/{scene:05d}", (self.seed, number, scene))


def _check(recipe: Clips | Scenes, least: dict[str, float]) -> None:
    for name, lowest in least.items():
        if getattr(recipe, name) < lowest:
            raise ValueError(f"{name} must be {lowest:g} or more, got {getattr(recipe, name)}")
    if recipe.lowest_snr_db > recipe.highest_snr_db:
        raise ValueError(
            f"lowest_snr_db must not be above highest_snr_db, got {recipe.lowest_snr_db}, {recipe.highest_snr_db}"
        )
