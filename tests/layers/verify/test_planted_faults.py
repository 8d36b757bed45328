"""A right convolution and a right max pooling by hand, the faults that one plants in them, and the rows that tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import Function

from speechcnn import verify_layer
from speechcnn.layers.verify import Report


def push(dz: Tensor, w: Tensor, size: int, stride: int) -> Tensor:
    """dX: each tap adds its share where it looked. dz [B, J, N], w [J, I, K] -> [B, I, size]."""
    dx = dz.new_zeros(dz.shape[0], w.shape[1], size)
    for k in range(w.shape[2]):
        share = torch.einsum("bjn,ji->bin", dz, w[:, :, k])
        seen = torch.arange(dz.shape[2], device=dz.device) * stride + k
        dx = dx.index_add(2, seen, share)
    return dx


def correlate(x: Tensor, dz: Tensor, kernel: int, stride: int) -> Tensor:
    """dW: each tap is what it saw times what came of it. x [B, I, T], dz [B, J, N] -> [J, I, kernel]."""
    last = stride * (dz.shape[2] - 1) + 1
    taps = [torch.einsum("bjn,bin->ji", dz, x[:, :, k : k + last : stride]) for k in range(kernel)]
    return torch.stack(taps, dim=2)


class Conv(Function):
    """A right convolution: x [B, I, T], w [J, I, K] -> [B, J, N]."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, w: Tensor, stride: int) -> Tensor:
        return torch.nn.functional.conv1d(x, w, stride=stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, w, ctx.stride = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w, x.shape[2], ctx.stride) if ctx.needs_input_grad[0] else None
        dw = correlate(x, dz, w.shape[2], ctx.stride) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class SignError(Conv):
    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w, x.shape[2], ctx.stride) if ctx.needs_input_grad[0] else None
        dw = -correlate(x, dz, w.shape[2], ctx.stride) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class WrongFlip(Conv):
    """On the way back the filter is turned round once too often."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w.flip(2), x.shape[2], ctx.stride) if ctx.needs_input_grad[0] else None
        dw = correlate(x, dz, w.shape[2], ctx.stride) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class ForgottenStride(Conv):
    """Derivatives go back to neighbouring places although the filter had moved on by the stride."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w, x.shape[2], 1) if ctx.needs_input_grad[0] else None
        dw = correlate(x, dz, w.shape[2], ctx.stride) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class Wasteful(Conv):
    """All gradients are computed, whoever asked."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        return push(dz, w, x.shape[2], ctx.stride), correlate(x, dz, w.shape[2], ctx.stride), None


class HalfSecond(Conv):
    """The second derivative lacks the part that goes through the saved filter."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w.detach(), x.shape[2], ctx.stride) if ctx.needs_input_grad[0] else None
        dw = correlate(x, dz, w.shape[2], ctx.stride) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class CutOff(Conv):
    """The gradients are right and cannot be differentiated."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dx = push(dz, w, x.shape[2], ctx.stride).detach() if ctx.needs_input_grad[0] else None
        dw = correlate(x, dz, w.shape[2], ctx.stride).detach() if ctx.needs_input_grad[1] else None
        return dx, dw, None


class NoVmap(Conv):
    generate_vmap_rule = False


class MaxPool(Function):
    """A right max pooling over windows that overlap: [B, C, T] -> [B, C, N]."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
        values, inside = x.unfold(2, size, stride).max(3)
        return values, inside + torch.arange(inside.shape[2], device=x.device) * stride

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.length = inputs[0].shape[2]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx: Any, dz: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return dz.new_zeros(*dz.shape[:2], ctx.length).scatter_add(2, places, dz), None, None


