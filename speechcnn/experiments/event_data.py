"""The scenes of a localisation experiment: made or opened, and turned into features and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from speechcnn import audio, progress
from speechcnn.corpora import CorpusError, Fault
from speechcnn.corpora.scenes import Scenes, make_scenes
from speechcnn.corpora.scenes.plan import PARTS
from speechcnn.event_finder import EventFinder
from speechcnn.events import Event
from speechcnn.transcripts import read_dcase


@dataclass(frozen=True)
class SceneSettings(Scenes):
    """Which scenes: a folder with ``train.tsv``, ``dev.tsv``, ``test.tsv`` (DCASE) at `root`, or made ones."""

    root: str | None = None


@dataclass(frozen=True)
class Item:
    """A recording with its features, before normalisation, and its events.

    Shape: features [C, F, T].
    """

    name: str
    features: Tensor
    events: tuple[Event, ...]


def open_scenes(settings: SceneSettings, folder: Path) -> tuple[Path, dict[str, dict[str, list[Event]]]]:
    """Return the root and the events of each part; without a root, make the scenes in `folder` unless they are there.

    Raises:
        CorpusError: a part is missing or empty.
    """
    root = Path(settings.root or folder)
    if settings.root is None:
        recipe = Scenes(**{name: getattr(settings, name) for name in Scenes.__dataclass_fields__})
        with progress.bar("making scenes") as update:
            make_scenes(root, recipe, progress=update)
    missing = [f"{root / part}.tsv: no such table of events" for part in PARTS if not (root / f"{part}.tsv").is_file()]
    if missing:
        raise CorpusError(missing)
    tables = {part: read_dcase((root / f"{part}.tsv").read_text("utf-8"), str(root / f"{part}.tsv")) for part in PARTS}
    empty = [f"{root / part}.tsv lists no recording" for part, table in tables.items() if not table]
    if empty:
        raise CorpusError(empty)
    return root, tables


def classes(tables: dict[str, dict[str, list[Event]]]) -> tuple[str, ...]:
    """Return the classes that occur in training, sorted.

    Raises:
        CorpusError: none does, or other parts have more.
    """
    known = {part: {one.label for own in table.values() for one in own} for part, table in tables.items()}
    more = sorted((known["dev"] | known["test"]) - known["train"])
    if not known["train"] or more:
        what = f"{', '.join(more)} occur in dev or test only" if more else "train has no events"
        raise CorpusError(f"every class must occur in train; {what}.")
    return tuple(sorted(known["train"]))


def extract(part: str, root: Path, table: dict[str, list[Event]], finder: EventFinder) -> list[Item]:
    """Compute the features of a part.

    Raises:
        CorpusError: recordings that cannot be read, or hold no frame; all of them are named.
    """
    items, faults = [], []
    with progress.bar(f"features of {part}") as update:
        for done, (name, events) in enumerate(table.items(), 1):
            try:
                features = finder.extract(root / name)
                if not features.shape[-1]:
                    raise audio.AudioError("too short; a recording must hold at least one frame.")
                items.append(Item(name, features, tuple(events)))
            except (audio.AudioError, OSError) as error:
                faults.append(str(Fault.of(root / name, error)))
            update(done, len(table))
    if faults:
        raise CorpusError(faults)
    return items


def references(items: Sequence[Item]) -> dict[str, list[Event]]:
    """Return the true events by recording."""
    return {item.name: list(item.events) for item in items}
