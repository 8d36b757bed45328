"""Convolution whose filters look for their pattern in every enumerated transform: turned, stretched, mirrored, shifted.

For each filter w(s) and transform T_t there is a map, z_t(s, i, j) = Y . shift(T_t(w(s)), i, j). The transforms are
matrices (`speechcnn.layers.transforms`), so all maps come from one convolution with S * n filters of one size. Pooled
over the transforms, the layer answers to a pattern and to its transforms alike. The derivatives flow back through each
transform to the one shared filter: dw = sum over t of M_t^T dw_t.

Source: the lecture's section on transform invariance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.autograd import Function

from speechcnn.layers.conv import TORCH, check_channels, convolve, same_padding
from speechcnn.layers.flat import draw_like_torch
from speechcnn.layers.maps import Backprop, Size, autocast, check_backprop, check_maps, per_axis
from speechcnn.layers.transforms import Transform, as_transforms, common_size, kernel_matrix, transform_maps

Pool: TypeAlias = Literal["max", "mean"]


class TransformInvariantConvolution(nn.Module):
    """What `TransformInvariantConv1d` and `TransformInvariantConv2d` share.

    All transformed kernels stand on one grid, `transformed_size`: the smallest on which none is cut, larger than
    `kernel_size` by an even number. Padding and output length are those of a convolution with kernels of that size.

    Args:
        in_channels: maps below.
        out_channels: filters.
        kernel_size: values of a filter along each axis, before it is transformed.
        transforms: the transforms to look for, as objects or in plain form, `{"name": "rotation", "degrees": 90}`.
            A layer answers to the pattern itself only when `Identity()` is one of them.
        stride: values between two positions of the filter.
        padding: zeros around the maps, or "same" for as many as keep their size (odd kernels, stride 1).
        dilation: values between two taps of the filter.
        bias: whether each filter has an offset, the same in all transforms.
        pool: "max" keeps the strongest of the transforms (the first of equal ones); "mean" their mean, which is one
            convolution with the mean kernel; None returns all maps, filter by filter: map s * n + t is filter s in
            transform t of n.
        backprop: whose backward pass runs.
    """

    n_axes: ClassVar[int]
    matrices: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        transforms: Sequence[Transform | Mapping[str, Any]],
        stride: Size = 1,
        padding: Size | Literal["same"] = 0,
        dilation: Size = 1,
        bias: bool = True,
        pool: Pool | None = "max",
        backprop: Backprop = "custom",
    ) -> None:
        super().__init__()
        check_backprop(backprop)
        check_channels(in_channels, out_channels, 1)
        if pool not in (*get_args(Pool), None):
            raise ValueError(f"pool must be 'max', 'mean' or None; got {pool!r}.")
        kernel = per_axis("kernel_size", kernel_size, self.n_axes)
        self.transforms = as_transforms(type(self).__name__, transforms, self.n_axes)
        with torch.device("cpu"):  # they hold numbers even where the layer is built without any, on "meta"
            self.transformed_size = common_size(self.transforms, kernel)
            self.exact = exact_matrices(self.transforms, kernel, self.transformed_size)
        self.stride = per_axis("stride", stride, self.n_axes)
        self.dilation = per_axis("dilation", dilation, self.n_axes)
        self.padding = (
            same_padding(self.transformed_size, self.stride, self.dilation)
            if padding == "same"
            else per_axis("padding", padding, self.n_axes, least=0)
        )
        self.pool, self.backprop = pool, backprop
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.register_buffer("matrices", self.exact.to(self.weight), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters as torch's own convolutions do, in the same order."""
        draw_like_torch(self.weight, self.bias)

    def _apply(self, fn: Any, recurse: bool = True) -> TransformInvariantConvolution:
        """Move the layer; the matrices are rounded anew, so that float32 leaves no trace in float64."""
        super()._apply(fn, recurse)
        self.matrices = self.exact.to(self.weight)
        return self

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve with every transform of every filter, then pool over the transforms.

        Shape: [B, C, (F,) T] -> [B, S, ...], or [B, S * n, ...] without pooling.
        """
        check_maps(type(self).__name__, maps, [self.n_axes], self.weight.shape[1])
        return self._by_hand(maps) if self.backprop == "custom" else self._by_torch(maps)

    def _by_hand(self, maps: Tensor) -> Tensor:
        weight, matrices = autocast(self.weight, self.matrices)
        if self.pool == "mean":
            matrices = matrices.mean(0, keepdim=True)
        n = len(matrices)
        kernels = TransformFilters.apply(weight.flatten(2), matrices).flatten(0, 1).unflatten(2, self.transformed_size)
        bias = None if self.bias is None else self.bias.repeat_interleave(n)
        answers = convolve(maps, kernels, bias, self.stride, self.padding, self.dilation)
        return LargestTransform.apply(answers.unflatten(1, (-1, n)))[0] if self.pool == "max" else answers

    def _by_torch(self, maps: Tensor) -> Tensor:
        n = len(self.transforms)
        kernels = torch.einsum("sik,tqk->stiq", self.weight.flatten(2), self.matrices).flatten(0, 1)
        kernels = kernels.unflatten(2, self.transformed_size)
        bias = None if self.bias is None else self.bias.repeat_interleave(n)
        answers = TORCH[self.n_axes](maps, kernels, bias, self.stride, self.padding, self.dilation)
        if self.pool is None:
            return answers
        answers = answers.unflatten(1, (-1, n))
        return answers.max(2).values if self.pool == "max" else answers.mean(2)

    def extra_repr(self) -> str:
        """Return what `print` shows between the brackets."""
        j, i, *kernel = self.weight.shape
        return (
            f"{i}, {j}, kernel_size={tuple(kernel)}, transforms={list(self.transforms)}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, pool={self.pool}, backprop={self.backprop}"
        )


class TransformInvariantConv1d(TransformInvariantConvolution):
    """Convolution along time that finds patterns at several speeds and backwards.

    >>> from speechcnn.layers.transforms import Identity, TimeStretch
    >>> layer = TransformInvariantConv1d(40, 64, 5, [Identity(), TimeStretch(1.5)], padding="same")
    >>> layer(torch.zeros(2, 40, 300)).shape
    torch.Size([2, 64, 300])
    """

    n_axes = 1


class TransformInvariantConv2d(TransformInvariantConvolution):
    """Convolution along frequency and time that finds patterns shifted, stretched, turned or mirrored.

    >>> from speechcnn.layers.transforms import FrequencyShift
    >>> layer = TransformInvariantConv2d(3, 8, (5, 3), [FrequencyShift(b) for b in (-1, 0, 1)])
    >>> layer.transformed_size, layer(torch.zeros(2, 3, 40, 300)).shape
    ((7, 3), torch.Size([2, 8, 34, 298]))
    """

    n_axes = 2


class TransformFilters(Function):
    """w_t = M_t w for each filter, plane and transform."""

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, matrices: Tensor) -> Tensor:
        """Shape: weight [S, I, K], matrices [n, K', K] -> [S, n, I, K']."""
        return torch.einsum("sik,tqk->stiq", weight, matrices)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Set dw = sum over t of M_t^T dw_t; the matrices are fixed."""
        return GatherFilters.apply(grad, *ctx.saved_tensors), None


