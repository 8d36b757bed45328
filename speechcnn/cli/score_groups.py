"""Who spoke an utterance, and what groups it belongs to: from its id, from a corpus, from a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from speechcnn.corpora.timit_ids import common_ids, named_set, timit_id
from speechcnn.corpora.timit_split import core_dialects, split
from speechcnn.corpora.timit_tree import Entry, scan

UNKNOWN = "(unknown)"
Groups = dict[str, dict[str, str]]  # kind (speaker, sex, dialect ...) -> utterance -> group


def groups(ids: Mapping[str, str], corpus: Path | None = None, table: Path | None = None) -> Groups:
    """Groups of utterances by kind; `ids` holds the name of each utterance by the id that its file gave it.

    A table overrides a corpus and a corpus the ids. Kinds that nothing tells are left out; utterances whose group is
    not told while others' is are UNKNOWN, but `speaker` is left out as soon as one is not known.

    Raises:
        ValueError: no corpus at `corpus` or none of these utterances in it, or faults of the table.
        FileNotFoundError: no table there.
    """
    names = set(ids.values())
    found: Groups = {"dialect": {}, "sex": {}, "speaker": {}}
    _merge(found, _from_ids(ids))
    if corpus:
        _merge(found, _from_corpus(corpus, names))
    if table:
        _merge(found, _from_table(table, names, found["speaker"]))
    if not found["dialect"] and named_set(found["speaker"].values()) == "core":
        found["dialect"] = {name: core_dialects()[speaker.upper()] for name, speaker in found["speaker"].items()}
    if len(found["speaker"]) < len(names):
        del found["speaker"]
    return {kind: {name: own.get(name, UNKNOWN) for name in names} for kind, own in found.items() if own}


def part_ids(corpus: Path, part: str) -> set[str]:
    """Ids of the utterances of one part of a corpus, parted as `corpora.timit.read` does.

    Raises:
        ValueError: no corpus there, or too few speakers to part.
    """
    found = entries(corpus)
    parted = split(found)
    return {entry.id for entry in found if parted.part_of(entry) == part}


def entries(corpus: Path) -> list[Entry]:
    """Everything in a TIMIT-style tree; ValueError where there is none."""
    found = scan(corpus)
    if not found:
        raise ValueError(f"{corpus}: no TIMIT-style corpus; it must have folders train/ and test/ with speakers below")
    return found


def _merge(found: Groups, more: Groups) -> None:
    for kind, own in more.items():
        found.setdefault(kind, {}).update({name: group for name, group in own.items() if group})


def _from_ids(ids: Mapping[str, str]) -> Groups:
    known = {name: parts for original, name in ids.items() if (parts := timit_id(original))}
    return {
        "dialect": {name: parts.dialect for name, parts in known.items()},
        "sex": {name: parts.sex for name, parts in known.items()},
        "speaker": {name: parts.speaker for name, parts in known.items()},
    }


def _from_corpus(corpus: Path, names: Iterable[str]) -> Groups:
    known = [entry for entry in entries(corpus) if entry.id in names]
    if not known:
        raise ValueError(f"{corpus}: none of the references stands in this corpus")
    return {
        "dialect": {entry.id: entry.dialect for entry in known},
        "speaker": {entry.id: entry.speaker for entry in known},
    }


def _from_table(path: Path, names: Iterable[str], speakers: Mapping[str, str]) -> Groups:
    """Every column but the key is a kind of group; the key is `utterance` where it stands there, else `speaker`."""
    header, rows = _rows(path)
    key = next((column for column in ("utterance", "speaker") if column in header), "")
    if not key:
        raise ValueError(f"{path}: the first line must name a column utterance or speaker, got {', '.join(header)}")
    found = [row[key] for row in rows]
    common = common_ids(found) if key == "utterance" else {name: name.upper() for name in found}
    by_key = {common[row[key]]: row for row in rows}
    if len(by_key) < len(rows):
        raise ValueError(f"{path}: every {key} must stand once, {len(rows) - len(by_key)} lines repeat one")
    known = {name: by_key.get(name if key == "utterance" else speakers.get(name, "")) for name in names}
    if not any(known.values()):
        raise ValueError(f"{path}: no {key} in it is one of the references'")
    kinds = [column for column in header if column != key]
    return {kind: {name: row[kind] for name, row in known.items() if row} for kind in kinds}


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    reader = csv.DictReader(lines, delimiter="\t", restkey="", restval="", quoting=csv.QUOTE_NONE)
    header = list(reader.fieldnames or [])
    rows = [{name: row[name].strip() for name in header} for row in reader]
    return header, rows
