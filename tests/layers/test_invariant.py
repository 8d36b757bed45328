"""Transform-invariant convolution against turned kernels, loops and torch, and through everything torch does to it."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from speechcnn.layers.invariant import TransformInvariantConv1d, TransformInvariantConv2d, invariance_error
from speechcnn.layers.reference.invariance import invariant_conv_backward, invariant_conv_forward
from speechcnn.layers.transforms import (
    TRANSFORMS,
    FrequencyReflection,
    FrequencyShift,
    Identity,
    Reflection,
    Rotation,
    Scale,
    TimeReflection,
    TimeStretch,
    Transform,
    common_size,
    kernel_matrix,
    transform_maps,
)

TURNS = [Rotation(0), Rotation(90), Rotation(180), Rotation(270)]
POOLS = ["max", "mean", None]
CASES = [
    (TransformInvariantConv2d, (2, 3, 3), {"transforms": TURNS, "padding": "same"}, (2, 2, 5, 6)),
    (
        TransformInvariantConv2d,
        (2, 2, (3, 2)),
        {
            "transforms": [Identity(), Rotation(30), Scale(1.5), FrequencyShift(-1)],
            "padding": (2, 1),
            "stride": (1, 2),
        },
        (2, 2, 6, 7),
    ),
    (
        TransformInvariantConv1d,
        (3, 2, 3),
        {"transforms": [Identity(), TimeStretch(2), TimeReflection()], "dilation": 2, "padding": 3, "bias": False},
        (2, 3, 12),
    ),
]
ON_ALL = pytest.mark.parametrize(("layer", "sizes", "settings", "shape"), CASES)
ON_ALL_POOLS = pytest.mark.parametrize("pool", POOLS)


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def results(layer: nn.Module, maps: Tensor) -> list[Tensor]:
    answers = layer(maps)
    return [answers, *torch.autograd.grad(answers.sin().sum(), [maps, *layer.parameters()])]


def looped(kernel: Tensor, size: tuple[int, int], degrees: float, factor: float, bands: float) -> Tensor:
    """Turn, enlarge (factor >= 1) and shift: for each place its source, and the four points around the source."""
    angle = math.radians(degrees)
    moved = torch.zeros(size, dtype=torch.float64)
    for a, b in itertools.product(*map(range, size)):
        f, t = a - (size[0] - 1) / 2 - bands, b - (size[1] - 1) / 2
        source_f = (math.cos(angle) * f + math.sin(angle) * t) / factor + (kernel.shape[0] - 1) / 2
        source_t = (-math.sin(angle) * f + math.cos(angle) * t) / factor + (kernel.shape[1] - 1) / 2
        for i, j in itertools.product(range(kernel.shape[0]), range(kernel.shape[1])):
            if abs(source_f - i) < 1 and abs(source_t - j) < 1:
                moved[a, b] += kernel[i, j] * (1 - abs(source_f - i)) * (1 - abs(source_t - j)) / factor**2
    return moved


def applied(transform: Transform, kernel: Tensor, size: tuple[int, ...]) -> Tensor:
    return (kernel_matrix(transform, kernel.shape, size) @ kernel.flatten()).view(size)


@pytest.mark.parametrize(
    ("transform", "size", "move"),
    [
        (Rotation(30), (7, 7), (30, 1, 0)),
        (Rotation(-45.5), (7, 6), (-45.5, 1, 0)),
        (Scale(1.7), (9, 8), (0, 1.7, 0)),
        (FrequencyShift(1.25), (7, 4), (0, 1, 1.25)),
    ],
)
def test_a_transformed_kernel_is_that_of_loops(transform: Transform, size, move) -> None:
    kernel = torch.randn(3, 2 if size[1] % 2 == 0 else 3, dtype=torch.float64)
    torch.testing.assert_close(applied(transform, kernel, size), looped(kernel, size, *move), rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(3, 3), (4, 4), (1, 1)])
def test_turns_and_reflections_are_permutations(size: tuple[int, int]) -> None:
    kernel = torch.randn(size, dtype=torch.float64)
    for turns in range(-3, 5):
        assert torch.equal(applied(Rotation(90 * turns), kernel, size), kernel.rot90(turns, (0, 1)))
    assert torch.equal(applied(Reflection(0), kernel, size), kernel.flip(0))
    assert torch.equal(applied(Reflection(1), kernel, size), kernel.flip(1))
    assert torch.equal(applied(FrequencyReflection(), kernel, size), kernel.flip(0))
    assert torch.equal(applied(TimeReflection(), kernel, size), kernel.flip(1))
    assert torch.equal(applied(Identity(), kernel, size), kernel)


def test_a_shift_by_whole_bands_moves_the_kernel() -> None:
    kernel = torch.randn(3, 2, dtype=torch.float64)
    assert torch.equal(applied(FrequencyShift(2), kernel, (7, 2)), F.pad(kernel, (0, 0, 4, 0)))
    assert torch.equal(applied(FrequencyShift(-1), kernel, (7, 2)), F.pad(kernel, (0, 0, 1, 3)))


@pytest.mark.parametrize(
    ("transforms", "kernel", "expected"),
    [
        ([Identity(), Reflection(0)], (4, 3), (4, 3)),
        ([Rotation(90)], (3, 5), (5, 5)),
        ([Rotation(45)], (3, 3), (5, 5)),  # the place 2 beside the centre takes a share of a corner, 3 does not
        ([FrequencyShift(-2), FrequencyShift(1)], (3, 4), (7, 4)),
        ([TimeStretch(2)], (3,), (7,)),  # a point at 1 lands at 2 and reaches to 3
        ([TimeStretch(0.5)], (5,), (5,)),
        ([Scale(2)], (1, 2), (3, 6)),
    ],
)
def test_the_common_size_cuts_nothing(transforms: list[Transform], kernel, expected) -> None:
    assert common_size(transforms, kernel) == expected
    wider = tuple(size + 4 for size in expected)
    for transform in transforms:
        kept, all_ = (kernel_matrix(transform, kernel, size) for size in (expected, wider))
        torch.testing.assert_close(kept.sum(0), all_.sum(0), rtol=0, atol=1e-9)


@pytest.mark.parametrize("factor", [0.4, 0.5, 1.5, 2.0, 3.0])
def test_a_stretched_pattern_gives_the_stretched_kernel_the_same_response(factor: float) -> None:
    kernel = torch.randn(5, dtype=torch.float64)
    (size,) = common_size([TimeStretch(factor)], (5,))
    stretched = applied(TimeStretch(factor), kernel, (size,))
    rise, place = 0.3, torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    response = (kernel * (1 + rise * (torch.arange(5) - 2))).sum()
    if factor in (0.4, 0.5, 2.0, 3.0):  # whole steps: interpolation and sum change places exactly
        torch.testing.assert_close((stretched * (1 + rise * place / factor)).sum(), response)
    assert stretched.abs().sum() > 0.2 * kernel.abs().sum()


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@ON_ALL_POOLS
def test_quarter_turns_are_those_of_turned_kernels(pool, backprop) -> None:
    """One convolution for each turned kernel, pooled: maps, and the derivative that flows back to the one filter."""
    layer = TransformInvariantConv2d(2, 3, 3, TURNS, padding=1, pool=pool, backprop=backprop).double()
    maps = doubles(2, 2, 6, 5)
    turned = [F.conv2d(maps, layer.weight.rot90(k, (2, 3)), layer.bias, padding=1) for k in range(4)]
    stacked = torch.stack(turned, 2)
    expected = {"max": stacked.amax(2), "mean": stacked.mean(2), None: stacked.flatten(1, 2)}[pool]
    wanted = [maps, layer.weight, layer.bias]
    torch.testing.assert_close(
        results(layer, maps),
        [expected, *torch.autograd.grad(expected.sin().sum(), wanted)],
        rtol=0,
        atol=1e-12,
    )


def test_the_filter_gets_the_sum_of_the_derivatives_turned_back() -> None:
    """The derivative of each turned kernel, by hand: y at the place that the turned kernel's point covers."""
    layer = TransformInvariantConv2d(1, 1, 3, TURNS, bias=False, pool=None).double()
    maps = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    dz = torch.randn(1, 4, 3, 3, dtype=torch.float64)
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for k in range(4):
        dw = torch.zeros(3, 3, dtype=torch.float64)
        for i, j, x, y in itertools.product(range(3), repeat=4):
            dw[x, y] += dz[0, k, i, j] * maps[0, 0, i + x, j + y]
        expected += dw.rot90(-k, (0, 1))
    layer(maps).backward(dz)
    torch.testing.assert_close(layer.weight.grad[0, 0], expected, rtol=0, atol=1e-12)


