"""What the command line may say to Hydra: known options, and `key=value` of bounded size.

Hydra's options can also load a pickle (`--experimental-rerun`) and read configurations from anywhere (`--config-dir`),
and its own settings name classes that it calls, so only those listed here are passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from speechcnn.arguments import LONGEST_SHOWN, SettingsError
from speechcnn.configuration.files import MOST_DEPTH, MOST_REFERENCES, check_references

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

OPTIONS = ("--multirun", "-m", "--help", "-h", "--version", "--cfg=job", "--resolve")
LAUNCHERS = ("basic", "joblib", "submitit_local", "submitit_slurm")
HYDRA_NUMBERS = tuple(
    f"hydra.launcher.{name}"
    for name in ("n_jobs", "timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "nodes", "array_parallelism")
)
HYDRA_NAMES = ("hydra.launcher.partition", "hydra.launcher.qos", "hydra.launcher.account")
MOST_CHARACTERS = 8000  # of all overrides; Hydra's parser takes about a millisecond for each
MOST_JOBS = 10_000
_PLAIN_NAME = re.compile(r"[\w-]{1,60}")


def check_options(words: Sequence[str]) -> None:
    """Raise a SettingsError when an option is none of those that are passed on to Hydra."""
    for word in words:
        if word not in OPTIONS:
            raise SettingsError(f"{word[:LONGEST_SHOWN]} is not taken here. Known options: {', '.join(OPTIONS)}.")


def check_sizes(overrides: Sequence[str]) -> None:
    """Raise a SettingsError when overrides are too long, nested too deep, delete a setting or refer to too much."""
    if sum(map(len, overrides)) > MOST_CHARACTERS:
        raise SettingsError(f"{overrides[0][:LONGEST_SHOWN]} ...: overrides may have {MOST_CHARACTERS} characters.")
    for word in overrides:
        if word.startswith("~"):
            raise SettingsError(f"{word[:LONGEST_SHOWN]}: a setting can be changed, not deleted.")
        if max(map(word.count, "[{(")) > MOST_DEPTH:
            raise SettingsError(f"{word[:LONGEST_SHOWN]} may have {MOST_DEPTH} brackets of a kind.")
    try:  # Hydra takes backslashes out, so that $\{ becomes ${
        check_references(" ".join(overrides).replace("\\", ""), MOST_REFERENCES)
    except ValueError as error:
        referring = " ".join(word for word in overrides if "$" in word)
        raise SettingsError(f"{referring[:LONGEST_SHOWN]}: {error}.") from error


def parse(override: str) -> Override:
    """Return what Hydra understands an override to mean.

    Raises:
        SettingsError: Hydra cannot read it, it deletes or moves a setting, or it starts too many jobs.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(override)
    except (HydraException, RecursionError, ArithmeticError) as error:
        reason = (str(error).splitlines() or ["nested too deep"])[0]
        raise SettingsError(
            f"{override[:LONGEST_SHOWN]} cannot be read: {reason}. Quote a text that holds signs: key='text'."
        ) from error
    if parsed.package is not None:
        raise SettingsError(f"{override[:LONGEST_SHOWN]}: a setting can be changed, not moved (@).")
    if n_jobs(parsed) > MOST_JOBS:
        raise SettingsError(f"{override[:LONGEST_SHOWN]} asks for more than {MOST_JOBS} jobs.")
    return parsed


def n_jobs(parsed: Override) -> float:
    """Return how many values an override sweeps over; 1 when it is no sweep. Nothing is listed to find out."""
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

    value = parsed.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if not isinstance(value, RangeSweep) or value.start is None or value.stop is None:
        return 1
    steps = abs(value.stop - value.start) / abs(value.step) if value.step else math.inf
    return steps if math.isfinite(steps) else math.inf


def check_hydra(override: str) -> None:
    """Raise a SettingsError unless the override chooses a known launcher or gives it a number or a plain name."""
    parsed = parse(override)
    key, value = parsed.key_or_group, parsed.value()
    number = key in HYDRA_NUMBERS and isinstance(value, int) and not isinstance(value, bool)
    name = key in HYDRA_NAMES and isinstance(value, str) and _PLAIN_NAME.fullmatch(value)
    launcher = key == "hydra/launcher" and value in LAUNCHERS
    if not (number or name or launcher):
        raise SettingsError(
            f"{override[:LONGEST_SHOWN]} is not taken. Of Hydra's own settings these can be changed: "
            f"hydra/launcher ({', '.join(LAUNCHERS)}), {', '.join(HYDRA_NUMBERS + HYDRA_NAMES)}."
        )
