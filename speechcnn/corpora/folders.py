"""Readers of labelled clips: a folder per class, ESC-50 and ESC-10, UrbanSound8K, and tables in CSV.

`read` tells the layout by what stands in the folder. Nothing is decoded here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from speechcnn.audio import sniff
from speechcnn.corpora import CorpusError, Fault
from speechcnn.corpora.clips import Clip, ClipSet, sources_of

ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".sph")
# Names that a column of a table may have, the first that is there counts.
PATHS = ("path", "file", "filename", "file_name", "slice_file_name", "audio")
LABELS = ("labels", "label", "category", "class", "class_name", "target")
FOLDS = ("fold", "folds", "split")
SOURCES = ("source", "src_file", "group", "recording", "speaker", "fsid", "fsID")
SEPARATOR = ";"  # between the classes of one clip

Row = Mapping[str, str]


def read(root: str | Path) -> ClipSet:
    """Read a corpus of clips: the layout is told by what stands at `root`.

    Raises:
        CorpusError: no such place, no known layout, rows without a file or a label; every fault is listed.
    """
    root = Path(root)
    if root.is_file():
        return read_table(root)
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder or table.")
    for table, reader in _TABLES.items():
        if (root / table).is_file():
            return reader(root / table)
    return read_folders(root)


def read_folders(root: Path) -> ClipSet:
    """Read a folder per class; files below a class's sub-folder come from one source, as do pieces by their names.

    Raises:
        CorpusError: no class folders, or no sound in them.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    faults = _alien(folders)
    alien = {fault.path for fault in faults}
    found = {folder.name: [path for path in _sounds(folder) if path not in alien] for folder in folders}
    clips = [clip for label, files in found.items() for clip in _class_clips(root / label, label, files)]
    if not clips:
        if faults:
            raise CorpusError([f"{root}: no sound file can be read.", *map(str, faults)])
        known = ", ".join(_TABLES)
        raise CorpusError(f"{root}: no folders with sound files in them, one for each class, and none of {known}.")
    empty = [label for label, files in found.items() if not files]
    notes = (f"folders without sound files: {', '.join(empty)}",) if empty else ()
    return ClipSet(tuple(clips), "folder per class", notes, tuple(faults))


def read_esc(table: Path) -> ClipSet:
    """Read ESC-50 or ESC-10 by its table; a clip's source is the recording number in its name `fold-source-take-class`.

    Raises:
        CorpusError: a row lacks something, or names a file that is not there.
    """
    folder = table.parent / "audio" if (table.parent / "audio").is_dir() else table.parent
    if table.parent.name == "meta":
        folder = table.parent.parent / "audio"
    return _read_rows(table, "ESC", lambda row: folder / row["filename"], "category", _esc_source)


def read_urbansound8k(table: Path) -> ClipSet:
    """Read UrbanSound8K by its table; a clip's source is its Freesound recording.

    Raises:
        CorpusError: as `read_esc`.
    """
    root = table.parent.parent if table.parent.name == "metadata" else table.parent
    audio = root / "audio"
    return _read_rows(
        table, "UrbanSound8K", lambda row: audio / f"fold{row['fold']}" / row["slice_file_name"], "class",
        lambda row: row["fsID"],
    )  # fmt: skip


def read_table(table: Path) -> ClipSet:
    """Read a table in CSV or TSV with a header: a file and its classes in each row, and perhaps fold and source.

    Several classes of a clip are parted by semicolons. Paths are relative to the table.

    Raises:
        CorpusError: a column or a file is missing; every fault is listed.
    """
    columns = _columns(table)
    file, label = (_first(columns, names, table, what) for names, what in ((PATHS, "file"), (LABELS, "class")))
    source = next((name for name in SOURCES if name in columns), None)
    return _read_rows(
        table, "table", lambda row: table.parent / row[file], label,
        (lambda row: row[source]) if source else None,
    )  # fmt: skip