class MissingSum(MaxPool):
    """A value that is the largest of two windows gets the derivative of one of them: = instead of +=."""

    @staticmethod
    def backward(ctx: Any, dz: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return dz.new_zeros(*dz.shape[:2], ctx.length).scatter(2, places, dz), None, None


class Layer(nn.Module):
    """One of the convolutions above as a module; it takes part in autocast as torch's own operators do."""

    def __init__(self, function: type[Function] = Conv) -> None:
        super().__init__()
        self.function, self.stride = function, 2
        self.weight = nn.Parameter(torch.randn(3, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        return self.function.apply(x.to(dtype), self.weight.to(dtype), self.stride)

    def extra_repr(self) -> str:
        return self.function.__name__


class Branching(Layer):
    """The path depends on a value, so that there is no one graph."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.sum() > 0 else x * 1)


class StaysSingle(Layer):
    """Single precision, whatever autocast says."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(x)


class FixedLength(Layer):
    """A length that was a number when the layer was exported stays this number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * torch.tensor([1.0] * x.shape[-1], dtype=x.dtype))


class Remembering(Layer):
    """Each run moves the output a little."""

    def forward(self, x: Tensor) -> Tensor:
        self.runs = getattr(self, "runs", 0) + 1
        return super().forward(x) * (1 + 1e-15 * self.runs)


class LooksAtOthers(Layer):
    """An item's output depends on the rest of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class ReadsMemory(Layer):
    """Values are taken in the order in which they lie in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.as_strided(x.shape, (x.shape[1] * x.shape[2], x.shape[2], 1)))


class NoEmptyBatch(Layer):
    """The level is measured, of nothing too."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * (x.abs().max() * 0 + 1))


def scan(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The forward pass with stride 2 as loops."""
    z = np.zeros((len(x), len(w), (x.shape[2] - w.shape[2]) // 2 + 1))
    for b, j, n in np.ndindex(*z.shape):
        z[b, j, n] = (w[j] * x[b, :, 2 * n : 2 * n + w.shape[2]]).sum()
    return z


def scan_back(dz: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for b, j, n in np.ndindex(*dz.shape):
        seen = slice(2 * n, 2 * n + w.shape[2])
        dx[b, :, seen] += dz[b, j, n] * w[j]
        dw[j] += dz[b, j, n] * x[b, :, seen]
    return dx, dw


def native(x: Tensor, w: Tensor) -> Tensor:
    return torch.nn.functional.conv1d(x, w, stride=2)


def verified(layer: nn.Module, *without: str) -> Report:
    shapes = [(2, 2, 9), (3, 2, 8)]
    return verify_layer(
        layer, (scan, scan_back), torch_operator=native, shapes=shapes, shortest=(1, 2, 3), without=without
    )


def failing(report: Report) -> set[str]:
    return {row.name for row in report.rows if row.holds is False}


SLOW = ("compile", "export")
TRUTHS = {"loops: gradients", "torch: gradients", "finite differences", "batch of one"}


def test_a_right_layer_passes_every_row() -> None:
    report = verified(Layer())
    assert report.holds, str(report)
    assert {row.name for row in report.rows if row.holds is None} == {
        "forward mode",
        "channels-last",
        "operator registration",
    }
    assert all(row.error is None or row.error < 1e-10 for row in report.rows)


@pytest.mark.parametrize(
    ("function", "leaf", "rows"),
    [
        (SignError, "weight", {*TRUTHS, "shortest input"}),
        (WrongFlip, "input 0", {*TRUTHS, "shortest input"}),
        (ForgottenStride, "input 0", TRUTHS),  # the shortest input has one place only, so no stride
    ],
)
def test_a_wrong_gradient_differs_from_every_truth(function: type[Function], leaf: str, rows: set[str]) -> None:
    report = verified(Layer(function), *SLOW)
    assert failing(report) == rows
    assert all(report[name].error > 0.1 for name in rows)
    assert all(f"the gradient of {leaf} differs" in report[name].note for name in rows)


@pytest.mark.parametrize(
    ("function", "rows"),
    [(MaxPool, set()), (MissingSum, {"torch: gradients", "finite differences", "second order", "batch of one"})],
)
def test_a_missing_sum_differs_from_every_truth(function: type[Function], rows: set[str]) -> None:
    """Windows of 4 values every 2 overlap, so that some value is the largest of two."""
    report = verify_layer(
        lambda x: function.apply(x, 4, 2)[0],
        torch_operator=lambda x: torch.nn.functional.max_pool1d(x, 4, 2),
        shapes=[(2, 3, 12)],
        without=SLOW,
    )
    assert failing(report) == rows, str(report)


@pytest.mark.parametrize(
    ("layer", "function", "row", "sentence"),
    [
        (Layer, Wasteful, "requires_grad subsets", "with only input 0 requiring a gradient, Wasteful computes others"),
        (Layer, HalfSecond, "second order", "the second derivative with respect to weight differs"),
        (Layer, CutOff, "second order", "the gradients are cut off"),
        (Layer, NoVmap, "vmap", "does not have vmap support"),
        (StaysSingle, Conv, "autocast", "under autocast the output is torch.float32; torch's own operator gives"),
        (Remembering, Conv, "repeatability", "a second run with the same inputs gives other bits: the output differs"),
        (ReadsMemory, Conv, "strided input", "every_other input: the output differs"),
        (NoEmptyBatch, Conv, "batch of zero", "Expected reduction dim to be specified for input.numel() == 0"),
    ],
)
def test_a_fault_shows_in_the_row_that_looks_for_it(
    layer: type[Layer], function: type[Function], row: str, sentence: str
) -> None:
    report = verified(layer(function), *SLOW)
    assert failing(report) == {row}, str(report)
    assert sentence in report[row].note


def test_an_item_that_depends_on_the_others_is_seen_without_any_truth() -> None:
    assert failing(verify_layer(LooksAtOthers(), shapes=[(2, 2, 9)], without=SLOW)) == {"batch of one"}


def test_a_path_that_depends_on_a_value_does_not_compile() -> None:
    report = verified(Branching())
    assert {"compile", "export"} <= failing(report)
    assert "Data-dependent branching" in report["compile"].note


def test_a_length_that_is_frozen_at_export_is_seen() -> None:
    report = verified(FixedLength(), "compile")
    assert failing(report) == {"export"}
    assert "exported at length 9, it does not run at twice that" in report["export"].note
