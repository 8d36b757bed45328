from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import speechcnn
from speechcnn.layers.verify import CHECKS, Case, Check, Loops, Report, verify_layer
from speechcnn.layers.verify.report import worst

SLOW = ("compile", "export")
COMPARISONS = ("loops: values", "loops: gradients", "torch: values", "torch: gradients", "finite differences")
REST = tuple(name for name in CHECKS if name not in COMPARISONS)


def results(report: Report) -> dict[str, bool | None]:
    return {row.name: row.holds for row in report.rows}


def test_a_network_of_torchs_own_holds_and_offers_forward_mode() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, (3, 2)), nn.ReLU(), nn.MaxPool2d(2))
    report = verify_layer(network, torch_operator=network, shapes=[(2, 2, 7, 8)])
    assert report.holds
    missing = {name for name, holds in results(report).items() if holds is None}
    assert missing == {"loops: values", "loops: gradients", "shortest input", "operator registration"}


def test_the_users_layer_and_torchs_state_are_as_before() -> None:
    layer = nn.Conv1d(2, 3, 3).train()
    before = [p.clone() for p in layer.parameters()]
    state = torch.get_rng_state()
    with torch.no_grad():
        assert verify_layer(layer, shapes=[(2, 2, 9)], without=SLOW).holds
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(p, old) and p.dtype == torch.float32 for p, old in zip(layer.parameters(), before, strict=True)
    )
    assert all(p.grad is None and p.requires_grad for p in layer.parameters())


def test_torch_has_as_many_threads_as_before() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    verify_layer(torch.sin, shapes=[(2, 3)], without=REST)
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == before + 1


def biased(x: Tensor) -> Tensor:
    """Right but for inputs of more than 5 frames."""
    return x.square() + (0.25 if x.shape[-1] > 5 else 0)


def test_the_named_seed_shows_the_worst_draw_again() -> None:
    def draw(rng: np.random.Generator) -> tuple[Tensor]:
        return (torch.from_numpy(rng.standard_normal((2, rng.integers(2, 9)))),)

    options: dict[str, Any] = {"torch_operator": torch.square, "shapes": draw, "without": REST}
    row = verify_layer(biased, draws=12, **options)["torch: values"]
    assert not row.holds
    assert row.draws == 12
    assert row.shape[0][1] > 5
    again = verify_layer(biased, seed=row.seed, draws=1, **options)["torch: values"]
    assert (again.error, again.shape) == (row.error, row.shape)


def test_a_listed_shape_is_found_again_by_its_seed() -> None:
    options: dict[str, Any] = {"torch_operator": torch.square, "shapes": [(2, 3), (2, 7), (2, 4)], "without": REST}
    row = verify_layer(biased, **options)["torch: values"]
    assert (row.seed, row.shape, row.draws) == (1, ((2, 7),), 3)
    assert verify_layer(biased, seed=1, draws=1, **options)["torch: values"].error == row.error


def test_each_draw_may_build_its_own_layer() -> None:
    def draw(rng: np.random.Generator) -> Case:
        stride, kernel = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        layer = nn.Conv1d(2, 2, kernel, stride)
        x = torch.from_numpy(rng.standard_normal((1, 2, 9)))
        seen.append((stride, kernel, layer.weight[0, 0, 0].item()))
        return Case(layer, (x,), torch_operator=lambda x, w, b: F.conv1d(x, w, b, stride))

    seen: list[tuple[int, int, float]] = []
    assert verify_layer(draw=draw, draws=20, without=REST)["torch: values"].draws == 20
    assert len({(stride, kernel) for stride, kernel, _ in seen}) > 5
    first = seen[0]
    torch.rand(1)
    verify_layer(draw=draw, draws=1, without=REST)
    assert seen[-1] == first


