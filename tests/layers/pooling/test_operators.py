"""What all pooling layers go through: compilers, vmap, narrow types, layouts of memory, empty batches."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from speechcnn.layers.pooling import AntiAliasedPool, HeterogeneousPool, LpPool, MaxPool, MeanPool, SoftPool

OPS = torch.ops.speechcnn
WINDOW, PLAN = [3, 2, 2, 1, 1, 1, 1, 1], [3, 2, 0, 1, 4]
LAYERS = [
    MaxPool((3, 2), (2, 1), (1, 1)),
    MeanPool((3, 2), (2, 1), (1, 1)),
    LpPool(3, (3, 2)),
    SoftPool(3, (3, 2), 2),
    HeterogeneousPool(3, (1, 4)),
    HeterogeneousPool(3, (1, 4), assignment="replicate"),
    AntiAliasedPool(3, 2),
]
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: repr(layer)[:60])


def derivative(layer, x: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(layer(x).pow(2).sum(), x)[0]


@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (1, 3, 9, 20), (0, 3, 6, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_registered_operators_pass_torchs_own_checks(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = torch.randn(shape, dtype=dtype)
    sizes, ones, a = list(shape[2:]), ([1.0] * 3, [0.5] * 2), torch.rand(shape[:2])
    y, offsets = OPS.max_pool(x, WINDOW)
    rows, places = OPS.max_rows(x, PLAN)
    soft, log_sum = OPS.soft_pool(x, a, WINDOW)
    calls = {
        OPS.max_pool: (x, WINDOW),
        OPS.pool_take: (x, offsets, WINDOW),
        OPS.pool_give: (y, offsets, sizes, WINDOW),
        OPS.max_rows: (x, PLAN),
        OPS.rows_take: (x, places, PLAN),
        OPS.rows_give: (rows, places, list(shape[1:]), PLAN),
        OPS.window_sum: (x, *ones, WINDOW),
        OPS.window_spread: (y, sizes, *ones, WINDOW),
        OPS.soft_pool: (x, a, WINDOW),
    }
    for operator, (first, *others) in calls.items():
        tests = ("test_schema", "test_autograd_registration", "test_faketensor")
        torch.library.opcheck(operator.default, (first.detach().requires_grad_(), *others), test_utils=tests)
    torch.library.opcheck(OPS.soft_give.default, (soft, x, a, soft, log_sum, WINDOW, True), test_utils=tests)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's check looks at tensors without one
@pytest.mark.parametrize(
    ("operator", "rest"),
    [(OPS.max_pool, (WINDOW,)), (OPS.max_rows, (PLAN,)), (OPS.window_sum, ([1.0] * 3, [0.5] * 2, WINDOW))],
    ids=str,
)
def test_operators_pass_torchs_check_of_compiled_derivatives(operator, rest) -> None:
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    torch.library.opcheck(operator.default, (x, *rest), test_utils="test_aot_dispatch_dynamic")


@every_layer
def test_layers_compile_as_one_graph(layer) -> None:
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, 3, 9, 20)
    torch.testing.assert_close(compiled(x), layer(x))
    torch.testing.assert_close(derivative(compiled, x), derivative(layer, x))


@every_layer
def test_layers_export_with_any_number_of_frames(layer) -> None:
    frames = torch.export.Dim("frames", min=8, max=4000)
    exported = torch.export.export(layer, (torch.randn(2, 3, 9, 20),), dynamic_shapes={"maps": {3: frames}})
    x = torch.randn(2, 3, 9, 31)
    torch.testing.assert_close(exported.module()(x), layer(x))


@every_layer
def test_derivatives_of_single_examples_are_those_of_the_batch(layer) -> None:
    x = torch.randn(4, 3, 9, 20)
    single = torch.func.vmap(torch.func.grad(lambda one: layer(one[None]).pow(2).sum()))(x)
    torch.testing.assert_close(single, derivative(layer, x))


@every_layer
def test_a_mapped_axis_may_stand_anywhere(layer) -> None:
    x = torch.randn(2, 3, 9, 20, 4)
    mapped = torch.func.vmap(layer, in_dims=-1, out_dims=-1)(x)
    torch.testing.assert_close(mapped[..., 2], layer(x[..., 2]))


def test_take_and_give_can_be_mapped_over_one_of_their_inputs() -> None:
    x, others = torch.randn(3, 6, 7), torch.randn(5, 3, 6, 7)
    y, offsets = OPS.max_pool(x, WINDOW)
    taken = torch.func.vmap(lambda one: OPS.pool_take(one, offsets, WINDOW))(others)
    assert torch.equal(taken[3], OPS.pool_take(others[3], offsets, WINDOW))
    places = OPS.max_pool(others, WINDOW)[1]
    given = torch.func.vmap(lambda one: OPS.pool_give(y, one, [6, 7], WINDOW))(places)
    assert torch.equal(given[3], OPS.pool_give(y, places[3], [6, 7], WINDOW))


@every_layer
def test_layouts_of_memory_do_not_matter(layer) -> None:
    x = torch.randn(2, 3, 9, 40)
    expected, slope = layer(x), derivative(layer, x)
    for other in (x.to(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3)):
        torch.testing.assert_close(layer(other), expected)
        torch.testing.assert_close(derivative(layer, other), slope)
    torch.testing.assert_close(layer(x[..., ::2]), layer(x[..., ::2].contiguous()))


@every_layer
def test_an_empty_batch_gives_an_empty_batch(layer) -> None:
    x = torch.zeros(0, 3, 9, 20, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == (0, *layer(torch.zeros(1, 3, 9, 20)).shape[1:])
    assert x.grad.shape == x.shape


@every_layer
def test_narrow_types_stay_narrow_with_and_without_autocast(layer) -> None:
    x = torch.randn(2, 3, 9, 20).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer(x)
    assert layer(x).dtype == inside.dtype == derivative(layer, x).dtype == torch.bfloat16
    torch.testing.assert_close(inside.float(), layer(x.float()), atol=0.03, rtol=0.03)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.float()).dtype == torch.float32


@pytest.mark.parametrize("layer", [one for one in LAYERS if not isinstance(one, LpPool | SoftPool)], ids=repr)
def test_results_may_be_changed_in_place(layer) -> None:
    x = torch.randn(1, 3, 9, 20)
    before = x.clone()
    own = x.clone().requires_grad_()
    layer(own).mul_(2).sum().backward()
    other = x.clone().requires_grad_()
    (2 * layer(other)).sum().backward()
    torch.testing.assert_close(own.grad, other.grad)
    assert torch.equal(own, before)


def test_an_output_as_large_as_the_input_is_a_copy() -> None:
    x = torch.ones(1, 1, 4, 20)
    MaxPool(1)(x).zero_()
    assert x.sum() == 80


def test_the_kernels_are_not_imported_before_they_are_needed() -> None:
    script = "import speechcnn.layers.pooling, sys; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
