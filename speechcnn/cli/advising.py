"""The subcommand `speechcnn advise`: what to know of a keyword before training a detector for it."""

from __future__ import annotations

import argparse
import sys


def add_advise(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    purpose = "pronunciations of a keyword, whether it is too short, and what it is taken for"
    command = commands.add_parser("advise", help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
    command.add_argument("keyword", nargs="+", help="a word, or a phrase in quotation marks")
    command.set_defaults(run=advise)


def advise(arguments: argparse.Namespace) -> int:
    """Print advice on each keyword."""
    from speechcnn.corpora.keywords import advice, script

    for one in script.prepare(arguments.keyword):
        sys.stdout.write(advice.advice(one) + "\n")
    return 0
