"""The one room that knows Hydra: it composes a recipe's settings from `conf/` and the command line into plain data.

Hydra composes and never builds: what is built is looked up by name (see `speechcnn.arguments`). An override is checked
against the files of `conf/` and the constructors' signatures before anything runs. A value that a signature already
gives need not stand in any file: `model.dropout=0.5` works although `conf/` does not mention dropout.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from speechcnn.arguments import LONGEST_SHOWN, SettingsError, Table, check_keys, choose, signature_of
from speechcnn.configuration.files import check_folder
from speechcnn.configuration.overrides import check_hydra, check_options, check_sizes, parse

Parts = Mapping[str, Table | Callable[..., Any]]

EXIT_ERROR, EXIT_INTERRUPTED = 2, 130
RESOLVERS = (
    "oc.env", "oc.decode", "oc.create", "oc.deprecated", "oc.select", "oc.dict.keys", "oc.dict.values"
)  # fmt: skip


class Experiment(Protocol):
    """What a recipe runs."""

    NAME: str
    PARTS: Parts
    DERIVED: Sequence[str]
    FAILURES: tuple[type[Exception], ...]

    def run(self, settings: dict[str, Any]) -> str:
        """Run with resolved settings and return the summary to print."""


def conf_folder() -> Path:
    """Return the folder of configurations: the checkout's, or the one that the installed package carries."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "conf"
    return carried if carried.is_dir() else package.parent / "conf"


def launch(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run an experiment with the command line's overrides through Hydra, and print its summary.

    A failure that the user can mend ends with one sentence and exit status 2; under `--multirun` it is Hydra's to
    report.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import DictConfig, OmegaConf

    given = list(sys.argv[1:] if arguments is None else arguments)
    options = [word for word in given if word.startswith("-")]
    try:
        check_options(options)
        sys.argv[1:] = options + check_overrides(experiment, [word for word in given if not word.startswith("-")])
    except SettingsError as error:
        fail(error)

    @hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=experiment.NAME)
    def job(config: DictConfig) -> None:
        settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        sweeping = HydraConfig.get().mode == RunMode.MULTIRUN
        if sweeping:  # each job of a sweep has a folder of its own below the one that was given
            settings["folder"] = HydraConfig.get().runtime.output_dir
        try:
            sys.stdout.write(experiment.run(settings) + "\n")
        except experiment.FAILURES as error:
            if sweeping:
                raise
            fail(error)
        except KeyboardInterrupt:
            sys.stderr.write(f"speechcnn: stopped. Give folder={settings['folder']} to go on.\n")
            raise SystemExit(EXIT_INTERRUPTED) from None

    job()


def compose(experiment: Experiment, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the experiment's settings as plain data, after checking the overrides.

    Raises:
        SettingsError: an override names an unknown key or option, or cannot be read.
    """
    return plain(experiment.NAME, check_overrides(experiment, overrides))


def plain(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Compose and resolve the configuration file `name`."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    check_folder(conf_folder())
    forbid_resolvers()
    GlobalHydra.instance().clear()  # an experiment that Hydra runs may compose others; Hydra has done its part by then
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = hydra_compose(name, list(overrides))
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except (HydraException, OmegaConfBaseException, RecursionError, ValueError) as error:
        raise SettingsError(" ".join(str(error).split())) from error


def forbid_resolvers() -> None:
    """Take away what computes values in a configuration, the environment above all.

    `check_folder` and `check_sizes` refuse such interpolations already; this holds where they should miss one.
    """
    from omegaconf import OmegaConf

    for name in RESOLVERS:
        OmegaConf.clear_resolver(name)


def check_overrides(experiment: Experiment, overrides: Sequence[str]) -> list[str]:
    """Return the overrides in the form Hydra accepts, each key known to `conf/` or to a signature.

    Raises:
        SettingsError: an override names an unknown key or option, or cannot be read.
    """
    check_sizes(overrides)
    groups = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    choices = [word for word in overrides if key_of(word) in groups]
    for word in choices:
        check_option(word)
    # A sweep composes each choice in turn; the keys are checked against its first.
    settings = plain(experiment.NAME, [word.split(",")[0] for word in choices])
    return choices + [check_override(experiment, settings, word) for word in overrides if word not in choices]


def key_of(override: str) -> str:
    """Return what stands left of the equals sign, without Hydra's `+` and `~`."""
    return override.split("=", 1)[0].lstrip("+~")


def check_option(override: str) -> None:
    """Raise a SettingsError when a group has no such option."""
    group, _, options = override.partition("=")
    group = group.lstrip("+")
    known = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
    for option in options.split(","):
        if option not in known:
            raise SettingsError(
                f"{group[:LONGEST_SHOWN]}={option[:LONGEST_SHOWN]} is not known. Known here: {', '.join(known)}."
            )


def check_override(experiment: Experiment, settings: Mapping[str, Any], override: str) -> str:
    """Return the override, marked as an addition where only a signature knows its key."""
    if "=" not in override:
        raise SettingsError(f"{override[:LONGEST_SHOWN]} is not an override. Write key=value, for example seed=1.")
    top, _, rest = key_of(override).partition(".")
    if top.partition("/")[0] == "hydra":
        check_hydra(override)
        return override
    parse(override)
    check_keys("", [top], list(settings))
    if not rest:
        return override
    check_keys(top, [rest.split(".")[0]], known_keys(experiment, settings, top))
    return f"++{override.lstrip('+')}"


def known_keys(experiment: Experiment, settings: Mapping[str, Any], top: str) -> list[str]:
    """Return the keys that a part of the settings can have: its constructor's, less those that follow from data."""
    target = experiment.PARTS.get(top)
    if target is None:
        return list(settings[top] or [])
    builder = choose(top, target, dict(settings[top]))
    name = ["name"] if isinstance(target, Mapping) else []
    return name + [key for key in signature_of(builder) if key not in experiment.DERIVED]


def fail(error: Exception) -> None:
    """End the program with one sentence."""
    sys.stderr.write(f"speechcnn: {error}\n")
    raise SystemExit(EXIT_ERROR)
