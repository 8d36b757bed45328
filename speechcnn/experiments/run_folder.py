"""A run folder is the run: its settings are noted in it, and it goes on only with the same ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechcnn.arguments import SettingsError

SETTINGS_FILE, LOCK_FILE = "settings.json", ".lock"
FREE = ("folder", "threads")  # settings that may differ when a run goes on


def check(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run folder notes, as plain data.

    Raises:
        SettingsError: the folder holds a run with other settings, or they cannot be read.
    """
    path = folder / SETTINGS_FILE
    mine = {key: value for key, value in settings.items() if key not in FREE}
    if path.exists():
        theirs = read_settings(path)
        differing = [key for key in mine if mine[key] != theirs.get(key)]
        if differing:
            raise SettingsError(
                f"{folder} holds a run with other settings ({', '.join(differing)}). Give folder= another "
                f"name, or the settings in {path} to go on with that run."
            )
    return mine


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make a run folder and note the settings in it.

    Raises:
        SettingsError: the folder holds a run with other settings, or they cannot be read.
    """
    path, mine = folder / SETTINGS_FILE, check(folder, settings)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(mine, indent=1) + "\n")
    part.replace(path)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings that a run folder was begun with.

    Raises:
        SettingsError: the file is damaged.
    """
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path} is damaged ({error}). Delete it to go on with the settings given now.") from error
