"""The classification experiment: a corpus of clips in, accuracy over its folds and a model file out.

Corpus -> leak audit -> for each fold a classifier that has not heard it -> accuracy by fold, mean and standard
deviation, confusions, calibration, curves -> one classifier of all clips, kept as the model file. Everything of a run
lies in its folder; a run that was stopped goes on when its folder is given again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from speechcnn import locks, progress
from speechcnn.arguments import SettingsError, Table, check_keys, construct
from speechcnn.classifier import AudioClassifier, Ensemble
from speechcnn.corpora import CorpusError, Fault, folders, leaks, scenes
from speechcnn.corpora.clips import Clip, ClipSet, check_classes
from speechcnn.experiments import run_folder
from speechcnn.experiments import settings as settings_of
from speechcnn.experiments.classify_results import FoldResult, Outcome, write_results

NAME = "classify"


@dataclass(frozen=True)
class ClipsSettings:
    """Which corpus: a folder or table at `root`, or, without a root, one that is made; how it is divided.

    Args:
        root: a folder per class, ESC-50's or UrbanSound8K's layout, or a table in CSV.
        per_class: clips of each class of the made corpus.
        seconds: of each clip of the made corpus.
        seed: of the made corpus, and of folds that are drawn.
        n_folds: drawn where the corpus has none of its own.
        test_folds: the folds to be tested on; none given: all in turn.
        audit: whether leaks are looked for.
    """

    root: str | None
    per_class: int = 40
    seconds: float = 3.0
    seed: int = 0
    n_folds: int = 5
    test_folds: Sequence[str | int] = ()
    audit: bool = True

    def __post_init__(self) -> None:
        if self.seed < 0 or self.per_class < 1:
            raise ValueError(f"seed must be at least 0 and per_class at least 1; got {self.seed} and {self.per_class}.")


PARTS: Mapping[str, Table | Callable[..., Any]] = {
    "corpus": ClipsSettings,
    "classifier": AudioClassifier,
}
DERIVED: Sequence[str] = ("folder", "seed", "rate", "progress")
FAILURES: tuple[type[Exception], ...] = (*settings_of.FAILURES, scenes.SceneError, ValueError)
TOP: Mapping[str, Any] = {"seed": int, "folder": str, "threads": int | None, "keep_model": bool, "members": int}
MOST_MEMBERS = 100


def run(settings: dict[str, Any]) -> str:
    """Run the experiment and return its summary."""
    settings_of.check_top(settings, PARTS, TOP)
    if settings["threads"] is not None and settings["threads"] < 1:
        raise SettingsError(f"threads must be at least 1, or null; got {settings['threads']}.")
    if not 1 <= settings["members"] <= MOST_MEMBERS:
        raise SettingsError(f"members must be from 1 to {MOST_MEMBERS}; got {settings['members']}.")
    corpus_settings: ClipsSettings = construct("corpus", ClipsSettings, settings["corpus"])
    classifier = classifier_of(settings)
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    folder = Path(settings["folder"])
    with locks.hold(folder / run_folder.LOCK_FILE, f"the run folder {folder}"):
        run_folder.claim(folder, settings)
        return run_claimed(folder, settings, corpus_settings, classifier)


def classifier_of(settings: Mapping[str, Any]) -> AudioClassifier:
    """Return the classifier that the settings describe, not yet fitted."""
    given = dict(settings["classifier"])
    check_keys("classifier", given, [key for key in AudioClassifier().get_params() if key not in DERIVED])
    return construct("classifier", AudioClassifier, given, seed=settings["seed"], progress=True)


def run_claimed(
    folder: Path, settings: dict[str, Any], corpus_settings: ClipsSettings, classifier: AudioClassifier
) -> str:
    """Do everything in a folder that is ours."""
    started = time.perf_counter()
    corpus = open_corpus(corpus_settings)
    report = audited(corpus, corpus_settings)
    results = [
        tested(fold, corpus, seeded(classifier, settings["members"]), folder / "checkpoints" / f"fold-{fold}")
        for fold in folds_to_test(corpus, corpus_settings)
    ]
    kept = None
    if settings["keep_model"]:
        kept = fitted_on(list(corpus.clips), classifier, folder / "checkpoints" / "all")
    outcome = Outcome(corpus, results, report, kept, time.perf_counter() - started)
    return write_results(folder, settings, outcome)


def open_corpus(settings: ClipsSettings) -> ClipSet:
    """Read the corpus at the root; without a root, make one unless it is there already.

    Raises:
        CorpusError: no corpus, or clips that cannot be read; all of them are named.
    """
    if settings.root is None:
        root = Path("corpora") / f"sounds-{settings.per_class}-{settings.seconds:g}s-{settings.seed}"
        made = scenes.Clips(
            per_class=settings.per_class, folds=settings.n_folds, seconds=settings.seconds, seed=settings.seed
        )
        with progress.bar("making the corpus") as update:
            scenes.make_clips(root, made, progress=update)
    else:
        root = Path(settings.root)
    corpus = folders.read(root)
    if corpus.faults:
        raise CorpusError(unreadable(root, [*corpus.faults, *leaks.unreadable(corpus)]))
    check_classes([clip.labels for clip in corpus.clips])
    return corpus.with_folds(settings.n_folds, settings.seed)


def unreadable(root: Path | str, faults: Sequence[Fault]) -> list[str]:
    """Return a sentence about clips that cannot be read, and a line for each."""
    return [f"{root}: {len(faults)} files cannot be read; mend or remove them.", *map(str, faults)]


def audited(corpus: ClipSet, settings: ClipsSettings) -> leaks.LeakReport | None:
    """Look for leaks, if that is asked for.

    Raises:
        CorpusError: clips that cannot be read; all of them are named.
    """
    if not settings.audit:
        return None
    with progress.bar("leak audit") as update:
        report = leaks.audit(corpus, settings.seed, update)
    if report.faults:
        raise CorpusError(unreadable(settings.root or "the made corpus", report.faults))
    return report


def folds_to_test(corpus: ClipSet, settings: ClipsSettings) -> list[str]:
    """Return the folds to be tested on.

    Raises:
        SettingsError: a fold that the corpus has not.
    """
    wanted = [str(fold) for fold in settings.test_folds] or list(corpus.folds)
    unknown = [fold for fold in wanted if fold not in corpus.folds]
    if unknown:
        raise SettingsError(f"corpus.test_folds must be among {', '.join(corpus.folds)}; got {', '.join(unknown)}.")
    return wanted


def fitted_on(clips: Sequence[Clip], classifier: AudioClassifier, checkpoints: Path) -> AudioClassifier:
    """Return a classifier with these settings, fitted on clips."""
    from sklearn.base import clone

    fresh = clone(classifier).set_params(folder=checkpoints)
    return fresh.fit_clips(ClipSet(tuple(clips), "part"))


def seeded(classifier: AudioClassifier, members: int) -> list[AudioClassifier]:
    """Return classifiers that differ in their seeds alone."""
    from sklearn.base import clone

    return [clone(classifier).set_params(seed=classifier.seed + number) for number in range(members)]


def tested(fold: str, corpus: ClipSet, classifiers: Sequence[AudioClassifier], checkpoints: Path) -> FoldResult:
    """Train on the other folds and test the mean of the classifiers' probabilities on this one."""
    train = [clip for clip in corpus.clips if clip.fold != fold]
    test = [clip for clip in corpus.clips if clip.fold == fold]
    started = time.perf_counter()
    members = [fitted_on(train, one, checkpoints / f"seed-{one.seed}") for one in classifiers]
    return judged(fold, test, members, time.perf_counter() - started)


def judged(fold: str, clips: Sequence[Clip], members: Sequence[AudioClassifier], train_seconds: float) -> FoldResult:
    """Test the mean of fitted classifiers' probabilities on clips that none of them has heard."""
    first, started = members[0], time.perf_counter()
    probabilities = Ensemble(members).predict_proba([clip.path for clip in clips])
    classes = [str(name) for name in first.classes_.tolist()]
    return FoldResult(
        fold=fold,
        clips=tuple(clips),
        classes=tuple(classes),
        probabilities=probabilities,
        history=tuple(first.history_),
        temperature=first.network_.temperature,
        train_seconds=train_seconds,
        test_seconds=time.perf_counter() - started,
    )
