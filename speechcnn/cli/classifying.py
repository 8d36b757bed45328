"""`speechcnn classify`: the most probable classes of recordings, as a whole or window by window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speechcnn.classifier import AudioClassifier

FORMATS = ("text", "json", "csv")


def add_classify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand that classifies recordings."""
    purpose = "the most probable classes of recordings"
    command = commands.add_parser("classify", help=purpose, description="The most probable classes of recordings.")
    command.set_defaults(run=classify)
    command.add_argument("model", type=Path)
    command.add_argument("audio", type=Path, nargs="+")
    command.add_argument("--top", type=int, default=3, metavar="K", help="classes to show (default: 3)")
    command.add_argument("--windows", action="store_true", help="classes of each window of the model's length")
    command.add_argument("--format", choices=FORMATS, default="text")


def classify(arguments: argparse.Namespace) -> int:
    """Print the classes of each recording."""
    from speechcnn.classifier import AudioClassifier

    if arguments.top < 1:
        raise ValueError(f"--top must be at least 1, got {arguments.top}")
    classifier = AudioClassifier.load(arguments.model)
    rows = [row for path in arguments.audio for row in rows_of(classifier, path, arguments.top, arguments.windows)]
    sys.stdout.write(render(rows, arguments.format))
    return 0


def rows_of(classifier: AudioClassifier, path: Path, top: int, by_window: bool) -> list[dict[str, object]]:
    """Return a row for each class to show: file, start and end in seconds, class, probability."""
    if not by_window:
        return [{"file": str(path), "label": name, "probability": p} for name, p in classifier.top([path], top)[0]]
    return [
        {"file": str(path), "start": one.start, "end": one.end, "label": name, "probability": p}
        for one in classifier.windows_of(path)
        for name, p in one.top(top)
    ]


def render(rows: Sequence[Mapping[str, object]], form: str) -> str:
    """Return rows as text in one of the command's formats."""
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        import csv
        import io

        stream = io.StringIO()
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        return stream.getvalue()
    return "".join(map(line, rows))


def line(row: Mapping[str, object]) -> str:
    """Return one row for a reader."""
    times = f"{row['start']:8.2f} {row['end']:8.2f}  " if "start" in row else ""
    return f"{row['file']}  {times}{row['probability']:.3f}  {row['label']}\n"