@ON_ALL_POOLS
@ON_ALL
def test_both_ways_give_one_value_and_one_gradient(layer, sizes, settings, shape, pool) -> None:
    custom, native = (layer(*sizes, **settings, pool=pool, backprop=way).double() for way in ("custom", "torch"))
    native.load_state_dict(custom.state_dict())
    maps = doubles(*shape)
    torch.testing.assert_close(results(custom, maps), results(native, maps), rtol=0, atol=1e-12)


@ON_ALL_POOLS
@ON_ALL
def test_derivatives_of_both_orders_are_those_of_finite_differences(layer, sizes, settings, shape, pool) -> None:
    built = layer(*sizes, **settings, pool=pool).double()
    weight = built.weight.detach().requires_grad_()
    maps = doubles(1, *shape[1:-1], 7)

    def answer(maps: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(built, {"weight": weight}, (maps,)).square()

    assert gradcheck(answer, (maps, weight), fast_mode=True)
    assert gradgradcheck(answer, (maps, weight), fast_mode=True)


@pytest.mark.parametrize("pool", ["max", "mean"])
@ON_ALL
def test_both_passes_are_those_of_the_reference(layer, sizes, settings, shape, pool) -> None:
    built = layer(*sizes, **settings, pool=pool).double()
    maps = doubles(*shape)
    answers = built(maps)
    dz = torch.randn_like(answers)
    answers.backward(dz)
    matrices = [matrix.view(*built.transformed_size, *built.weight.shape[2:]).numpy() for matrix in built.matrices]
    scan = {"stride": built.stride, "padding": built.padding, "dilation": built.dilation}
    inputs = [tensor.detach().numpy() for tensor in (maps, *built.parameters())]
    expected = invariant_conv_forward(*inputs, transforms=matrices, pool=pool, **scan)
    torch.testing.assert_close(answers.detach(), torch.from_numpy(expected), rtol=0, atol=1e-12)
    expected = invariant_conv_backward(dz.numpy(), *inputs, transforms=matrices, pool=pool, **scan)
    for tensor, derivative in zip((maps, *built.parameters()), expected, strict=True):
        torch.testing.assert_close(tensor.grad, torch.from_numpy(derivative), rtol=0, atol=1e-12)


@pytest.mark.parametrize("backprop", ["custom", "torch"])
def test_of_equal_answers_the_first_gets_the_derivative(backprop) -> None:
    layer = TransformInvariantConv1d(1, 1, 3, [Identity(), TimeReflection()], bias=False, backprop=backprop)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 1.0]))
    layer(torch.tensor([[[1.0, 2.0, 3.0]]])).sum().backward()
    assert layer.weight.grad.flatten().tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("backprop", ["custom", "torch"])
