"""`load`: the model of a file, whatever it is for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from speechcnn import bundle

# task -> room and class; the room is imported when a model of the task is loaded
CLASSES: Mapping[str, tuple[str, str]] = {
    "classification": ("speechcnn.classifier", "AudioClassifier"),
    "events": ("speechcnn.event_finder", "EventFinder"),
    "phones": ("speechcnn.recognizer", "PhoneRecognizer"),
    "keyword": ("speechcnn.spotter", "KeywordSpotter"),
}


def load(path: str | Path) -> Any:
    """Load a model file as the class that its task asks for.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is not a whole model file, or for a task that this version does not know.
    """
    return class_of(Path(path)).load(Path(path))


def class_of(path: Path) -> Any:
    """Return the public class for a model file."""
    task = bundle.task_of(path)
    if task not in CLASSES:
        raise bundle.BundleError(f"{path}: a model for {task!r}; this version knows {', '.join(sorted(CLASSES))}.")
    room, name = CLASSES[task]
    return getattr(import_module(room), name)
