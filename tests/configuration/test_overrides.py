from __future__ import annotations

import time

import pytest

from speechcnn.arguments import SettingsError
from speechcnn.configuration.overrides import check_hydra, check_options, check_sizes, n_jobs, parse


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("hydra.launcher._target_=os.system", "is not taken. Of Hydra's own settings these can be changed"),
        ("+hydra.callbacks.x._target_=os.system", "is not taken"),
        ("hydra/job_logging=gift", "is not taken"),
        ("hydra/launcher=gift", "is not taken"),
        ("hydra.launcher.setup=[id]", "is not taken"),
        ("hydra.launcher.n_jobs=many", "is not taken"),
        ("hydra.launcher.partition='a b'", "is not taken"),
        ("hydra.searchpath=[/tmp]", "is not taken"),
        ("hydra.job.env_set.X=1", "is not taken"),
        ("hydra.run.dir=/tmp", "is not taken"),
    ],
)
def test_hydra_s_own_settings_are_closed(override: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        check_hydra(override)
    assert str(caught.value).startswith(override)


@pytest.mark.parametrize(
    "override", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "+hydra.launcher.partition=gpu"]
)
def test_launchers_and_their_sizes_are_open(override: str) -> None:
    check_hydra(override)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["~model"], "~model: a setting can be changed, not deleted"),
        (["model.hidden=" + "[" * 13], "may have 12 brackets of a kind"),
        (["init=" + "x" * 9000], "init=x.*overrides may have 8000 characters"),
        (["seed=1"] * 2000, "overrides may have 8000 characters"),
        (["init=${hydra:runtime.cwd}"], "only .* are taken as references, got"),
        (["init=${hydra.runtime.cwd}"], "only .* are taken as references, got"),
        ([r"init=$\{oc.env:HOME\}"], "got .*oc.env:HOME"),
        (["init=" + "${seed}" * 9], "at most 8 references"),
    ],
)
def test_sizes_and_references_are_bounded(overrides: list[str], sentence: str) -> None:
    start = time.perf_counter()
    with pytest.raises(SettingsError, match=sentence) as caught:
        check_sizes(overrides)
    assert time.perf_counter() - start < 0.5
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("seed=range(1,1000000000)", "asks for more than 10000 jobs"),
        ("seed=shuffle(range(1,1000000000))", "asks for more than 10000 jobs"),
        ("seed=range(0,1,0)", "asks for more than 10000 jobs"),
        ("seed=range(0,1e999)", "asks for more than 10000 jobs"),
        ("model@other=dnn", "not moved"),
        ("seed=[1", "cannot be read"),
        ("a b=1", "cannot be read"),
    ],
)
def test_what_hydra_would_choke_on_is_refused(override: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        parse(override)


@pytest.mark.parametrize(
    ("override", "number"), [("seed=1", 1), ("seed=1,2,3", 3), ("seed=range(0,10,2)", 5), ("seed=choice(a,b)", 2)]
)
def test_jobs_of_a_sweep_are_counted(override: str, number: int) -> None:
    assert n_jobs(parse(override)) == number


def test_usual_options_pass_and_others_are_named() -> None:
    check_options(["--multirun", "-m", "--cfg=job"])
    with pytest.raises(SettingsError, match=r"--config-name=x is not taken here\. Known options"):
        check_options(["--config-name=x"])
