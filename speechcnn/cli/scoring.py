"""What `speechcnn score` does: reads transcripts, matches utterances, counts under every convention, tests."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from speechcnn import transcripts
from speechcnn.cli.score_groups import Groups, groups, part_ids
from speechcnn.corpora.timit_ids import common_ids
from speechcnn.experiments.token_note import token_note
from speechcnn.labels import timit_phones
from speechcnn.metrics import (
    AS_WRITTEN,
    CONVENTIONS,
    Convention,
    Evaluation,
    LabelError,
    PairedTests,
    compare,
    evaluate,
    mapped,
    matched_pairs,
    phone_set,
    read_phone_map,
)

SETS = ("61", "48", "39")
FEW_SEGMENTS = 50  # below so many, the normal distribution of the matched-pairs test is a rough guess


@dataclass(frozen=True)
class Side:
    """Transcripts of one file or folder, by names that can be compared with another's."""

    path: Path
    labels: dict[str, list[str]]
    ids: dict[str, str]  # name by the id that the file gave

    @property
    def single(self) -> bool:
        """Whether this is one utterance in a file of its own, so that its name is no id."""
        return self.path.is_file() and self.path.suffix.lower() in (".phn", ".textgrid")


@dataclass(frozen=True)
class Scored:
    """All that the command prints."""

    reference: Side
    systems: list[tuple[Side, Evaluation]]  # the first, and the second where one was given
    tests: dict[str, PairedTests]  # by convention, empty without a second system
    notes: list[str]


def run(arguments: argparse.Namespace) -> Scored:
    """Score as the command's arguments ask.

    Raises:
        ValueError: transcripts that cannot be read, matched or scored; every fault is listed.
        FileNotFoundError: a file that is not there.
    """
    notes: list[str] = []
    reference = _reference(arguments)
    paths = [path for path in (arguments.hypothesis, arguments.against) if path]
    systems = [_system(read_side(path, arguments.tier), reference, arguments.missing, notes) for path in paths]
    reference, systems, conventions = _prepared(reference, systems, arguments.map, notes)
    kinds = groups(reference.ids, arguments.corpus, arguments.speakers)
    speakers = kinds.get("speaker")
    draws = {"resamples": arguments.resamples, "seed": arguments.seed}
    try:
        scored = [evaluate(reference.labels, one.labels, conventions, speakers, kinds, **draws) for one in systems]
    except LabelError as error:
        raise ValueError(f"{error}\n--map FILE maps labels to phones, --map none compares them as written") from None
    tests = {}
    if arguments.against:
        tests = _tests(reference, systems, scored, conventions, speakers, draws)
    notes += [*_few(tests), *_token_notes(reference, kinds, scored[0]), *_remarks(reference, systems, speakers)]
    return Scored(reference, list(zip(systems, scored, strict=True)), tests, notes)


