"""What augmentations do to one clip, drawn and made audible."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from speechcnn import audio
from speechcnn.audio.source import Source, waveform
from speechcnn.augment.affine import Affine
from speechcnn.augment.chain import Augmentation, MapAugmentation, WaveformAugmentation
from speechcnn.augment.equalizer import Equalizer
from speechcnn.augment.level import Gain
from speechcnn.augment.masks import SpecAugment
from speechcnn.augment.noise import Noise
from speechcnn.augment.room import Room
from speechcnn.augment.speed import Speed
from speechcnn.torchaudio_pair import torchaudio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, SHIFT = 512, 128  # of the spectra that are drawn and turned back into sound
QUIETEST = 1e-9  # energy
ROUNDS = 32  # of the search for phases (Griffin and Lim, 1984)


def show(
    clip: Source,
    folder: str | Path,
    augmentations: Mapping[str, Augmentation] | None = None,
    rate: int | None = None,
    seed: int = 0,
) -> Figure:
    """Draw a clip under each augmentation, and write each picture's sound as `folder/NAME.wav` and `augmented.png`.

    What is done to a feature map is done here to the logarithm of the clip's power spectrum, and heard through the
    phases that fit it best.

    Args:
        clip: a path, a pair (samples, rate), or an array of samples with `rate=`.
        folder: where files go; it is made.
        augmentations: by name; by default one of each kind.
        rate: samples per second of a bare array.
        seed: of the draws.

    Raises:
        FileNotFoundError, AudioError: the clip cannot be read.
    """
    place, own = Path(folder), rate_of(clip, rate)
    samples = torch.from_numpy(waveform(clip, rate, own))
    steps = default_augmentations() if augmentations is None else dict(augmentations)
    sounds = {"original": samples}
    for number, (name, step) in enumerate(steps.items()):
        sounds[name] = heard(step, samples, own, np.random.default_rng([seed, number]))
    place.mkdir(parents=True, exist_ok=True)
    for name, sound in sounds.items():
        audio.write(place / f"{name}.wav", sound.clamp(-1, 1).numpy(), own)
    figure = draw_spectra(sounds, own)
    figure.savefig(place / "augmented.png", dpi=100)
    return figure


def default_augmentations() -> dict[str, Augmentation]:
    """Return one augmentation of each kind."""
    return {
        "speed": Speed(),
        "gain": Gain(),
        "noise": Noise(),
        "room": Room(),
        "equalizer": Equalizer(),
        "spec_augment": SpecAugment(most_bands=SIZE // 12),
        "affine_of_sound": Affine.of_sound(),
        "affine_of_pictures": Affine(),
    }


def rate_of(clip: Source, rate: int | None) -> int:
    """Return a clip's samples per second."""
    if isinstance(clip, str | Path):
        return audio.info(clip).rate
    if isinstance(clip, tuple):
        return clip[1]
    return rate or 0


def heard(step: Augmentation, samples: Tensor, rate: int, draw: np.random.Generator) -> Tensor:
    """Return the samples under an augmentation, of samples or of maps.

    Shape: [N] -> [N'].
    """
    if step.on == "waveform":
        return cast(WaveformAugmentation, step)(samples, rate, draw)
    changed = cast(MapAugmentation, step)(log_power(samples)[None], draw)[0]
    return torchaudio().functional.griffinlim(
        changed.exp(), torch.hann_window(SIZE), SIZE, SHIFT, SIZE, 2.0, ROUNDS, 0.99, len(samples), rand_init=False
    )


def log_power(samples: Tensor) -> Tensor:
    """Return the logarithm of the power spectra.

    Shape: [N] -> [F, T].
    """
    spectra = torch.stft(samples, SIZE, SHIFT, window=torch.hann_window(SIZE), return_complex=True, pad_mode="constant")
    return spectra.abs().square().clamp(min=QUIETEST).log()


def draw_spectra(sounds: Mapping[str, Tensor], rate: int) -> Figure:
    """Return a figure with the spectra of each sound."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(sounds) // 3)
    figure = Figure(figsize=(11, 2.1 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 3, squeeze=False).flat
    pictures = {name: log_power(sound).numpy() for name, sound in sounds.items()}
    loudest = max(picture.max() for picture in pictures.values())
    for axis, (name, picture) in zip(axes, pictures.items(), strict=False):
        extent = (0, len(sounds[name]) / rate, 0, rate / 2000)
        axis.imshow(
            picture, origin="lower", aspect="auto", extent=extent, vmin=loudest - 18, vmax=loudest, cmap="magma"
        )
        axis.set_title(name, fontsize=9, loc="left", parse_math=False)
        axis.tick_params(labelsize=7)
    for axis in list(axes)[len(sounds) :]:
        axis.set_axis_off()
    return figure