def product(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x * w


class Product:
    """A reference as an object."""

    forward = staticmethod(product)

    @staticmethod
    def backward(dz: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return dz * w, dz * x


@pytest.mark.parametrize(
    "reference", [Product, Product(), Loops(product, Product.backward), (product, Product.backward)]
)
def test_loops_come_in_several_forms(reference: Any) -> None:
    report = verify_layer(torch.mul, reference, shapes=[((2, 5), (2, 5))], n_batched=2, without=SLOW)
    assert report.holds
    assert report["loops: gradients"].holds


def test_loops_without_a_backward_pass_check_values_alone() -> None:
    report = verify_layer(torch.mul, product, shapes=[((2, 5), (2, 5))], without=REST)
    assert (report["loops: values"].holds, report["loops: gradients"].holds) == (True, None)


@pytest.mark.parametrize(
    ("loops", "row", "sentence"),
    [
        ((lambda x, w: (x * w)[:, 1:], Product.backward), "loops: values", r"the shape is [2, 5] instead of [2, 4]"),
        ((product, lambda dz, x, w: (dz * w,)), "loops: gradients", "the loops give 1 gradients; the layer has 2"),
        ((product, lambda dz, x, w: (dz * w, -dz * x)), "loops: gradients", "the gradient of input 1 differs"),
        ((lambda x, w: x[:, 9], Product.backward), "loops: values", "IndexError: index 9 is out of bounds"),
        ((lambda x, w: x * w + np.nan, Product.backward), "loops: values", "the output differs"),
    ],
)
def test_loops_that_differ_are_told(loops: Any, row: str, sentence: str) -> None:
    report = verify_layer(torch.mul, loops, torch_operator=torch.mul, shapes=[((2, 5), (2, 5))], without=REST)
    assert not report
    assert sentence in report[row].note


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dz: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * dz


def test_a_function_is_verified_by_its_class_and_may_decline_the_second_order() -> None:
    report = verify_layer(Double, shapes=[(2, 4)], without=(*SLOW, "vmap"))
    assert report.holds
    assert report["finite differences"].holds
    assert report["second order"].note == "the backward pass is marked as once_differentiable"
    assert report["second order"].result == "not offered"


def test_a_function_without_a_batch_axis_says_so() -> None:
    def summed(x: Tensor) -> Tensor:
        return x.flip(0).square().cumsum(0)

    assert verify_layer(summed, shapes=[(3, 4)], without=SLOW)["batch of one"].holds is False
    report = verify_layer(summed, shapes=[(3, 4)], n_batched=0)
    assert report.holds
    assert {report[name].note for name in ("batch of zero", "batch of one")} == {"no input has a batch axis"}
    assert report["export"].note == "no input has a length that may change"


def test_parameters_that_take_no_gradient_are_left_alone() -> None:
    layer = nn.Conv1d(2, 3, 3)
    layer.weight.requires_grad_(False)
    report = verify_layer(
        layer, torch_operator=lambda x, b: F.conv1d(x, layer.weight.double(), b), shapes=[(2, 2, 9)], without=REST
    )
    assert report.holds


def test_a_random_layer_does_not_hold() -> None:
    report = verify_layer(nn.Dropout(0.5), shapes=[(2, 3, 9)], without=SLOW)
    assert not report["repeatability"].holds
    assert "do not settle: the values jump or are drawn anew each time" in report["finite differences"].note


def test_what_torchs_own_operator_refuses_is_not_asked_for() -> None:
    """Batch normalisation changes its running moments in place, which vmap does not allow."""
    report = verify_layer(nn.BatchNorm1d(2), torch_operator=nn.BatchNorm1d(2), shapes=[(3, 2, 4)], without=SLOW)
    assert report.holds, str(report)
    assert report["vmap"].note == "torch's own operator refuses it too"
    assert not verify_layer(nn.BatchNorm1d(2), shapes=[(3, 2, 4)], without=SLOW)["vmap"].holds


def test_an_output_without_a_gradient_is_told() -> None:
    report = verify_layer(lambda x: x.detach() * 2, shapes=[(2, 3)], without=SLOW)
    assert "the output is cut off from the inputs" in report["finite differences"].note


@pytest.fixture
def registered() -> Any:
    @torch.library.custom_op("speechcnn_test::thrice", mutates_args=())
    def thrice(x: Tensor) -> Tensor:
        return x * 3

    thrice.register_fake(torch.empty_like)
    return thrice


@pytest.mark.parametrize("differentiable", [True, False])
def test_a_registered_operator_goes_through_opcheck(registered: Any, differentiable: bool) -> None:
    if differentiable:
        registered.register_autograd(lambda ctx, dz: dz * 3)
    row = verify_layer(registered, shapes=[(2, 3)], without=(*COMPARISONS, *SLOW))["operator registration"]
    assert row.holds is differentiable, row
    assert differentiable or "but no autograd formula was registered" in row.note


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({}, ValueError, "verify_layer takes either a layer with shapes= or draw="),
        ({"layer": torch.sin, "draw": Case}, ValueError, "give one of them"),
        ({"layer": torch.sin}, ValueError, "shapes must list at least one shape"),
        ({"layer": torch.sin, "shapes": []}, ValueError, "shapes must list at least one shape"),
        ({"draw": Case, "shapes": [(2, 3)]}, ValueError, "draw gives the inputs with the layer"),
        ({"layer": torch.sin, "shapes": (2, 3)}, TypeError, "got the item 2"),
        ({"layer": torch.sin, "shapes": [(2, 3)], "draws": 0}, ValueError, "draws must be at least 1; got 0"),
        ({"layer": torch.sin, "shapes": [(2, 3)], "without": ["jvp"]}, ValueError, "without names no check: jvp"),
        ({"layer": nn.Conv1d, "shapes": [(2, 3)]}, TypeError, "got the class Conv1d. Build it first"),
        ({"layer": 3, "shapes": [(2, 3)]}, TypeError, "a subclass of torch.autograd.Function; got int"),
        ({"layer": Pair(), "shapes": [(2, 3)]}, TypeError, "must give one tensor; this one gives tuple"),
        ({"layer": torch.argmax, "shapes": [(2, 3)]}, TypeError, "floating tensor; this one gives torch.int64"),
        ({"layer": torch.sin, "shapes": lambda rng: torch.ones(2, dtype=torch.int64)}, TypeError, "got torch.int64"),
        ({"layer": torch.sin, "shapes": lambda rng: ([1.0],)}, TypeError, "each input must be a tensor; got list"),
        ({"layer": torch.sin, "shapes": [(2, 3)], "reference": 3}, TypeError, "reference must be a function on numpy"),
        (
            {"layer": nn.Conv1d(2, 3, 3), "shapes": [(2, 2, 9)], "torch_operator": nn.Conv1d(2, 3, 3, bias=False)},
            ValueError,
            "a module as torch_operator must have the layer's parameters, weight, bias; it has weight. Give a function",
        ),
        (
            {"layer": nn.Conv1d(2, 3, 3), "shapes": [(2, 4, 9)]},
            ValueError,
            r"does not run in float64 on inputs of the shape \[2, 4, 9\] \(seed 0\): RuntimeError: Given groups=1",
        ),
    ],
)
def test_mistakes_are_answered_by_a_sentence(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        verify_layer(**arguments)


def test_the_table_has_a_row_for_each_check() -> None:
    rows = (
        Check("torch: values", True, 2.5e-16, 7, ((2, 3), (4,)), draws=3),
        Check("second order", False, None, 9, ((2, 3), (4,)), "it does not settle"),
        Check("export", None, None, 0, ((1, 3), (4,)), "no length", draws=0),
    )
    assert str(Report(rows)).splitlines() == [
        "check          result       largest error  draws  seed  shapes      note",
        "torch: values  holds        2.5e-16        3      7     [2, 3] [4]",
        "second order   FAILS        -              1      9     [2, 3] [4]  it does not settle",
        "export         not offered  -              0      0     [1, 3] [4]  no length",
    ]
    assert not Report(rows)
    assert Report(rows[::2]).holds
    with pytest.raises(KeyError, match="the checks are torch: values, second order, export"):
        Report(rows)["compile"]


def test_the_worst_draw_is_a_failing_one_and_no_number_is_worse_than_any() -> None:
    outcomes = [(None, None), (True, 1e-12), (False, 0.5), (False, float("nan")), (False, 0.7), (True, 2e-12)]
    found = [Check("c", holds, error, seed, ()) for seed, (holds, error) in enumerate(outcomes)]
    assert [worst("c", found[:n]).seed for n in range(1, 7)] == [0, 1, 2, 3, 3, 3]
    assert worst("c", found[4:]).seed == 4
    assert worst("c", found).draws == 5


def test_the_public_name_is_this_function() -> None:
    assert speechcnn.verify_layer is verify_layer
