"""The lecture's six transforms of pictures as one affine warp of a spectrogram, and what each means for sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.augment.ranges import check_map, uniform
from speechcnn.augment.stages import Stage


@dataclass(frozen=True)
class Affine:
    """Rotate, shear, stretch, rescale, flip and shift a map in one interpolation; what comes in from outside is quiet.

    The defaults are the ranges of the lecture's slide on data augmentation (after Dieleman, Willett and Dambre, 2015,
    section 5.2), which are those of photographs without an up and down. A spectrogram has one: its axes are frequency
    and time, and each transform means something for the sound:

    * shift in time: the sound comes earlier or later. Shift in frequency, on mel bands: higher or lower.
    * rescaling: slower and wider in frequency at once, as a larger or smaller source; stretching: time alone, slower
      or faster at the same pitch.
    * shear: the place in time depends on the frequency, as in a medium that carries low sounds faster than high ones.
    * flip in time: the sound backwards.
    * rotation: steady tones become glides and clicks become sweeps; no sound source does that.

    `Affine.of_sound()` has the ranges that leave a sound a sound.

    Args:
        rotation_degrees: angle from 0 to this.
        shift_frames: in time, from minus this to this.
        shift_bands: in frequency, the same.
        scale: factor of both axes, from 1 / this to this, evenly in its logarithm.
        flip: chance that time is reversed.
        shear_degrees: angle from minus this to this.
        stretch: further factor of time, from 1 / this to this, evenly in its logarithm.

    Raises:
        ValueError: a value outside its limits.
    """

    rotation_degrees: float = 360.0
    shift_frames: float = 10.0
    shift_bands: float = 10.0
    scale: float = 1.6
    flip: float = 0.5
    shear_degrees: float = 20.0
    stretch: float = 1.3
    on: ClassVar[Stage] = "features"

    def __post_init__(self) -> None:
        for name, most in {
            "rotation_degrees": 360,
            "shift_frames": 1e6,
            "shift_bands": 1e3,
            "shear_degrees": 80,
        }.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 0 to {most:g}; got {getattr(self, name)}.")
        for name in ("scale", "stretch"):
            if not 1 <= getattr(self, name) <= 10:
                raise ValueError(f"{name} must be from 1 to 10; got {getattr(self, name)}.")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip must be from 0 to 1; got {self.flip}.")

    @classmethod
    def of_sound(cls) -> Affine:
        """Return ranges within which most sounds keep their class: no rotation, no flip, little shear and scale."""
        return cls(0.0, 25.0, 2.0, 1.1, 0.0, 2.0, 1.2)

    def __call__(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """Return the warped map.

        Shape: [C, F, T] -> [C, F, T].
        """
        check_map(features, None)
        return warped(features, *self.drawn(draw))

    def drawn(self, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw the matrix that takes (time, frequency) to (time, frequency) around the centre, and the shift after it.

        Shape: -> [2, 2], [2] in frames and bands.
        """
        angle = math.radians(uniform(draw, 0.0, self.rotation_degrees))
        shear = math.tan(math.radians(uniform(draw, -self.shear_degrees, self.shear_degrees)))
        scale, stretch = (
            math.exp(uniform(draw, -math.log(most), math.log(most))) for most in (self.scale, self.stretch)
        )
        direction = -1.0 if draw.random() < self.flip else 1.0
        shift = [uniform(draw, -most, most) for most in (self.shift_frames, self.shift_bands)]
        rotated = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        sheared = torch.tensor([[1.0, shear], [0.0, 1.0]])
        return scale * rotated @ sheared @ torch.diag(torch.tensor([direction * stretch, 1.0])), torch.tensor(shift)


def warped(features: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Return the map whose point q holds what was at p, where q = matrix (p - centre) + centre + shift, linearly
    interpolated; points from outside hold the map's least value.

    Shape: features [C, F, T], matrix [2, 2] and shift [2] over (time, frequency) -> [C, F, T].
    """  # noqa: D205
    if not features.numel():
        return features
    size = torch.tensor([features.shape[2], features.shape[1]])
    half = ((size - 1) / 2).clamp(min=0.5)  # of the axis from first to last point; grid_sample counts from -1 to 1
    inverse = torch.linalg.inv(matrix)
    theta = torch.cat([inverse * half[None, :] / half[:, None], (-(inverse @ shift) / half)[:, None]], 1)
    grid = F.affine_grid(theta[None].to(features.dtype), [1, *features.shape], align_corners=True)
    least = features.min()
    return F.grid_sample((features - least)[None], grid, padding_mode="zeros", align_corners=True)[0] + least
