"""What a YAML file of `conf/` may hold, checked before Hydra reads it.

A file may come from a stranger: an experiment from a forum, a model's settings from a colleague. It holds plain values.
YAML can also name Python objects (tags), repeat itself exponentially (aliases), reach into Hydra's own settings, which
name classes to be called (`hydra.launcher`, log handlers), pull in files from elsewhere (defaults lists), and ask for
environment variables (interpolations); all that is refused. Only a recipe's own file `conf/NAME.yaml` sets Hydra up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from speechcnn.arguments import SettingsError, shown

MOST_FILE_BYTES = 2**16
MOST_VALUES = 5000
MOST_DEPTH = 12
LONGEST_TEXT = 1000
MOST_REFERENCES = 8  # each can at most double what the one before it made
_REFERENCE = re.compile(r"\$\{(now:[^${}]*|(?!hydra\b)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*|hydra\.job\.num)\}")
_RESERVED = re.compile(r"_\w+_")  # _target_, _recursive_, _partial_ ...
_GROUP = re.compile(r"((override|optional) )?/?[a-z_]+")
_OPTION = re.compile(r"[A-Za-z0-9_-]+")
_PACKAGE = re.compile(r"^\s*#.*@package(.*)$", re.MULTILINE)
_HYDRA_KEYS = {"output_subdir", "run", "sweep", "job"}
_HYDRA_DEFAULTS = {"override hydra/job_logging", "override hydra/hydra_logging"}


def check_folder(folder: Path) -> None:
    """Check every YAML file of a configuration folder.

    Raises:
        SettingsError: a file holds more than plain values; the sentence names it.
    """
    for path in sorted(folder.rglob("*.yaml")):
        try:
            check_file(path, own=path.parent == folder)
        except (ValueError, OSError, yaml.YAMLError) as error:
            raise SettingsError(f"{path}: {' '.join(str(error).split())[:500]}") from error


def check_file(path: Path, own: bool) -> None:
    """Check one file; `own` says that it is a recipe's, which may set Hydra up and use references.

    Raises:
        ValueError: the file holds what it must not.
    """
    if not path.is_file() or path.stat().st_size > MOST_FILE_BYTES:
        raise ValueError(f"a configuration is a file of up to {MOST_FILE_BYTES} bytes")
    text = path.read_text(encoding="utf-8")
    packages = {package.strip() for package in _PACKAGE.findall(text)}
    if packages - {"_global_"}:
        raise ValueError(f"only # @package _global_ is taken, got {', '.join(sorted(packages))}")
    check_references(" ".join(_texts(text)), MOST_REFERENCES if own else 0)
    content = yaml.safe_load(text) or {}
    if not isinstance(content, Mapping):
        raise ValueError("a configuration must hold keys with values")
    _check_defaults(content.get("defaults", []), own)
    _check_hydra(content, own)


def check_references(text: str, most: int) -> None:
    """Refuse interpolations other than `${now:FORMAT}` and `${key}`, and more than `most` of them.

    Raises:
        ValueError: another interpolation, or too many.
    """
    if text.count("${") > len(_REFERENCE.findall(text)):
        found = text[_first_other(text) :][:60]
        raise ValueError(f"only ${{now:FORMAT}} and ${{key}} are taken as references, got {found}")
    if text.count("${") > most:
        raise ValueError(f"at most {most} references ${{...}} are taken here, got {text.count('${')}")


def _first_other(text: str) -> int:
    good = {match.start() for match in _REFERENCE.finditer(text)}
    return next(match.start() for match in re.finditer(r"\$\{", text) if match.start() not in good)


def _texts(text: str) -> Iterator[str]:
    """Every scalar of the file, while counting what the parser meets; nothing is built."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if number > MOST_VALUES or depth > MOST_DEPTH:
            raise ValueError(f"at most {MOST_VALUES} values are taken, nested up to {MOST_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("anchors and aliases (& and *) are not taken; write the values out")
        if getattr(event, "tag", None):
            raise ValueError(f"tags are not taken, got {event.tag[:60]}")
        if isinstance(event, yaml.ScalarEvent):
            yield _checked(event.value)


def _checked(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a value may have {LONGEST_TEXT} characters, got {shown(text)}")
    if _RESERVED.fullmatch(text) and text != "_self_":
        raise ValueError(f"{text} is not taken: a configuration names no code")
    return text


def _check_defaults(entries: Any, own: bool) -> None:
    if not isinstance(entries, list):
        raise ValueError("defaults must be a list")
    for entry in entries:
        pairs = entry.items() if isinstance(entry, Mapping) else [("", entry)]
        for key, options in pairs:
            known = _GROUP.fullmatch(str(key)) or not key or (own and key in _HYDRA_DEFAULTS)
            listed = options if isinstance(options, list) else [options]
            if not known or not all(option is None or _OPTION.fullmatch(str(option)) for option in listed):
                raise ValueError(f"defaults may name groups and options of conf/, got {shown(entry)}")


def _check_hydra(content: Mapping[Any, Any], own: bool) -> None:
    named = {str(key) for key in content if re.split(r"[/.]", str(key))[0] == "hydra"}
    ours = content.get("hydra", {})
    job = ours.get("job", {}) if isinstance(ours, Mapping) else None
    fitting = own and isinstance(job, Mapping) and ours.keys() <= _HYDRA_KEYS and job.keys() <= {"chdir"}
    if named and not (fitting and named == {"hydra"}):
        raise ValueError("Hydra's own settings (hydra: ...) cannot be changed here")
