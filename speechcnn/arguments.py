"""Builds things by name from plain settings: a table (name -> class) and a signature are all that a config can reach.

A configuration or a model file holds `{"name": "cnn_dnn", "pool": 6}`; this module looks the name up, checks each
key and value against the constructor's signature and calls it. Nothing is imported by name, so settings cannot run
code.
"""

from __future__ import annotations

import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LONGEST_SHOWN = 200  # characters of a key or a value in a message
MOST_ITEMS = 10_000  # of a list; a longer one is a mistake or an attack

Table = Mapping[str, Callable[..., Any]]


class SettingsError(ValueError):
    """A setting that cannot be used; the sentence names the key, the rule, what came and what is known."""


def construct(where: str, target: Table | Callable[..., Any], settings: Mapping[str, Any], **derived: Any) -> Any:
    """Call the class that `settings` describes.

    Args:
        where: the dotted place of the settings, for messages ("model").
        target: one class, or a table of them from which `settings["name"]` chooses.
        settings: keyword arguments; with a table, also `name`.
        derived: arguments that follow from data (`n_classes`); settings may not give them. Those that the constructor
            does not take are left out.

    Raises:
        SettingsError: an unknown name or key, a derived key, or a value that the constructor refuses.
    """
    check_type(where, settings, Mapping)
    settings = dict(settings)
    builder = choose(where, target, settings)
    known = signature_of(builder)
    check_keys(where, settings, [key for key in known if key not in derived])
    for key, value in settings.items():
        check_type(f"{where}.{key}", value, known[key])
    try:
        return builder(**settings, **{key: value for key, value in derived.items() if key in known})
    except SettingsError:
        raise
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise SettingsError(f"{where}: {error}") from error


def choose(where: str, target: Table | Callable[..., Any], settings: dict[str, Any]) -> Callable[..., Any]:
    """Return the class meant by `settings`, taking its `name` out when `target` is a table."""
    if not isinstance(target, Mapping):
        return target
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in target:
        raise SettingsError(f"{where}.name must be one of {', '.join(sorted(target))}; got {shown(name)}.")
    return target[name]


def signature_of(builder: Callable[..., Any]) -> dict[str, Any]:
    """Return the names of the builder's parameters with their type hints, in order."""
    function = builder.__init__ if inspect.isclass(builder) else builder
    hints = typing.get_type_hints(function)
    return {name: hints.get(name, Any) for name in inspect.signature(builder).parameters}


def check_keys(where: str, given: Mapping[str, Any] | Sequence[str], known: Sequence[str]) -> None:
    """Raise a SettingsError that names each key of `given` that is not in `known`, and the nearest known one."""
    for key in given:
        if key not in known:
            short = str(key)[:LONGEST_SHOWN]
            near = difflib.get_close_matches(short, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            place = f"{where}.{short}" if where else short
            raise SettingsError(f"{place} is not known.{hint} Known here: {', '.join(known)}.")


def check_type(place: str, value: Any, hint: Any) -> None:
    """Raise a SettingsError when `value` cannot be meant by the type hint."""
    if not fits(value, hint):
        number = isinstance(value, int | float) and not representable(value)
        rule = "a finite number of at most 64 bits" if number else describe(hint)
        raise SettingsError(f"{place} must be {rule}; got {shown(value)}.")


def shown(value: Any) -> str:
    """Return a value as a message shows it: cut, where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def representable(value: float) -> bool:
    """Say whether a number is finite, and fits into 64 bits if it is whole."""
    return -(2**63) <= value < 2**63 if isinstance(value, int) else math.isfinite(value)


def fits(value: Any, hint: Any) -> bool:
    """Say whether a plain value (number, text, list, mapping, None) is of the hinted type; an int is a float too."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in inner)
    if origin is typing.Literal:
        return value in inner
    if isinstance(origin, type) and issubclass(origin, Sequence):
        few = isinstance(value, list | tuple) and len(value) <= MOST_ITEMS
        return few and all(fits(item, inner[0]) for item in value)
    if isinstance(value, bool):
        return hint is bool
    if isinstance(value, int | float) and not representable(value):
        return False
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, origin or hint)


def describe(hint: Any) -> str:
    """Return a type hint in words for a message."""
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe(part) for part in typing.get_args(hint))
    if hint in (type(None), Mapping):
        return "null" if hint is not Mapping else "keys with values"
    return str(hint) if typing.get_args(hint) else getattr(hint, "__name__", str(hint))
