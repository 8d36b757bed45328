"""The same pooling composed of torch's own operators: for devices other than the processor, and for second derivatives.

Source: lecture, "Max Pooling layer at layer l" and "Derivative of mean pooling layer at layer l".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from speechcnn.layers.pooling.windows import pooled


def _places(window: Sequence[int], n_out: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Yield for each place of a window, band by band, the padded map's values that all windows have there."""
    kf, kt, sf, st, _, _, df, dt = window
    for a, b in itertools.product(range(kf), range(kt)):
        yield (
            slice(a * df, a * df + sf * (n_out[0] - 1) + 1, sf),
            slice(b * dt, b * dt + st * (n_out[1] - 1) + 1, st),
        )


def unfold(x: Tensor, window: Sequence[int], fill: float = 0.0) -> Tensor:
    """Return the values of all windows. Shape: x [..., F, T] -> [..., K, F', T']."""
    n_out, (pf, pt) = pooled(x.shape[-2:], window), window[4:6]
    padded = F.pad(x, (pt, pt, pf, pf), value=fill)
    return torch.stack([padded[..., bands, frames] for bands, frames in _places(window, n_out)], -3)


def fold(parts: Tensor, sizes: Sequence[int], window: Sequence[int]) -> Tensor:
    """Add the values of all windows where they came from. Shape: parts [..., K, F', T'] -> [..., F, T]."""
    pf, pt = window[4:6]
    padded = parts.new_zeros((*parts.shape[:-3], sizes[0] + 2 * pf, sizes[1] + 2 * pt))
    for k, (bands, frames) in enumerate(_places(window, (parts.shape[-2], parts.shape[-1]))):
        padded[..., bands, frames] += parts[..., k, :, :]
    return padded[..., pf : pf + sizes[0], pt : pt + sizes[1]]


def find(x: Tensor, window: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return each window's maximum and its offset in the window. Shape: x [M, F, T] -> [M, F', T'] twice."""
    _, kt, sf, st, pf, pt, df, dt = window
    kernel, stride, padding, dilation = (tuple(window[n : n + 2]) for n in (0, 2, 4, 6))
    y, places = F.max_pool2d(x[:, None], kernel, stride, padding, dilation, return_indices=True)
    bands = torch.arange(y.shape[2], device=x.device)[:, None] * sf - pf
    frames = torch.arange(y.shape[3], device=x.device) * st - pt
    a, b = (places // x.shape[2] - bands) // df, (places % x.shape[2] - frames) // dt
    return y[:, 0], (a * kt + b)[:, 0].to(dtype)


def take(x: Tensor, offsets: Tensor, window: Sequence[int]) -> Tensor:
    """Y = x[P]. Shape: x [M, F, T]; offsets [M, F', T'] -> [M, F', T']."""
    return unfold(x, window).gather(-3, offsets.long().unsqueeze(-3)).squeeze(-3)


def give(dy: Tensor, offsets: Tensor, sizes: Sequence[int], window: Sequence[int]) -> Tensor:
    """dx[P] += dy, one place of the window after another. Shape: dy, offsets [M, F', T'] -> [M, F, T]."""
    pf, pt = window[4:6]
    dx = dy.new_zeros((len(dy), sizes[0] + 2 * pf, sizes[1] + 2 * pt))
    for k, (bands, frames) in enumerate(_places(window, (dy.shape[1], dy.shape[2]))):
        dx[:, bands, frames] += dy.where(offsets == k, 0)
    return dx[:, pf : pf + sizes[0], pt : pt + sizes[1]].contiguous()


def weighted_sum(x: Tensor, over_bands: Sequence[float], over_frames: Sequence[float], window: Sequence[int]) -> Tensor:
    """Return the windows' sums under a weight for each place. Shape: x [M, F, T] -> [M, F', T']."""
    return F.conv2d(x[:, None], _kernel(x, over_bands, over_frames), None, window[2:4], window[4:6], window[6:])[:, 0]


def spread(
    dy: Tensor, sizes: Sequence[int], over_bands: Sequence[float], over_frames: Sequence[float], window: Sequence[int]
) -> Tensor:
    """Return the adjoint of `weighted_sum`. Shape: dy [M, F', T'] -> [M, F, T]."""
    shape, kernel = (len(dy), 1, *sizes), _kernel(dy, over_bands, over_frames)
    return conv2d_input(shape, kernel, dy[:, None], window[2:4], window[4:6], window[6:])[:, 0]


def _kernel(like: Tensor, over_bands: Sequence[float], over_frames: Sequence[float]) -> Tensor:
    return torch.outer(like.new_tensor(over_bands), like.new_tensor(over_frames))[None, None]


def soft(x: Tensor, sharpness: Tensor, window: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the softmax-weighted means and log sum exp(sharpness x). Shape: x [..., F, T]; sharpness [...]."""
    logits = unfold(x * sharpness[..., None, None], window, -torch.inf)
    return (logits.softmax(-3) * unfold(x, window)).sum(-3), logits.logsumexp(-3)


def give_soft(dy: Tensor, x: Tensor, sharpness: Tensor, window: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the derivatives of `soft` for x and sharpness, in operators that can be derived again."""
    a, values = sharpness[..., None, None, None], unfold(x, window)
    shares = unfold(x * sharpness[..., None, None], window, -torch.inf).softmax(-3)
    above = values - (shares * values).sum(-3, keepdim=True)
    shares = shares * dy.unsqueeze(-3)
    dx = fold(shares * (1 + a * above), x.shape[-2:], window)
    return dx, (shares * values * above).sum((-3, -2, -1))
