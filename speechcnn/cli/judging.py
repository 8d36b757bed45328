"""`speechcnn judge WORD-or-MODEL`: what a keyword model misses and falsely hears in a user's recordings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def add_judge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    purpose = "misses of a keyword model in clips with its word, false alarms in audio without it"
    judging = commands.add_parser("judge", help=purpose, description=purpose.capitalize() + ".")
    judging.set_defaults(run=judge)
    option = judging.add_argument
    option(
        "model", metavar="WORD-or-MODEL", help="a word that a model comes with the package for, or a .speechcnn file"
    )
    option(
        "--positives", type=Path, default=None, metavar="DIR",
        help="clips with one keyword each; of several keywords, a folder of clips for each",
    )  # fmt: skip
    option("--negatives", type=Path, default=None, metavar="DIR", help="audio of any length without the keyword")
    option("--threshold", type=float, default=None, help="least score of an event (default: the model's own)")
    option("--format", choices=("text", "json"), default="text")


def judge(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    from speechcnn.experiments.keyword_real import RealSettings
    from speechcnn.experiments.keyword_results import judged
    from speechcnn.experiments.keyword_tables import real_lines
    from speechcnn.spotter import KeywordSpotter

    if arguments.positives is None and arguments.negatives is None:
        raise ValueError("judge needs --positives DIR, --negatives DIR, or both.")
    if arguments.threshold is not None and not 0 < arguments.threshold <= 1:
        raise ValueError(f"--threshold must lie above 0 and be at most 1; got {arguments.threshold:g}.")
    folders = [None if one is None else str(one) for one in (arguments.positives, arguments.negatives)]
    measured = judged(KeywordSpotter.load(arguments.model), RealSettings(*folders), arguments.threshold)
    text = json.dumps(measured, indent=1) if arguments.format == "json" else "\n".join(real_lines(measured))
    sys.stdout.write(text + "\n")
    return 0
