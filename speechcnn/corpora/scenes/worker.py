"""The worker process: reads one job (JSON) from standard input, answers one line for each recording it made.

It runs as ``python -m speechcnn.corpora.scenes.worker`` and loads no torch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from speechcnn import audio
from speechcnn.corpora.growth import put
from speechcnn.corpora.scenes import scene
from speechcnn.corpora.scenes.plan import Clips, Item, Scenes
from speechcnn.corpora.synthesis.acoustics import RATE
from speechcnn.transcripts.events import write_audacity

RECIPES: dict[str, type[Clips] | type[Scenes]] = {"clips": Clips, "scenes": Scenes}


def main() -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    recipe = RECIPES[job["kind"]](**job["recipe"])
    for item in job["items"]:
        try:
            write(recipe, Item(**{**item, "key": tuple(item["key"])}), Path(job["root"]))
        except OSError as error:
            _answer({"error": f"cannot write into {job['root']}: {error.strerror or error}"})
            return
        _answer({"made": item["name"]})


def write(recipe: Clips | Scenes, item: Item, root: Path) -> None:
    """Write a label track and then the sound beside it: where the recording stands, its labels stand."""
    made = scene.make(recipe, item)
    path = root / f"{item.name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path.with_suffix(".txt"), write_audacity(made.events))
    audio.write(path, made.samples, RATE)


def _answer(message: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
