from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn.arguments import SettingsError
from speechcnn.corpora import Utterance
from speechcnn.experiments.alignment import STATES_FILE, save_states, take_states
from speechcnn.experiments.phone_data import Item


def item(name: str, states: list[int]) -> Item:
    utterance = Utterance(name, Path(f"{name}.wav"), (), "S")
    return Item(utterance, torch.zeros(3, 41, len(states)), np.array(states, dtype=np.int64))


def test_states_come_back_as_they_were_saved(tmp_path: Path) -> None:
    save_states(tmp_path, [item("a", [5, 182, 0]), item("b", [7])])
    taken = take_states(str(tmp_path), [item("b", [1]), item("a", [0, 0, 0])])
    assert [one.utterance.id for one in taken] == ["b", "a"]
    assert [one.states.tolist() for one in taken] == [[7], [5, 182, 0]]
    assert taken[0].states.dtype == np.int64


def test_what_cannot_be_taken_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no .*states\.safetensors; that run needs alignment\.save=true"):
        take_states(str(tmp_path), [item("a", [1])])
    save_states(tmp_path, [item("a", [1, 2])])
    with pytest.raises(SettingsError, match=r"of another corpus; it lacks .*b"):
        take_states(str(tmp_path), [item("a", [0, 0]), item("b", [0])])
    with pytest.raises(SettingsError, match="a has 3 frames here and 2 in"):
        take_states(str(tmp_path), [item("a", [0, 0, 0])])
    (tmp_path / STATES_FILE).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(SettingsError, match="cannot be read"):
        take_states(str(tmp_path), [item("a", [0, 0])])
