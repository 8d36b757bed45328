"""Makes an explanation audible: what the net heard, and what it ignored.

The explanation of a clip's features becomes a mask between 0 and 1, spread from bands onto bins of the short-time
Fourier transform and from frames onto its frames. The clip's transform times the mask, with its own phase, is what was
heard; the rest is what was ignored. Both add up to the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from speechcnn.features import LogMel


@dataclass(frozen=True)
class Heard:
    """A clip divided by an explanation; `heard` and `ignored` add up to it.

    Shape: heard, ignored [N]; mask [F, T], between 0 and 1.
    """

    heard: Tensor
    ignored: Tensor
    mask: Tensor


def soft_mask(explanation: Tensor, quantile: float = 0.9, sharpness: float = 1.0) -> Tensor:
    """Return a mask that is 1 where the explanation is among its highest values and falls with it to 0.

    What speaks against the class is masked out.

    Args:
        explanation: [F, T].
        quantile: share of cells below the value from which on the mask is 1.
        sharpness: power of the mask; higher ones leave less of what lies between.

    Shape: [F, T] -> [F, T].

    Raises:
        ValueError: a quantile outside 0 to 1, or a sharpness that is not above 0.
    """
    if not 0 <= quantile <= 1 or sharpness <= 0:
        raise ValueError(f"quantile must be from 0 to 1 and sharpness above 0; got {quantile} and {sharpness}.")
    speaking = explanation.clamp(min=0)
    full = speaking.flatten().double().quantile(quantile)
    if full <= 0:  # fewer cells than that speak at all
        full = speaking.max().double()
    return (speaking / full.clamp(min=torch.finfo(torch.float32).tiny)).clamp(max=1).pow(sharpness).to(explanation)


def divide(samples: Tensor, mask: Tensor, features: LogMel) -> Heard:
    """Divide a clip into what a mask over its features keeps, and the rest.

    Shape: samples [N], mask [F, T].

    Raises:
        ValueError: a mask whose bands are not those of the features.
    """
    if samples.dim() != 1 or mask.dim() != 2 or mask.shape[0] != features.n_bands or not mask.numel():
        raise ValueError(
            f"samples must be [N] and the mask [{features.n_bands}, T]; got {list(samples.shape)} and "
            f"{list(mask.shape)}."
        )
    size, shift = features.fft_size, features.shift_samples
    window = torch.hann_window(size, dtype=samples.dtype, device=samples.device)
    padded = torch.nn.functional.pad(samples, (0, max(0, size // 2 + 1 - len(samples))))  # reflection needs so many
    transform = torch.stft(padded, size, shift, window=window, return_complex=True)
    gains = over_transform(mask.to(samples), transform.shape[1], features)
    heard = torch.istft(transform * gains, size, shift, window=window, length=len(padded))[: len(samples)]
    return Heard(heard, samples - heard, mask)


def over_transform(mask: Tensor, n_frames: int, features: LogMel) -> Tensor:
    """Spread a mask over bands and frames onto the bins and frames of a transform whose frame j is centred at j shifts.

    Shape: [F, T] -> [bins, n_frames].
    """
    # Frame t of the features is centred half a window later than frame t of the transform.
    times = torch.arange(n_frames, device=mask.device) - features.window_samples / 2 / features.shift_samples
    times = times.clamp(0, mask.shape[1] - 1)
    before = times.floor().long()
    after = (before + 1).clamp(max=mask.shape[1] - 1)
    later = (times - before).to(mask.dtype)
    in_time = mask[:, before] * (1 - later) + mask[:, after] * later
    return bin_weights(features).to(mask) @ in_time


def bin_weights(features: LogMel) -> Tensor:
    """Return how much each band says about each bin; bins below the first band and above the last follow it.

    Shape: -> [bins, F], rows summing to 1.
    """
    weights = features.bands.double()
    known = weights.sum(1) > 0
    first, last = int(known.int().argmax()), len(known) - 1 - int(known.flip(0).int().argmax())
    weights = weights.clone()
    weights[:first, 0] = 1
    weights[last + 1 :, -1] = 1
    return weights / weights.sum(1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
