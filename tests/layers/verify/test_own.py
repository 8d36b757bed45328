from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from speechcnn import layers
from speechcnn.layers.verify import CHECKS, Case, verify_layer
from speechcnn.layers.verify.__main__ import COMPARISONS, main
from speechcnn.layers.verify.own import OWN

REST = tuple(name for name in CHECKS if name not in COMPARISONS)


def test_every_layer_is_in_the_table() -> None:
    offered = {name for name in layers.__all__ if inspect.isclass(getattr(layers, name))}
    assert {name.partition("(")[0] for name in OWN} == offered


@pytest.mark.parametrize("name", OWN)
def test_values_and_derivatives_agree_with_every_truth(name: str) -> None:
    report = verify_layer(draw=OWN[name], draws=4, seed=1000, without=REST)
    assert all(row.holds and row.error < 1e-9 and row.draws == 4 for row in report.rows), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_every_check_holds(name: str) -> None:
    report = verify_layer(draw=OWN[name], draws=5, seed=2000)
    assert report.holds, str(report)
    missing = {row.name for row in report.rows if row.holds is None}
    assert missing <= {"forward mode", "channels-last", "shortest input", "operator registration", "export"}, report


def wrong(rng: object) -> Case:
    return Case(nn.Tanh(), (torch.ones(1, 2, dtype=torch.float64),), torch_operator=torch.sin)


def test_the_command_prints_a_row_for_each_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ReLU", "--draws", "3", "--seed", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "layer"
    assert [line[6:27].strip() for line in lines[1:]] == [*COMPARISONS, "others"]
    assert all("holds" in line for line in lines[1:])


@pytest.mark.slow
def test_several_layers_are_verified_side_by_side_and_printed_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    alone = verify_layer(draw=OWN["ReLU"], draws=2, seed=3)["second order"]
    assert main(["ReLU", "Linear", "--draws", "2", "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["layer", *["ReLU"] * 7, *["Linear"] * 7]
    assert f"{alone.error:.1e}" in next(line for line in lines if line.startswith("ReLU    second order"))


def test_the_command_fails_when_a_row_does_and_names_the_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OWN, "Wrong", wrong)
    assert main(["Wrong", "--draws", "1", "--seed", "7"]) == 1
    assert "FAILS" in (printed := capsys.readouterr().out)
    assert "seed 7, [1, 2]: torch: the output differs; Tanh()" in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["Tanh"], "no layer is named Tanh"), (["ReLU", "--draws", "0"], "--draws must be at least 1")],
)
def test_bad_arguments_are_answered_by_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert sentence in capsys.readouterr().err
