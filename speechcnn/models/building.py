"""What is asked of settings before a network is built from them, as a configuration or a model file gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from speechcnn.arguments import SettingsError, Table, construct, shown
from speechcnn.models import MODELS, count_parameters

MOST_PARAMETERS = 2**28  # a gigabyte in single precision


@dataclass(frozen=True)
class Recipe:
    """What features, normalisation and network are built from: plain settings, as a configuration gives them."""

    features: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    model: Mapping[str, Any]


def input_shape(features: nn.Module) -> dict[str, Any]:
    """Return what networks and normalisers must know of the features."""
    return {"n_streams": features.n_streams, "n_bands": features.n_bands, "energy": features.energy}


def outline(
    settings: Mapping[str, Any],
    features: nn.Module,
    n_classes: int,
    target: Table | Callable[..., Any] = MODELS,
    shape: Callable[[Any], dict[str, Any]] = input_shape,
) -> nn.Module:
    """Return the network without numbers, only shapes (on the meta device), so that its size is known beforehand.

    Args:
        settings: of the network.
        features: what it reads.
        n_classes: its scores.
        target: the class, or the table in which the settings choose by name.
        shape: what the network must know of the features.

    Raises:
        SettingsError: it is too large, or the settings do not describe a network of the target.
    """
    with torch.device("meta"):
        network: nn.Module = construct("model", target, settings, n_classes=n_classes, **shape(features))
    size = count_parameters(network)
    if size > MOST_PARAMETERS:
        raise SettingsError(f"model: {shown(settings)} has {size} parameters; at most {MOST_PARAMETERS} are taken.")
    return network