def read_side(path: Path, tier: str = "") -> Side:
    """Read a file or folder; ValueError or FileNotFoundError where that fails."""
    labels = transcripts.read_labels(path, tier)
    try:
        ids = common_ids(labels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Side(path, {ids[name]: own for name, own in labels.items()}, ids)


def _reference(arguments: argparse.Namespace) -> Side:
    side = read_side(arguments.reference, arguments.tier)
    if not side.labels:
        raise ValueError(f"{side.path}: no reference in it")
    if not arguments.part:
        return side
    wanted = part_ids(arguments.corpus or arguments.reference, arguments.part)
    labels = {name: own for name, own in side.labels.items() if name in wanted}
    if not labels:
        raise ValueError(f"{side.path}: none of the {len(side.labels)} references is in part {arguments.part}")
    return replace(side, labels=labels, ids={one: name for one, name in side.ids.items() if name in labels})


def _system(side: Side, reference: Side, missing: str, notes: list[str]) -> Side:
    """Hypotheses in the order of the references, one for each; or the error that lists all that do not match."""
    if side.single and reference.single:
        side = replace(side, labels=dict(zip(reference.labels, side.labels.values(), strict=True)))
    lost = [name for name in reference.labels if name not in side.labels]
    extra = [name for name in side.labels if name not in reference.labels]
    if extra or (lost and missing == "error"):
        raise ValueError(_mismatch(side, reference, lost, extra))
    if lost:
        notes.append(f"{side.path}: {len(lost)} utterances without a hypothesis count as deletions: {', '.join(lost)}")
    return replace(side, labels={name: side.labels.get(name, []) for name in reference.labels})


def _mismatch(side: Side, reference: Side, lost: list[str], extra: list[str]) -> str:
    told = [f"{side.path} and {reference.path} must hold the same utterances"]
    if lost:
        told.append(f"{len(lost)} have no hypothesis (--missing deletions counts them as deleted): {', '.join(lost)}")
    if extra:
        told.append(f"{len(extra)} have no reference: {', '.join(extra)}")
    return "\n".join(told)


def _prepared(
    reference: Side, systems: list[Side], option: str, notes: list[str]
) -> tuple[Side, list[Side], list[Convention]]:
    """The sides with labels mapped as asked, and the conventions that fit them."""
    if option == "none":
        return reference, systems, [AS_WRITTEN]
    if option not in ("auto", *SETS):
        table = read_phone_map(_map_text(option), option)
        reference, *systems = [replace(one, labels=mapped(one.labels, table)) for one in (reference, *systems)]
        if phone_set(filter(None, table.values())) is None:
            notes.append(f"{option} maps to labels that are no TIMIT phones: they are compared as they are written")
            return reference, systems, [AS_WRITTEN]
    sizes = [phone_set(_met(reference)), *(_size(one, option) for one in systems)]
    return reference, systems, _fitting(sizes, notes)


def _map_text(option: str) -> str:
    path = Path(option)
    if not path.is_file():
        raise FileNotFoundError(f"--map must be auto, {', '.join(SETS)}, none or a file, there is no file {option}")
    return path.read_text(encoding="utf-8")


def _size(system: Side, option: str) -> int | None:
    if option not in SETS:
        return phone_set(_met(system))
    size = int(option)
    known = {*timit_phones(size)} | ({"sil"} if size == 61 else set())
    odd = sorted(label for label in _met(system) if label.lower() not in known)
    if odd:
        raise ValueError(f"{system.path}: --map {size} asks for the {size} phones, these are none: {', '.join(odd)}")
    return size


def _fitting(sizes: list[int | None], notes: list[str]) -> list[Convention]:
    shown = ["of no one set" if size is None else f"in {size} phones" for size in sizes]
    notes.append(f"references {shown[0]}, hypotheses {' and '.join(dict.fromkeys(shown[1:]))}")
    if set(sizes) == {61}:
        return list(CONVENTIONS.values())
    notes.append("convention 61 is left out: it needs references and hypotheses in 61 phones")
    return [one for one in CONVENTIONS.values() if one.name != "61"]


def _met(side: Side) -> set[str]:
    return {label for own in side.labels.values() for label in own}


def _tests(
    reference: Side,
    systems: list[Side],
    scored: list[Evaluation],
    conventions: Iterable[Convention],
    speakers: Mapping[str, str] | None,
    draws: Mapping[str, int],
) -> dict[str, PairedTests]:
    first, second = scored
    return {
        rule.name: PairedTests(
            compare(first.scores[rule.name], second.scores[rule.name], speakers, **draws),
            matched_pairs(reference.labels, systems[0].labels, systems[1].labels, rule),
        )
        for rule in conventions
    }


def _few(tests: Mapping[str, PairedTests]) -> list[str]:
    sizes = [one.segments.segments for one in tests.values()]
    if not sizes or min(sizes) >= FEW_SEGMENTS:
        return []
    return [f"MAPSSWE rests on {min(sizes)} segments: below about {FEW_SEGMENTS}, trust the bootstrap rather"]


def _token_notes(reference: Side, kinds: Groups, evaluation: Evaluation) -> list[str]:
    if evaluation.headline.convention == AS_WRITTEN.name:
        return []
    tokens = {name: one.counts.reference for name, one in evaluation.scores.items()}
    return [token_note(reference.labels, kinds.get("speaker", {}).values(), tokens)]


def _remarks(reference: Side, systems: list[Side], speakers: Mapping[str, str] | None) -> list[str]:
    """What a reader of the figures ought to know."""
    n = len(set(speakers.values())) if speakers else 0
    over = f"{n} speaker{'s' * (n != 1)}, then their utterances" if n else "utterances"
    told = [f"intervals: 95 %, bootstrap over {over}"]
    if speakers is None:
        told.append("not all speakers are known: the ids do not tell them, --corpus or --speakers can")
    for side in (reference, *systems):
        empty = [name for name, labels in side.labels.items() if not labels]
        if empty:
            told.append(f"{side.path}: empty transcripts ({len(empty)}): {', '.join(empty)}")
    return told