_TABLES: Mapping[str, Callable[[Path], ClipSet]] = {
    "meta/esc50.csv": read_esc,
    "metadata/UrbanSound8K.csv": read_urbansound8k,
    "UrbanSound8K.csv": read_urbansound8k,
    "esc50.csv": read_esc,
    "meta.csv": read_esc,
    "manifest.csv": read_table,
    "labels.csv": read_table,
}


def _read_rows(
    table: Path, layout: str, place: Callable[[Row], Path], label: str, source: Callable[[Row], str] | None
) -> ClipSet:
    faults: list[Fault] = []
    found: list[tuple[Path, tuple[str, ...], str, str]] = []
    fold = next((name for name in FOLDS if name in _columns(table)), None)
    for number, row in enumerate(_rows(table), 2):
        try:
            path = place(row)
            labels = tuple(dict.fromkeys(one.strip() for one in row[label].split(SEPARATOR) if one.strip()))
            found.append((path, labels, source(row) if source else "", row[fold].strip() if fold else ""))
        except (KeyError, AttributeError):
            faults.append(Fault(table, number, f"a row must hold every column of the header, got {_shown(row)}"))
            continue
        if not labels:
            faults.append(Fault(table, number, "a clip without a class"))
        if not path.is_file():
            faults.append(Fault(path, 0, f"no such file ({table.name}, line {number})"))
    if faults:
        raise CorpusError([f"{table}: {len(faults)} faults.", *map(str, faults)])
    if not found:
        raise CorpusError(f"{table}: no rows below the header.")
    sources = [one[2] for one in found] if source else _by_name(found)
    return ClipSet(
        tuple(Clip(path, labels, where, part) for (path, labels, _, part), where in zip(found, sources, strict=True)),
        layout,
    )


def _by_name(found: Sequence[tuple[Path, tuple[str, ...], str, str]]) -> list[str]:
    """The sources of clips by their file names, class by class."""
    sources = [""] * len(found)
    by_class: dict[tuple[str, ...], list[int]] = {}
    for number, one in enumerate(found):
        by_class.setdefault(one[1], []).append(number)
    for numbers in by_class.values():
        for number, source in zip(numbers, sources_of([found[n][0].stem for n in numbers]), strict=True):
            sources[number] = f"{found[number][0].parent}/{source}"
    return sources


def _class_clips(folder: Path, label: str, files: Sequence[Path]) -> list[Clip]:
    names = sources_of([file.stem for file in files])
    sub_folders = [file.relative_to(folder).parent.as_posix() for file in files]
    return [
        Clip(file, (label,), f"{label}/{name}" if sub == "." else f"{label}/{sub}/")
        for file, name, sub in zip(files, names, sub_folders, strict=True)
    ]


def _sounds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())


def _alien(folders: Iterable[Path]) -> list[Fault]:
    """Files with a sound's ending that are none, or of a format that is not read."""
    faults = []
    for folder in folders:
        for path in _sounds(folder):
            try:
                sniff(path)
            except (ValueError, OSError) as error:
                faults.append(Fault.of(path, error))
    return faults


def _esc_source(row: Row) -> str:
    parts = row["filename"].rsplit(".", 1)[0].split("-")
    return row.get("src_file") or (parts[1] if len(parts) == 4 else row["filename"])


def _columns(table: Path) -> list[str]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        return [name.strip() for name in next(csv.reader(file, _dialect(table)), [])]


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file, _columns(table), dialect=_dialect(table))
        next(lines, None)
        return list(lines)


def _dialect(table: Path) -> str:
    return "excel-tab" if table.suffix.lower() == ".tsv" else "excel"


def _first(columns: Sequence[str], names: Sequence[str], table: Path, what: str) -> str:
    for name in names:
        if name in columns:
            return name
    raise CorpusError(
        f"{table}: a column must name the {what} ({', '.join(names)}), the header has {', '.join(columns)}."
    )


def _shown(row: Mapping[str, str | None]) -> str:
    return ", ".join(f"{key}={value}" for key, value in list(row.items())[:6])
