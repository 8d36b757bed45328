from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from speechcnn.arguments import SettingsError
from speechcnn.configuration import conf_folder
from speechcnn.configuration.files import check_folder

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))


def checked(tmp_path: Path, text: str, own: bool = False) -> None:
    path = tmp_path / "phones.yaml" if own else tmp_path / "model" / "gift.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    check_folder(tmp_path)


def test_the_projects_own_files_hold_what_is_allowed() -> None:
    check_folder(conf_folder())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment\nname: dnn\nhidden: [64, 64]\n",
        "# @package _global_\ndefaults:\n  - override /model: dnn\n  - /features: [mfcc]\n  - _self_\nseed: 3\n",
    ],
)
def test_plain_values_and_experiments_are_taken(tmp_path: Path, text: str) -> None:
    checked(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "anchors and aliases"),
        ("a: &x 1\n", "anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]\n", "tags are not taken, got tag:yaml.org,2002:python/object/apply"),
        ("a: !x 1\n", "tags are not taken"),
        ("_target_: os.system\n", "_target_ is not taken: a configuration names no code"),
        ("hidden: [{_target_: os.system}]\n", "_target_ is not taken"),
        ("_recursive_: true\n", "_recursive_ is not taken"),
        ("init: ${oc.env:HOME}\n", "only ${now:FORMAT} and ${key} are taken as references, got ${oc.env:HOME}"),
        ("init: '${oc.decode:\"1\"}'\n", "only ${now:FORMAT}"),
        ("init: '${${x}}'\n", "only ${now:FORMAT}"),
        ("${oc.env:HOME}: 1\n", "only ${now:FORMAT}"),
        ("init: ${seed}\n", "at most 0 references ${...} are taken here, got 1"),
        ("# @package _global_\nhydra: {launcher: {_target_: os.system}}\n", "_target_ is not taken"),
        ("# @package _global_\nhydra: {callbacks: {a: 1}}\n", "Hydra's own settings"),
        ("# @package _global_\nhydra/launcher: joblib\n", "Hydra's own settings"),
        ("# @package hydra.job_logging\nversion: 1\n", "only # @package _global_ is taken, got hydra.job_logging"),
        ("  # @package  hydra\nrun: 1\n", "only # @package _global_ is taken"),
        ("defaults:\n  - override /hydra/job_logging: gift\n", "defaults may name groups"),
        ("defaults:\n  - /model: ../../../tmp/gift\n", "defaults may name groups"),
        ("defaults:\n  - /tmp/gift\n", "defaults may name groups"),
        ("defaults:\n  - model: '${init}'\n", "references"),
        ("defaults: {model: x}\n", "defaults must be a list"),
        ("- 1\n", "must hold keys with values"),
        ("a: " + "[" * 1000 + "\n", "nested up to 12 deep"),
        ("a: [" + "1," * 6000 + "]\n", "at most 5000 values"),
        ("a: " + "x" * 2000 + "\n", "a value may have 1000 characters"),
        ("a: 1\n" * 20_000, "up to 65536 bytes"),
        ("a: [1\n", "expected"),
        ("a: \x00\n", "unacceptable character"),
        ("? [a, b]\n: 1\n", "unhashable"),
    ],
)
def test_a_stranger_s_file_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    start = time.perf_counter()
    with pytest.raises(SettingsError) as caught:
        checked(tmp_path, text)
    assert time.perf_counter() - start < 1
    assert "gift.yaml: " in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "hydra: {callbacks: {x: {y: 1}}}\n",
        "hydra: {job: {env_copy: [HOME]}}\n",
        "hydra: {searchpath: [/tmp]}\n",
        "hydra: null\n",
        "hydra: text\n",
        "hydra.launcher: 1\n",
    ],
)
def test_even_a_recipe_s_own_file_sets_only_hydra_s_folders(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="Hydra's own settings"):
        checked(tmp_path, text, own=True)


def test_references_that_double_each_other_stay_few(tmp_path: Path) -> None:
    chain = "a0: xxxx\n" + "".join(f"a{i}: '${{a{i - 1}}}${{a{i - 1}}}'\n" for i in range(1, 30))
    with pytest.raises(SettingsError, match="at most 8 references"):
        checked(tmp_path, chain, own=True)


def test_what_is_not_utf8_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(SettingsError, match=r"a\.yaml: 'utf-8' codec"):
        check_folder(tmp_path)
    (tmp_path / "a.yaml").unlink()
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(SettingsError, match="a configuration is a file"):
        check_folder(tmp_path)
