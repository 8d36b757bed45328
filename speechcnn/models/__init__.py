"""The networks, by name: configurations and model files build through this one dict and nothing else."""

from __future__ import annotations

from torch import nn

from speechcnn.models.cnn_dnn import CnnDnn, Dnn
from speechcnn.models.image_nets import IMAGE_NETS

MODELS: dict[str, type[nn.Module]] = {"dnn": Dnn, "cnn_dnn": CnnDnn, **IMAGE_NETS}


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
