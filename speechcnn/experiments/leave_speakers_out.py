"""A phone error rate from few speakers: each is tested once, by a recogniser that never heard them.

The speakers are dealt into folds. For each fold a whole phone experiment runs, in a folder of its own: the fold is
tested, the first speakers of the next fold tune the decoder, all others train. The errors of all folds are added up
before the rate is taken, and the interval is one over all speakers. A run that was stopped goes on when its folder is
given again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechcnn import transcripts
from speechcnn.arguments import SettingsError, Table, construct
from speechcnn.corpora.timit import speakers
from speechcnn.experiments import phones
from speechcnn.experiments.phone_data import corpus_folder
from speechcnn.experiments.phone_results import HEADLINE, interval_words, percent
from speechcnn.metrics import Evaluation, Score, evaluate

NAME = "leave_speakers_out"


@dataclass(frozen=True)
class FoldSettings:
    """How many speakers are held out at a time."""

    test: int = 2  # speakers of a fold
    dev: int = 1  # speakers that tune the decoder of a fold, from the next one

    def __post_init__(self) -> None:
        if self.test < 1 or not 1 <= self.dev <= self.test:
            raise ValueError(f"test must be at least 1, and dev from 1 to test; got {self.test} and {self.dev}.")


@dataclass(frozen=True)
class Fold:
    """Who tunes and who tests; all others train."""

    dev: tuple[str, ...]
    test: tuple[str, ...]


PARTS: Mapping[str, Table | Callable[..., Any]] = {**phones.PARTS, "folds": FoldSettings}
DERIVED = phones.DERIVED
FAILURES = phones.FAILURES


def run(settings: dict[str, Any]) -> str:
    """Run the experiment once a fold and return the summary."""
    shared = {key: value for key, value in settings.items() if key != "folds"}
    phones.PhoneExperiment(shared)  # faults of the settings, before anything lasts
    fold_settings: FoldSettings = construct("folds", FoldSettings, settings["folds"])
    corpus = construct("corpus", phones.PARTS["corpus"], shared["corpus"])
    if corpus.dev_speakers or corpus.test_speakers:
        raise SettingsError("corpus.dev_speakers and corpus.test_speakers follow from the folds; leave them out.")
    folder, root = Path(settings["folder"]), corpus_folder(corpus)
    parted = folds(speakers(root), fold_settings)
    for number, fold in enumerate(parted):
        phones.run(fold_run(shared, folder / f"fold-{number}", root, fold))
    return write_whole(folder, parted)


def folds(names: Sequence[str], settings: FoldSettings) -> list[Fold]:
    """Deal speakers, ordered by sex and dialect, so that each fold has both sexes where there are enough.

    Raises:
        SettingsError: fewer speakers than three parts need.
    """
    count = len(names) // settings.test
    if len(names) < settings.test + settings.dev + 1 or count < 2:
        needed = max(settings.test + settings.dev + 1, 2 * settings.test)
        raise SettingsError(
            f"folds: {settings.test} speakers to test and {settings.dev} to tune at a time need {needed}; "
            f"the corpus has {len(names)}."
        )
    dealt = [tuple(names[number::count]) for number in range(count)]
    return [Fold(following[: settings.dev], own) for own, following in zip(dealt, [*dealt[1:], dealt[0]], strict=True)]


def fold_run(settings: Mapping[str, Any], folder: Path, root: Path, fold: Fold) -> dict[str, Any]:
    """Return the settings of a fold's phone experiment."""
    named = {"root": str(root), "dev_speakers": list(fold.dev), "test_speakers": list(fold.test)}
    return {**settings, "folder": str(folder), "corpus": {**settings["corpus"], **named}}


def write_whole(folder: Path, parted: Sequence[Fold]) -> str:
    """Score the utterances of all folds as one set, write figures and transcripts, and return the summary."""
    places = [folder / f"fold-{number}" for number in range(len(parted))]
    references, hypotheses = (gathered(places, name) for name in ("references.trn", "hypotheses.trn"))
    who = {utterance: utterance.split("_")[0] for utterance in references}
    evaluation = evaluate(references, hypotheses, speakers=who, groups={"speaker": who})
    (folder / "references.trn").write_text(transcripts.write_trn(references))
    (folder / "hypotheses.trn").write_text(transcripts.write_trn(hypotheses))
    measured = figures(evaluation, parted)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n")
    return summary(evaluation, folder)


def gathered(places: Sequence[Path], name: str) -> dict[str, list[str]]:
    """Return the transcripts of all folds together."""
    found: dict[str, list[str]] = {}
    for place in places:
        path = place / name
        found |= transcripts.read_trn(path.read_text(), str(path))
    return found


def figures(evaluation: Evaluation, parted: Sequence[Fold]) -> dict[str, Any]:
    """Return every figure as plain data."""
    return {
        "per": {name: one.figures() for name, one in evaluation.scores.items()},
        "headline": HEADLINE,
        "speakers": {name: one.figures() for name, one in evaluation.groups["speaker"].items()},
        "folds": [{"dev": list(fold.dev), "test": list(fold.test)} for fold in parted],
    }


def summary(evaluation: Evaluation, folder: Path) -> str:
    """Return the lines that a run ends with."""
    whole, others = evaluation.headline, evaluation.groups["speaker"]
    counts = whole.counts
    return "\n".join(
        [
            f"PER ({HEADLINE})     {percent(whole.rate)}  {interval_words(whole.figures())}",
            f"errors          {counts.substitutions} substitutions, {counts.deletions} deletions, "
            f"{counts.insertions} insertions of {counts.reference} reference tokens",
            *(speaker_line(name, one) for name, one in others.items()),
            f"folds           {folder}/fold-*",
        ]
    )


def speaker_line(name: str, one: Score) -> str:
    """Return a speaker's line of the summary."""
    return f"{name:<15} {percent(one.rate)} of {one.counts.reference}"
