"""The networks, by name: configurations and model files build through this one dict and nothing else."""

from __future__ import annotations

from torch import nn

from speechcnn.models.cnn_dnn import CnnDnn, Dnn
from speechcnn.models.image_nets import IMAGE_NETS
from speechcnn.models.keyword_nets import KEYWORD_MODELS
from speechcnn.models.localisation import EventLocalizer
from speechcnn.models.residual import ResidualCnn
from speechcnn.models.segmentation import EventSegmenter
from speechcnn.models.tdnn import CnnTdnn, Tdnn

PHONE_MODELS: dict[str, type[nn.Module]] = {
    "dnn": Dnn,
    "cnn_dnn": CnnDnn,
    "tdnn": Tdnn,
    "cnn_tdnn": CnnTdnn,
    "residual_cnn": ResidualCnn,
}
EVENT_MODELS: dict[str, type[nn.Module]] = {"event_segmenter": EventSegmenter, "event_localizer": EventLocalizer}
MODELS: dict[str, type[nn.Module]] = {**PHONE_MODELS, **KEYWORD_MODELS, **EVENT_MODELS, **IMAGE_NETS}


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
