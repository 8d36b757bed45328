"""Transcripts in files and folders; the ending tells the format.

``.trn``, ``.ctm`` and ``.json`` hold a whole set. ``.phn`` and ``.TextGrid`` hold one utterance, so a set is a folder
of them, at any depth; its utterance ids are the paths below the folder, without the ending.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from speechcnn.labels import Segment
from speechcnn.transcripts.columns import read_ctm, read_phn, read_trn, write_ctm, write_phn, write_trn
from speechcnn.transcripts.faults import TranscriptError, check_size
from speechcnn.transcripts.structured import read_json, read_json_labels, write_json
from speechcnn.transcripts.textgrid import read_textgrid, write_textgrid

SETS = (".trn", ".ctm", ".json")
SINGLES = (".phn", ".textgrid")


def read_labels(path: str | Path, tier: str = "") -> dict[str, list[str]]:
    """Labels by utterance id, of a file of any format or of a folder; `tier` is the tier of TextGrids.

    Raises:
        FileNotFoundError: nothing stands at `path`.
        TranscriptError: an unknown ending, a folder without transcripts or of two formats, or what does not fit its
            format; the faults of every file are listed.
    """
    place = Path(path)
    if _ending(place) == ".trn":
        return read_trn(_text(place), str(place))
    if _ending(place) == ".json":
        return read_json_labels(_text(place), str(place))
    return {name: [one.label for one in own] for name, own in read_segments(place, tier).items()}


def read_segments(path: str | Path, tier: str = "") -> dict[str, list[Segment]]:
    """Segments by utterance id, of a file of a format that has times, or of a folder.

    Raises:
        FileNotFoundError, TranscriptError: as in `read_labels`, and for ``.trn``, which has no times.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"{place}: no such file or folder")
    if place.is_dir():
        return _folder(place, tier)
    ending = _ending(place)
    if ending == ".ctm":
        return read_ctm(_text(place), str(place))
    if ending == ".json":
        return read_json(_text(place), str(place))
    if ending in SINGLES:
        return {place.stem: _single(place, tier)}
    if ending == ".trn":
        raise TranscriptError(f"{place}: a trn file has no times; give a ctm, JSON, phn or TextGrid")
    raise TranscriptError(f"{place}: the ending must be one of {_known()}")


def write_segments(path: str | Path, utterances: Mapping[str, Sequence[Segment]]) -> None:
    """Write utterances with times: ``.trn``, ``.ctm`` and ``.json`` as a file, else as a folder.

    The folder's name ends in ``.phn`` or ``.TextGrid``, which is then the format of the files in it, one an utterance.

    Raises:
        TranscriptError: another ending, or what the format cannot hold.
    """
    place = Path(path)
    if _ending(place) == ".trn":
        write_labels(place, {name: [one.label for one in own] for name, own in utterances.items()})
    elif _ending(place) in SINGLES:
        _write_folder(place, utterances)
    elif _ending(place) in SETS:
        write = write_ctm if _ending(place) == ".ctm" else write_json
        place.write_text(write(utterances), encoding="utf-8")
    else:
        raise TranscriptError(f"{place}: the ending must be one of {_known()}")


def write_labels(path: str | Path, utterances: Mapping[str, Sequence[str]]) -> None:
    """Write utterances without times, which only ``.trn`` can hold.

    Raises:
        TranscriptError: another ending, or what a trn file cannot hold.
    """
    place = Path(path)
    if _ending(place) != ".trn":
        raise TranscriptError(f"{place}: transcripts without times can be written as .trn only")
    place.write_text(write_trn(utterances), encoding="utf-8")


def _folder(folder: Path, tier: str) -> dict[str, list[Segment]]:
    found = sorted(path for path in folder.rglob("*") if _ending(path) in SINGLES and not path.name.startswith("."))
    endings = sorted({_ending(path) for path in found})
    if len(endings) != 1:
        met = f"files of both {' and '.join(endings)}" if endings else "none"
        raise TranscriptError(f"{folder}: a folder of transcripts must hold .phn or .TextGrid files, it holds {met}")
    read: dict[str, list[Segment]] = {}
    faults = []
    for path in found:
        try:
            read[path.relative_to(folder).with_suffix("").as_posix()] = _single(path, tier)
        except TranscriptError as error:
            faults.append(str(error))
    if faults:
        raise TranscriptError("\n".join(faults))
    return read


def _single(path: Path, tier: str) -> list[Segment]:
    read = read_phn if _ending(path) == ".phn" else partial(read_textgrid, tier=tier)
    return read(_text(path), str(path))


def _write_folder(folder: Path, utterances: Mapping[str, Sequence[Segment]]) -> None:
    write = write_phn if _ending(folder) == ".phn" else write_textgrid
    for name, segments in utterances.items():
        path = folder / f"{name}{folder.suffix}"
        if not path.resolve().is_relative_to(folder.resolve()):
            raise TranscriptError(f"utterance {name!r} would be written outside {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write(segments), encoding="utf-8")


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    check_size(path.stat().st_size // 4, str(path))  # at most four bytes a character
    content = path.read_bytes()
    # Praat writes UTF-16 as soon as a label needs more than Latin letters.
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TranscriptError(
            f"{path}: must be text in UTF-8 or UTF-16 ({error.reason} at byte {error.start})"
        ) from None


def _ending(path: Path) -> str:
    return path.suffix.lower()


def _known() -> str:
    return ", ".join((*SETS, ".phn", ".TextGrid"))
