"""What a recogniser is built from: plain settings, and the limits that they must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from speechcnn.arguments import SettingsError, construct, shown
from speechcnn.models import PHONE_MODELS, count_parameters

LARGEST_WEIGHT = 1000
MOST_PARAMETERS = 2**28  # a gigabyte in single precision


@dataclass(frozen=True)
class Weighting:
    """How the decoder weighs its sources; tuned on dev data."""

    lm_scale: float = 1.0  # factor on the phone bigram's log probabilities
    insertion_penalty: float = 0.0  # subtracted, in nats, for each phone
    prior_scale: float = 1.0  # exponent of the state priors by which posteriors are divided

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            check_weight(name, value)


def check_weight(name: str, value: float) -> None:
    """Raise a ValueError unless a weight of the decoder is of a size that can mean something."""
    if not abs(value) <= LARGEST_WEIGHT:
        raise ValueError(f"{name} must be from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}; got {value}.")


@dataclass(frozen=True)
class Running:
    """How live audio is normalised, of which nobody knows the whole: by what was heard so far."""

    warm_up_seconds: float = 1.0  # of audio that must have come before anything is given out
    memory_seconds: float = 30.0  # after which what was heard counts for 1 / e

    def __post_init__(self) -> None:
        if not (self.warm_up_seconds > 0 and self.memory_seconds > 0):
            raise ValueError(f"the seconds of a running normalisation must be above 0; got {self}.")


@dataclass(frozen=True)
class Recipe:
    """What a recogniser is built from: plain settings, as a configuration gives them."""

    features: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    model: Mapping[str, Any]


def input_shape(features: nn.Module) -> dict[str, Any]:
    """Return what networks and normalisers must know of the features."""
    return {"n_streams": features.n_streams, "n_bands": features.n_bands, "energy": features.energy}


def outline(settings: Mapping[str, Any], features: nn.Module, n_classes: int) -> nn.Module:
    """Return the network without numbers, only shapes (on the meta device), so that its size is known beforehand.

    Raises:
        SettingsError: it is too large, or the settings do not describe a network.
    """
    with torch.device("meta"):
        network: nn.Module = construct("model", PHONE_MODELS, settings, n_classes=n_classes, **input_shape(features))
    size = count_parameters(network)
    if size > MOST_PARAMETERS:
        raise SettingsError(f"model: {shown(settings)} has {size} parameters; at most {MOST_PARAMETERS} are taken.")
    return network