class GatherFilters(Function):
    """w = sum over t of M_t^T w_t: the adjoint of `TransformFilters`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(kernels: Tensor, matrices: Tensor) -> Tensor:
        """Shape: kernels [S, n, I, K'], matrices [n, K', K] -> [S, I, K]."""
        return torch.einsum("stiq,tqk->sik", kernels, matrices)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Transform the derivative as a filter."""
        return TransformFilters.apply(grad, *ctx.saved_tensors), None


class LargestTransform(Function):
    """The largest answer among the transforms of each filter, and which it is."""

    generate_vmap_rule = True

    @staticmethod
    def forward(answers: Tensor) -> tuple[Tensor, Tensor]:
        """Shape: [B, S, n, ...] -> twice [B, S, ...]."""
        largest = answers[:, :, 0].clone()
        which = torch.zeros_like(largest, dtype=torch.int16)
        for t in range(1, answers.shape[2]):  # whole maps at a time; int16 places, where torch's max keeps int64
            which = which.masked_fill(answers[:, :, t] > largest, t)
            largest = torch.maximum(largest, answers[:, :, t])
        return largest, which

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        """Keep which transform won."""
        ctx.n_transforms = inputs[0].shape[2]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: None) -> Tensor:
        """Give the derivative to the transform that won."""
        return GiveWinner.apply(grad, *ctx.saved_tensors, ctx.n_transforms)


