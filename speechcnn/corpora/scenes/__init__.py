"""A generator of labelled sounds: short clips of ten classes, and scenes in which such sounds happen at known times.

``make_clips`` writes a folder per class with folds in a table of ESC's layout; ``make_scenes`` writes recordings in
three parts, and for each part a table of events with onset, offset and band. The classes stand in ``sounds.SOUNDS``.
"""

from __future__ import annotations

from speechcnn.corpora.scenes.plan import Clips, Scenes
from speechcnn.corpora.scenes.sounds import SOUNDS, Sound
from speechcnn.corpora.scenes.tree import SceneError, make_clips, make_scenes

__all__ = ["SOUNDS", "Clips", "SceneError", "Scenes", "Sound", "make_clips", "make_scenes"]