def test_quarter_turns_of_the_input_move_the_output_and_change_nothing(backprop) -> None:
    layer = TransformInvariantConv2d(2, 3, 3, TURNS, padding="same", backprop=backprop).double()
    maps = torch.randn(2, 2, 7, 7, dtype=torch.float64)
    for k in range(1, 4):
        torch.testing.assert_close(layer(maps.rot90(k, (2, 3))), layer(maps).rot90(k, (2, 3)), rtol=0, atol=1e-12)
        assert invariance_error(layer, maps, Rotation(90 * k)) < 1e-12
    plain = TransformInvariantConv2d(2, 3, 3, [Identity()], padding="same").double()
    assert invariance_error(plain, maps, Rotation(90)) > 0.1


def test_reversed_input_gives_the_reversed_output() -> None:
    layer = TransformInvariantConv1d(2, 3, 4, [Identity(), TimeReflection()], padding=2).double()
    maps = torch.randn(2, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(layer(maps.flip(2)), layer(maps).flip(2), rtol=0, atol=1e-12)
    assert invariance_error(layer, maps, TimeReflection()) < 1e-12
    assert invariance_error(TransformInvariantConv1d(2, 3, 4, [Identity()]).double(), maps, TimeReflection()) > 0.1


def test_maps_move_as_kernels_do() -> None:
    maps = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(transform_maps(maps, Rotation(90)), maps.rot90(1, (2, 3)))
    torch.testing.assert_close(transform_maps(maps, FrequencyShift(2)), F.pad(maps, (0, 0, 2, -2)))
    torch.testing.assert_close(transform_maps(maps[:, :, 0], TimeReflection()), maps[:, :, 0].flip(2))
    turned = transform_maps(maps, Rotation(20))[1, 2]
    torch.testing.assert_close(turned, looped(maps[1, 2], (5, 5), 20, 1, 0), rtol=0, atol=1e-9)


def test_transforms_are_built_from_plain_settings() -> None:
    plain = [{"name": "identity"}, {"name": "rotation", "degrees": 90}, {"name": "frequency_shift", "bands": -1}]
    layer = TransformInvariantConv2d(1, 1, 3, plain)
    assert layer.transforms == (Identity(), Rotation(90), FrequencyShift(-1))
    assert all(issubclass(kind, Transform) for kind in TRANSFORMS.values())


def test_only_weights_are_stored_and_matrices_stay_exact() -> None:
    layer = TransformInvariantConv2d(2, 3, 3, [Identity(), Rotation(45)])
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.matrices.dtype == torch.float32
    layer.double()
    assert torch.equal(layer.matrices[1], kernel_matrix(Rotation(45), (3, 3), (5, 5)))
    with torch.device("meta"):
        empty = TransformInvariantConv2d(2, 3, 3, [Identity(), Rotation(45)])
    assert torch.equal(empty.to_empty(device="cpu").double().matrices, layer.matrices)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_compiles_as_one_graph(pool) -> None:
    layer, sizes, settings, shape = CASES[0]
    built, maps = layer(*sizes, **settings, pool=pool).double(), doubles(*shape)
    compiled = torch.compile(built, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(results(compiled, maps), results(built, maps))


@ON_ALL
def test_an_export_takes_any_length(layer, sizes, settings, shape) -> None:
    built = layer(*sizes, **settings)
    maps, axis = torch.randn(*shape[:-1], 20), len(shape) - 1
    exported = torch.export.export(built, (maps,), dynamic_shapes=({axis: torch.export.Dim("T", min=11)},))
    for length in (11, 40):
        maps = torch.randn(*shape[:-1], length)
        torch.testing.assert_close(exported.module()(maps), built(maps))


@ON_ALL_POOLS
@ON_ALL
def test_gradients_of_single_utterances(layer, sizes, settings, shape, pool) -> None:
    built = layer(*sizes, **settings, pool=pool).double()
    maps, weights = doubles(*shape).detach(), dict(built.named_parameters())

    def loss(weights: dict[str, Tensor], one: Tensor) -> Tensor:
        return torch.func.functional_call(built, weights, (one[None],)).sin().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, maps)
    whole = torch.autograd.grad(built(maps).sin().sum(), list(built.parameters()))
    torch.testing.assert_close([each[name].sum(0) for name in weights], list(whole))


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@ON_ALL_POOLS
def test_half_precision_in_is_half_precision_out(pool, backprop) -> None:
    layer = TransformInvariantConv2d(2, 3, 3, TURNS, pool=pool, backprop=backprop)
    maps = torch.randn(2, 2, 6, 6, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        answers = layer(maps)
    assert answers.dtype == torch.bfloat16
    torch.testing.assert_close(answers.float(), layer(maps), rtol=0.1, atol=0.05)
    answers.float().square().sum().backward()
    assert all(tensor.grad.dtype == torch.float32 for tensor in (maps, *layer.parameters()))


@pytest.mark.parametrize("backprop", ["custom", "torch"])
@ON_ALL_POOLS
def test_layout_and_empty_batches_do_not_matter(pool, backprop) -> None:
    layer = TransformInvariantConv2d(2, 3, 3, TURNS, pool=pool, backprop=backprop)
    maps = torch.randn(2, 2, 6, 7)
    torch.testing.assert_close(layer(maps.to(memory_format=torch.channels_last)), layer(maps))
    torch.testing.assert_close(layer(maps.mT.contiguous().mT), layer(maps))
    empty = torch.zeros(0, 2, 6, 7, requires_grad=True)
    layer(empty).sum().backward()
    assert layer(empty).shape[0] == 0
    assert not layer.weight.grad.any()


@ON_ALL_POOLS
@pytest.mark.parametrize("wanted", [{"maps"}, {"weight"}, {"bias"}, {"maps", "bias"}, set()])
def test_gradients_are_given_to_those_who_asked(pool, wanted: set[str]) -> None:
    layer = TransformInvariantConv2d(2, 3, 3, TURNS, pool=pool)
    tensors = {"maps": torch.randn(1, 2, 5, 5), **dict(layer.named_parameters())}
    for name, tensor in tensors.items():
        tensor.requires_grad_(name in wanted)
    answers = layer(tensors["maps"])
    assert answers.requires_grad == bool(wanted)
    if wanted:
        answers.sum().backward()
    assert {name for name, tensor in tensors.items() if tensor.grad is not None} == wanted


def conv2d(transforms, kernel=3, **settings) -> nn.Module:
    return TransformInvariantConv2d(1, 1, kernel, transforms, **settings)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: conv2d([]), ValueError, r"at least one transform, such as Identity\(\); got \[\]"),
        (lambda: conv2d({"name": "identity"}), ValueError, "must list at least one"),
        (lambda: conv2d(["rotation"]), ValueError, "takes the transforms Identity, Rotation, .* got 'rotation'"),
        (lambda: conv2d([{"name": "turn"}]), ValueError, r"transforms\[0\].name must be one of .*rotation"),
        (lambda: conv2d([{"name": "rotation"}]), ValueError, r"transforms\[0\]: .*degrees"),
        (lambda: conv2d([Identity(), Rotation(360)]), ValueError, r"Identity\(\) and Rotation\(degrees=360\) give the"),
        (lambda: conv2d([Identity(), Reflection(0)], (1, 3)), ValueError, r"size \[1, 3\] another form"),
        (lambda: conv2d([Identity()], pool="sum"), ValueError, "pool must be 'max', 'mean' or None; got 'sum'"),
        (lambda: conv2d([Identity()], 2, padding="same"), ValueError, "stride 1 and odd kernels"),
        (lambda: conv2d([Identity()], backprop="numpy"), ValueError, "'custom' or 'torch'; got 'numpy'"),
        (
            lambda: TransformInvariantConv1d(1, 1, 3, [Rotation(90)]),
            ValueError,
            r"Conv1d takes the transforms Identity, TimeStretch, TimeReflection; got Rotation\(degrees=90\)",
        ),
        (lambda: Scale(0), ValueError, "factor must be a finite number above 0; got 0"),
        (lambda: TimeStretch(math.inf), ValueError, "factor must be a finite number above 0; got inf"),
        (lambda: Rotation(math.nan), ValueError, "degrees must be a finite number; got nan"),
        (lambda: FrequencyShift(math.inf), ValueError, "bands must be a finite number; got inf"),
        (lambda: Reflection(2), ValueError, r"axis must be 0 \(rows\) or 1 \(columns\); got 2"),
        (lambda: conv2d([Identity()])(torch.zeros(1, 2, 5, 5)), ValueError, "1 input channels .* got 2"),
        (lambda: conv2d([Rotation(45)])(torch.zeros(1, 1, 4, 5)), ValueError, r"covers \[5, 5\] values, more than"),
        (lambda: conv2d([Identity()])(torch.zeros(1, 1, 5, 5).int()), TypeError, "floating maps; got torch.int32"),
        (
            lambda: invariance_error(conv2d([Identity()], pool=None), torch.zeros(1, 1, 5, 5), Rotation(90)),
            ValueError,
            "pools over its transforms; this one has pool=None",
        ),
    ],
)
def test_bad_input_is_answered_by_a_sentence(call, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