class GiveWinner(Function):
    """Put each value at the transform that won, zeros at the others."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, which: Tensor, n_transforms: int) -> Tensor:
        """Shape: twice [B, S, ...] -> [B, S, n, ...]."""
        transforms = torch.arange(n_transforms, dtype=which.dtype, device=which.device)
        won = which.unsqueeze(2) == transforms.view(-1, *[1] * (which.dim() - 2))
        return torch.where(won, values.unsqueeze(2), 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep which transform won."""
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Take from the transform that won."""
        return TakeWinner.apply(grad, *ctx.saved_tensors), None, None


class TakeWinner(Function):
    """Take each value from the transform that won: the adjoint of `GiveWinner`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(answers: Tensor, which: Tensor) -> Tensor:
        """Shape: [B, S, n, ...] and [B, S, ...] -> [B, S, ...]."""
        return answers.gather(2, which.long().unsqueeze(2)).squeeze(2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep which transform won."""
        ctx.n_transforms = inputs[0].shape[2]
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Give to the transform that won."""
        return GiveWinner.apply(grad, *ctx.saved_tensors, ctx.n_transforms), None


def invariance_error(layer: nn.Module, maps: Tensor, transform: Transform) -> float:
    """Return how much a layer's output changes, beyond moving along, when its input is transformed.

    It is the largest difference between layer(T maps) and T layer(maps), over the largest value of layer(maps). Both
    are moved about the centre of the maps. Zero where the layer's transforms are a group that holds `transform` (all
    quarter turns; itself and its mirror image) and the maps lose nothing at their edges.

    Raises:
        ValueError: a layer that returns all transforms, as these change their places.
    """
    if isinstance(layer, TransformInvariantConvolution) and layer.pool is None:
        raise ValueError("invariance_error needs a layer that pools over its transforms; this one has pool=None.")
    with torch.no_grad():
        plain = layer(maps)
        difference = layer(transform_maps(maps, transform)) - transform_maps(plain, transform)
        return (difference.abs().max() / plain.abs().max()).item()


def exact_matrices(transforms: Sequence[Transform], kernel: Sequence[int], size: Sequence[int]) -> Tensor:
    """Return the matrix of each transform.

    Shape: [n, K', K]; float64 on the CPU.

    Raises:
        ValueError: two transforms that give this kernel the same form, or one that leaves nothing of it.
    """
    matrices = torch.stack([kernel_matrix(transform, kernel, size) for transform in transforms])
    for t, matrix in enumerate(matrices):
        if not matrix.any():
            raise ValueError(f"{transforms[t]} leaves nothing of a kernel of size {list(kernel)}. Take a larger one.")
        for earlier in range(t):
            if torch.equal(matrix, matrices[earlier]):
                raise ValueError(
                    f"Each transform must give a kernel of size {list(kernel)} another form; {transforms[earlier]} and "
                    f"{transforms[t]} give the same. Leave one out."
                )
    return matrices
