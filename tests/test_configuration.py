from __future__ import annotations

from pathlib import Path

import pytest

from speechcnn import configuration
from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.experiments import phones
from speechcnn.experiments.phones import PhoneExperiment

CONF = configuration.conf_folder()
CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF.glob("*/*.yaml")
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
    assert PhoneExperiment(settings).settings["model"]["name"] in ("dnn", "cnn_dnn")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["sed=1"], r"sed is not known. Did you mean seed\? Known here: .*seed"),
        (["model.poool=1"], r"model.poool is not known. Did you mean pool\? Known here: name, pool"),
        (["model.n_classes=3"], "model.n_classes is not known"),
        (["model=resnet"], "model=resnet is not known. Known here: cnn_dnn, dnn"),
        (["model.name=resnet"], r"model.name must be one of cnn_dnn, dnn; got 'resnet'"),
        (["training.epochs.x=1"], "training.epochs must be int"),
        (["seed"], "seed is not an override. Write key=value"),
        (["seed=[1"], "seed"),
        (["model.pool=many"], "model.pool must be int; got 'many'"),
        (["model.pool=40"], "model: pool must be from 1 to 33"),
        (["training.epochs=0"], "training: epochs must be at least 1; got 0"),
        (["training.precision=fp8"], "training.precision must be one of 'fp32', 'bf16'; got 'fp8'"),
        (["optimizer.lr=fast"], "optimizer.lr must be float; got 'fast'"),
        (["corpus.size=huge"], "huge"),
        (["seed=one"], "seed must be int; got 'one'"),
    ],
)
def test_a_wrong_setting_stops_with_a_sentence_that_names_it(overrides: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        PhoneExperiment(compose(phones, overrides))


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "${oc.env:PATH}"])
def test_no_environment_in_settings(text: str) -> None:
    with pytest.raises(SettingsError, match=r"oc\.env"):
        compose(phones, [f"init={text}"])


def test_no_configuration_names_code() -> None:
    assert [path for path in CONF.rglob("*.yaml") if "_target_" in path.read_text()] == []
