from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from speechcnn import configuration
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose, launch
from speechcnn.experiments import keyword, phones
from speechcnn.experiments.keyword import KeywordExperiment
from speechcnn.experiments.phones import PhoneExperiment
from speechcnn.models import MODELS

CONF = configuration.conf_folder()
OTHERS = ("classify_", "commands_", "keyword_", "localise_")  # options of other experiments
CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF.glob("*/*.yaml") if not path.stem.startswith(OTHERS)
)  # every option of every group, found by looking


def test_a_default_of_a_signature_can_be_overridden() -> None:
    assert "dropout" not in compose(phones)["model"]
    assert compose(phones, ["model.dropout=0.5"])["model"]["dropout"] == 0.5


def test_a_choice_and_its_keys_together() -> None:
    assert compose(phones, ["model=dnn", "model.hidden=[9,8]"])["model"] == {"name": "dnn", "hidden": [9, 8]}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_file_of_conf_fits_its_signatures(choice: str, tmp_path: Path) -> None:
    """Making the experiment checks each part against its constructor."""
    settings = compose(phones, [choice, f"folder={tmp_path}"])
    assert PhoneExperiment(settings).settings["model"]["name"] in MODELS


KEYWORD_CHOICES = [f"{p.parent.name}={p.stem}" for p in sorted(CONF.glob("*/keyword_*.yaml"))]


@pytest.mark.parametrize("choice", [*KEYWORD_CHOICES, "features=mfcc", "optimizer=sgd", "schedule=plateau"])
def test_every_file_for_keywords_fits_its_signatures(choice: str, tmp_path: Path) -> None:
    settings = compose(keyword, [choice, f"folder={tmp_path}"])
    assert KeywordExperiment(settings).keywords == ["hello"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["sed=1"], r"sed is not known. Did you mean seed\? Known here: .*seed"),
        (["model.poool=1"], r"model.poool is not known. Did you mean pool\? Known here: name, pool"),
        (["model.n_classes=3"], "model.n_classes is not known"),
        (["model=resnet"], "model=resnet is not known. Known here: cnn_dnn, cnn_tdnn, dnn, "),
        (["model.name=resnet"], r"model.name must be one of cnn_dnn, cnn_tdnn, dnn, .*; got 'resnet'"),
        (["training.epochs.x=1"], "training.epochs must be int"),
        (["seed"], "seed is not an override. Write key=value"),
        (["seed=[1"], "seed"),
        (["model.pool=many"], "model.pool must be int or .*; got .many."),
        (["model.pool=40"], "model: pool must be from 1 to 33"),
        (["training.epochs=0"], "training: epochs must be at least 1; got 0"),
        (["training.precision=fp8"], "training.precision must be one of 'fp32', 'bf16'; got 'fp8'"),
        (["optimizer.lr=fast"], "optimizer.lr must be float; got 'fast'"),
        (["corpus.size=huge"], "huge"),
        (["augmentation.steps=[{name: louder}]"], r"augmentation.steps\[0\].name must be one of affine, .*"),
        (["augmentation.steps=[{name: gain, low: 3}]"], r"augmentation.steps\[0\].low is not known"),
        (["augmentation.steps=[{name: gain, probability: 2.0}]"], "augmentation: probabilities must be from 0 to 1"),
        (
            ["augmentation.steps=[{name: gain, probability: often}]"],
            r"augmentation.steps\[0\].probability must be float",
        ),
        (["augmentation.steps=[{name: frequency_warp, rate: 8000}]"], r"augmentation.steps\[0\].rate is not known"),
        (["features=mfcc", "model.span=3", "augmentation.steps=[{name: frequency_warp}]"], "needs mel bands"),
        (["seed=one"], "seed must be int; got 'one'"),
    ],
)
def test_a_wrong_setting_stops_with_a_sentence_that_names_it(overrides: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        PhoneExperiment(compose(phones, overrides))


def test_values_that_belong_to_no_part_are_checked_too() -> None:
    settings = compose(phones)
    for wrong, sentence in (
        ({"seed": -1}, "seed must be at least 0; got -1"),
        ({"folder": 3}, "folder must be str; got 3"),
        ({"init": 3}, "init must be str or null; got 3"),
        ({"threads": 0}, "threads must be from 1 to 1024, or null; got 0"),
        ({"trainig": {}}, r"trainig is not known. Did you mean training\?"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            PhoneExperiment(settings | wrong)
    with pytest.raises(SettingsError, match="task must be given"):
        PhoneExperiment({key: value for key, value in settings.items() if key != "task"})


def test_a_network_that_no_memory_holds_is_refused_before_it_is_built() -> None:
    settings = compose(phones)
    with pytest.raises(SettingsError, match=r"model: .*parameters; at most 268435456 are taken"):
        PhoneExperiment(settings | {"model": {"name": "dnn", "hidden": [10**9]}})


@pytest.mark.parametrize("text", ["${oc.env:HOME}", r"$\{oc.env:HOME\}", "'x${oc.env:HOME}'"])
def test_no_environment_in_settings(text: str) -> None:
    with pytest.raises(SettingsError, match=r"init=.*oc\.env"):
        compose(phones, [f"init={text}"])


def test_no_environment_even_where_the_checks_are_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "check_sizes", lambda overrides: None)
    with pytest.raises(SettingsError, match=r"Unsupported interpolation type oc\.env"):
        compose(phones, ["init=${oc.env:HOME}"])


def test_a_file_of_a_stranger_is_refused_before_hydra_reads_it(tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "model" / "gift.yaml").write_text("# @package hydra.launcher\n_target_: os.system\n")
    monkeypatch.setattr(configuration, "conf_folder", lambda: tmp_path / "conf")
    with pytest.raises(SettingsError, match=r"gift\.yaml: only # @package _global_ is taken, got hydra\.launcher"):
        compose(phones)


@pytest.mark.parametrize(
    "option", ["--config-dir=/tmp", "--config-path=/tmp", "-cd", "--experimental-rerun=x.pickle", "--hydra-help"]
)
def test_options_that_read_from_elsewhere_are_not_passed_on(option: str, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        launch(phones, [option])
    assert stopped.value.code == 2
    assert f"{option} is not taken here. Known options: --multirun" in capsys.readouterr().err


def test_no_configuration_names_code() -> None:
    assert [path for path in CONF.rglob("*.yaml") if "_target_" in path.read_text()] == []


def test_an_interrupted_run_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(settings: dict) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(phones, "run", interrupted)
    monkeypatch.setattr("sys.argv", ["recipe"])
    with pytest.raises(SystemExit) as stop:
        launch(phones, [f"folder={tmp_path}"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == f"speechcnn: stopped. Give folder={tmp_path} to go on.\n"
