"""The command `speechcnn`: each subcommand is one function here and the room that does the work.

Exit status: 0 done; 1 `corpus check` found faults, or `find` nothing; 2 the command could not be carried out, with one
sentence on the error stream.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from speechcnn import progress
from speechcnn.cli.advising import add_advise
from speechcnn.cli.classifying import add_classify
from speechcnn.cli.exporting import add_export
from speechcnn.cli.finding import add_find
from speechcnn.cli.judging import add_judge
from speechcnn.cli.phones import add_phones

EXIT_FAULTS, EXIT_ERROR = 1, 2

# By the name that users write.
EXPERIMENTS = {
    "classify": "classify",
    "commands": "commands",
    "keyword": "keyword",
    "leave-speakers-out": "leave_speakers_out",
    "localise": "localise",
    "phones": "phones",
    "pooling-table": "pooling_table",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parsed = parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except BrokenPipeError:  # who reads our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"speechcnn: {error}\n")
        return EXIT_ERROR


def parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    top = argparse.ArgumentParser(prog="speechcnn", description="Convolutional networks for speech and audio.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    training = add(commands, "train", train, "train a model: the recipes of a checkout, from an installed package")
    training.add_argument("experiment", choices=EXPERIMENTS)
    training.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change, e.g. corpus.root=DIR")

    add_phones(commands)
    add_find(commands)
    add_judge(commands)
    add_export(commands)
    add_advise(commands)
    add_score(commands)
    add_convert(commands)

    add_classify(commands)

    inspection = add(commands, "inspect", inspect, "the card of a model file")
    inspection.add_argument("model", type=Path)

    corpus = commands.add_parser("corpus", help="make or check a corpus").add_subparsers(
        required=True, metavar="ACTION"
    )
    checking = add(corpus, "check", check_corpus, "list every fault of a TIMIT-style corpus")
    checking.add_argument("folder", type=Path)
    making = add(corpus, "make", make_corpus, "make a TIMIT-style corpus by speech synthesis")
    making.add_argument("folder", type=Path)
    making.add_argument("--size", default="default", help="tiny, quick, default, varied or timit")
    making.add_argument("--seed", type=int, default=0)
    making.add_argument("--workers", type=int, default=None, help="processes (default: all cores)")
    return top


def add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand that scores transcripts."""
    scoring = add(commands, "score", score, "error rates of transcripts under every convention, with intervals")
    option = scoring.add_argument
    option("reference", type=Path, help=".trn, .ctm, .json, or a folder of .phn or .TextGrid files")
    option("hypothesis", type=Path, help="the same, of any of these formats")
    option("--against", type=Path, metavar="HYP2", help="a second system, tested against the first")
    option("--format", choices=("text", "json", "csv", "markdown"), default="text")
    option("--map", default="auto", help="phone set of the hypotheses (61, 48, 39), a file of labels, or none")
    option("--missing", choices=("error", "deletions"), default="error", help="utterances without a hypothesis")
    option("--corpus", type=Path, metavar="DIR", help="TIMIT-style tree that tells speakers and dialects")
    option("--part", choices=("train", "dev", "test"), help="of the corpus, which references to take")
    option("--speakers", type=Path, metavar="TSV", help="utterance or speaker, and sex, dialect or any group")
    option("--tier", default="", help="tier of TextGrids (default: phones)")
    option("--top", type=int, default=20, metavar="N", help="confusions to show")
    option("--utterances", action="store_true", help="show every utterance too")
    option("--resamples", type=int, default=1000, metavar="N", help="of the bootstrap")
    option("--seed", type=int, default=0, help="of the bootstrap")


def add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand that writes transcripts in another format."""
    conversion = add(commands, "convert", convert, "transcripts from one format to another, told by the endings")
    conversion.add_argument("source", type=Path, help=".trn, .ctm, .json, .phn, .TextGrid, or a folder of the last two")
    conversion.add_argument("target", type=Path, help="the same; a name in .phn or .TextGrid becomes a folder")
    conversion.add_argument("--tier", default="", help="tier of TextGrids (default: phones)")


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    purpose: str,
) -> argparse.ArgumentParser:
    """Add a subcommand that `run` carries out."""
    command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
    command.set_defaults(run=run)
    return command


def train(arguments: argparse.Namespace) -> int:
    """Run an experiment as its recipe does."""
    from importlib import import_module

    from speechcnn.configuration import launch

    launch(import_module(f"speechcnn.experiments.{EXPERIMENTS[arguments.experiment]}"), arguments.overrides)
    return 0


def score(arguments: argparse.Namespace) -> int:
    """Print the error rates of transcripts."""
    from speechcnn.cli import score_output, scoring

    sys.stdout.write(score_output.render(scoring.run(arguments), arguments.format, arguments.top, arguments.utterances))
    return 0


def convert(arguments: argparse.Namespace) -> int:
    """Write transcripts in another format."""
    from speechcnn import transcripts

    if arguments.target.suffix.lower() == ".trn":
        transcripts.write_labels(arguments.target, transcripts.read_labels(arguments.source, arguments.tier))
    else:
        transcripts.write_segments(arguments.target, transcripts.read_segments(arguments.source, arguments.tier))
    return 0


def inspect(arguments: argparse.Namespace) -> int:
    """Print a model file's card."""
    import json

    from speechcnn import bundle

    content = bundle.read(arguments.model)
    statistics = ("running_mean", "running_var", "num_batches_tracked")  # of batch normalisation: not learnt
    learnt = [one for name, one in content.group("model").items() if not name.endswith(statistics)]
    card = {**content.card, "parameters": sum(tensor.numel() for tensor in learnt)}
    sys.stdout.write(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    return 0


def check_corpus(arguments: argparse.Namespace) -> int:
    """Print every fault of a corpus."""
    from speechcnn.corpora.check import check

    with progress.bar("checking") as update:
        report = check(arguments.folder, progress=update)
    sys.stdout.write(f"{report}\n")
    return EXIT_FAULTS if report.faults else 0


def make_corpus(arguments: argparse.Namespace) -> int:
    """Make a corpus."""
    from speechcnn.corpora import synthesis

    with progress.bar("speaking") as update:
        synthesis.make(arguments.folder, arguments.size, arguments.seed, arguments.workers, update)
    sys.stdout.write(f"{arguments.folder}\n")
    return 0
