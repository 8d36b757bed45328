"""`load`: the model of a file, whatever it is for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from speechcnn import bundle

# By task; the room is imported when a model of the task is loaded.
CLASSES: Mapping[str, str] = {
    "classification": "AudioClassifier",
    "events": "EventFinder",
    "keyword": "KeywordSpotter",
    "phones": "PhoneRecognizer",
}
ROOMS: Mapping[str, str] = {
    "classification": "speechcnn.classifier",
    "events": "speechcnn.event_finder",
    "keyword": "speechcnn.spotter",
    "phones": "speechcnn.recognizer",
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
    return getattr(import_module(ROOMS[task]), CLASSES[task])
