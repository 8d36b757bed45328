"""The HMM state of each frame, from where a run takes it: its own rounds, or the folder of another run.

Rows of a table that are compared with one another should learn the same targets, so one run aligns the corpus, saves
the states, and the others take them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from speechcnn.arguments import SettingsError
from speechcnn.experiments.phone_data import Item

STATES_FILE = "states.safetensors"
MOST_ROUNDS = 100


@dataclass(frozen=True)
class AlignmentSettings:
    """How often the states are realigned with the network trained so far, and where the first ones come from."""

    rounds: int | None = None  # each trains on once more; null: one, none for CTC
    source: str | None = None  # run folder whose saved states training begins with; null: labels split evenly
    save: bool = False  # align once more at the end and leave the states in the run folder, for others to take

    def __post_init__(self) -> None:
        if self.rounds is not None and not 0 <= self.rounds <= MOST_ROUNDS:
            raise ValueError(f"rounds must be from 0 to {MOST_ROUNDS}; got {self.rounds}.")


def save_states(folder: Path, items: Sequence[Item]) -> None:
    """Write the state of each frame into a run folder, in one step."""
    part = folder / f".{STATES_FILE}"
    save_file({item.utterance.id: item.states.astype(np.int16) for item in items}, part)
    part.replace(folder / STATES_FILE)


def take_states(source: str, items: Sequence[Item]) -> list[Item]:
    """Return the items with the states that the run in the folder `source` saved.

    Raises:
        SettingsError: no such file, one that cannot be read, or one of another corpus or other frames.
    """
    path = Path(source) / STATES_FILE
    try:
        saved = load_file(path)
        states = {item.utterance.id: saved[item.utterance.id].astype(np.int64) for item in items}
    except FileNotFoundError as error:
        raise SettingsError(f"alignment.source: no {path}; that run needs alignment.save=true.") from error
    except KeyError as error:
        raise SettingsError(f"alignment.source: {path} is of another corpus; it lacks {error.args[0]}.") from error
    except (SafetensorError, OSError) as error:
        raise SettingsError(f"alignment.source: {path} cannot be read ({error}).") from error
    return [with_states(item, states[item.utterance.id], path) for item in items]


def with_states(item: Item, states: np.ndarray, path: Path) -> Item:
    """Return the item with other states, if they are of its length."""
    if states.shape != item.states.shape:
        name, wanted = item.utterance.id, len(item.states)
        raise SettingsError(f"alignment.source: {name} has {wanted} frames here and {len(states)} in {path}.")
    return replace(item, states=states)
