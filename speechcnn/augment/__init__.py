"""Random changes of recordings and of feature maps that leave what was said as it was.

    speed, level, noise, room, equalizer    of samples: `augmentation(samples, rate, draw)`
    warp, formant_warp, band_gains, band_noise of features before they are normalised: `augmentation(features, draw)`
    affine                                  of features, the lecture's six transforms of pictures
    mixup                                   of two clips' features
    masks                                   of normalised features: `augmentation(features, draw)`
    chain                                   several, each with a probability

Each is a frozen record of ranges. All that is random comes from the generator `draw`, so that the same draw gives the
same result, and nothing is remembered. Samples are [N], float32, mono; feature maps are [C, F, T]. `on` says what
an augmentation takes. A change of speed moves the labels; `Chain.moved` tells by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from speechcnn.augment.affine import Affine
from speechcnn.augment.band_gains import BandGains
from speechcnn.augment.band_noise import BandNoise
from speechcnn.augment.chain import Augmentation, Chain, MapAugmentation, WaveformAugmentation
from speechcnn.augment.equalizer import Equalizer
from speechcnn.augment.formant_warp import FormantWarp
from speechcnn.augment.level import Clip, Gain
from speechcnn.augment.masks import SpecAugment
from speechcnn.augment.mixup import Mixup
from speechcnn.augment.noise import Noise
from speechcnn.augment.room import Room
from speechcnn.augment.show import show
from speechcnn.augment.speed import Speed, moved_labels
from speechcnn.augment.stages import Stage
from speechcnn.augment.warp import FrequencyWarp

__all__ = [
    "AUGMENTATIONS",
    "Affine",
    "Augmentation",
    "BandGains",
    "BandNoise",
    "Chain",
    "Clip",
    "Equalizer",
    "FormantWarp",
    "FrequencyWarp",
    "Gain",
    "MapAugmentation",
    "Mixup",
    "Noise",
    "Room",
    "SpecAugment",
    "Speed",
    "Stage",
    "WaveformAugmentation",
    "moved_labels",
    "show",
]

AUGMENTATIONS: Mapping[str, Callable[..., Augmentation]] = {
    "speed": Speed,
    "gain": Gain,
    "clip": Clip,
    "noise": Noise,
    "room": Room,
    "equalizer": Equalizer,
    "spec_augment": SpecAugment,
    "frequency_warp": FrequencyWarp,
    "formant_warp": FormantWarp,
    "band_gains": BandGains,
    "band_noise": BandNoise,
    "affine": Affine,
}
