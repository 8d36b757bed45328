"""Recordings that a command was given, in files and folders: worked on one by one, all bad ones told at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechcnn import progress
from speechcnn.audio import STREAM_LIMITS, AudioError, info, sniff
from speechcnn.corpora.timit_tree import without_audio_suffix
from speechcnn.labels import Segment

UNREAD = (".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".au")  # endings of sound that is not read here
Report = Callable[[float], None]  # how many seconds of a recording are done


@dataclass(frozen=True)
class Recording:
    """A sound file, and the name that its results go by: its place below the folder it was found in, without ending."""

    path: Path
    name: str


def find(paths: Sequence[Path]) -> list[Recording]:
    """Return the files given and, sorted, all sound files in the folders given, by name or by content, at any depth.

    Raises:
        FileNotFoundError: a folder holds no sound file.
    """
    found = []
    for path in paths:
        own = [Recording(one, _name(one, path)) for one in _sound_files(path)] if path.is_dir() else None
        if own == []:
            raise FileNotFoundError(f"{path}: the folder holds no sound file")
        found += [Recording(path, path.stem)] if own is None else own
    return found


def each(
    recordings: Sequence[Recording], title: str, work: Callable[[Recording, Report], Sequence[Segment]]
) -> Iterator[tuple[Recording, Sequence[Segment]]]:
    """Give out what `work` makes of each recording; those that cannot be done are passed over and told at the end.

    Raises:
        ValueError: some could not be done, after all others have been; the sentence lists them.
    """
    faults: list[str] = []
    seconds = {one: _seconds(one, faults) for one in recordings}
    total = sum(seconds.values())
    done = 0.0
    with progress.bar(title) as update:
        for one in recordings:
            if seconds[one] == 0:
                continue
            try:
                found = work(one, lambda own, before=done: update(before + own, total))  # type: ignore[misc]
            except (ValueError, OSError) as error:
                faults.append(_told(one, error))
            else:
                yield one, found
            done += seconds[one]
            update(done, total)
    if faults:
        head = [f"{len(faults)} of {len(recordings)} recordings could not be done:"] if len(recordings) > 1 else []
        raise ValueError("\n".join([*head, *faults]))


def _seconds(one: Recording, faults: list[str]) -> float:
    try:
        return info(one.path, STREAM_LIMITS).seconds
    except (ValueError, OSError) as error:
        faults.append(_told(one, error))
        return 0.0


def _told(one: Recording, error: Exception) -> str:
    said = str(error)
    return said if said.startswith(str(one.path)) else f"{one.path}: {said}"


def _sound_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if _is_sound(path))


def _is_sound(path: Path) -> bool:
    """Whether it is one or claims to be one: what claims it wrongly is a fault to be told."""
    if without_audio_suffix(path.name) != path.name or path.suffix.lower() in UNREAD:
        return True
    try:
        return bool(sniff(path))
    except (AudioError, OSError):
        return False


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def warn(sentence: str) -> None:
    """Tell the user something that stops nothing."""
    sys.stderr.write(f"speechcnn: {sentence}\n")
