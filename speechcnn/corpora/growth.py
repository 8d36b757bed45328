"""Make a folder of files that are a pure function of a recipe: whole or not at all, and only what is missing.

The folder grows under another name beside its place and is moved there with its sums when it is complete, so nobody
reads half of it. Two processes that want the same one do not meet: the second waits for the first, or goes on where
it was killed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechcnn import locks
from speechcnn.corpora import checksums

Fill = Callable[[Path], None]


@dataclass(frozen=True)
class Growth:
    """How a folder is made, and what shows that it is whole."""

    recipe: dict[str, Any]  # what it was made with; it lies in the folder as `name`
    name: str
    whole: Callable[[Path], bool]  # nothing of the recipe is missing below a root
    fill: Fill  # makes all that is missing below a root
    what: str = "corpus"  # for messages

    def at(self, root: Path) -> None:
        """Make the folder at `root`, or finish one that was begun; a finished one is left as it is.

        Raises:
            ValueError: other files, or a folder of another recipe, stand at `root`.
            OSError: it cannot be written.
        """
        root = Path(root).absolute()
        if self._stands(root):
            return
        with locks.hold(root.with_name(f".{root.name}.lock"), f"the {self.what} {root}", wait=True):
            if self._stands(root):
                return
            if (root / self.name).is_file():  # it was whole once and has lost files
                self.fill(root)
                return
            place = root.with_name(f".{root.name}.unfinished")
            self._claim(place)
            self.fill(place)
            _finish(place, root)

    def _stands(self, root: Path) -> bool:
        if not (root / self.name).is_file():
            if root.exists() and (not root.is_dir() or any(root.iterdir())):
                raise ValueError(f"{root} holds other files and no {self.name}: choose an empty or a new folder")
            return False
        found = _read(root / self.name)
        if found != self.recipe:
            raise ValueError(
                f"{root} holds a {self.what} made with {found}, asked for was {self.recipe}: choose another folder"
            )
        return self.whole(root)

    def _claim(self, root: Path) -> None:
        """Write the recipe into a folder, over what was left there of another one."""
        path = root / self.name
        if path.is_file() and _read(path) == self.recipe:
            return
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        put(path, json.dumps(self.recipe) + "\n")


def put(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return "an unreadable recipe"


def _finish(place: Path, root: Path) -> None:
    """List the sums of all files and move the tree to where it belongs."""
    for pattern in (".*.part", ".*.unfinished"):  # of workers that were killed
        for left in place.rglob(pattern):
            left.unlink(missing_ok=True)
    checksums.write(place)
    if root.is_dir():  # an empty folder that the caller made
        root.rmdir()
    place.rename(root)
