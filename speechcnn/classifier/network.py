"""Features, normalisation, network and temperature as one, built from plain settings and kept in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechcnn import bundle
from speechcnn.arguments import check_type, construct
from speechcnn.classifier.windows import WindowPolicy
from speechcnn.features import FEATURES, LogMel
from speechcnn.metrics.calibration import COLDEST, HOTTEST, sigmoid, softmax
from speechcnn.models import count_parameters
from speechcnn.models.building import outline
from speechcnn.models.fields import Reach, reach, receptive_field
from speechcnn.models.image_nets import IMAGE_NETS
from speechcnn.models.image_nets.parts import ClassifyingNet

TASK = "classification"
TENSOR_GROUPS = ("model", "scale", "known")  # of a model file
BATCH = 32  # windows scored at once


@dataclass(frozen=True)
class Requirements:
    """What a model asks of a recording and of a machine."""

    rate: int  # samples per second that it works at; other rates are converted
    window_seconds: float  # of sound that it looks at as a whole
    minimum_seconds: float  # that its layers need; a shorter clip is repeated or padded to a window first
    short: str  # what is done with clips below a window
    receptive_field_ms: float | None  # that one place of the last maps sees; None: the whole window
    receptive_field_hz: tuple[tuple[float, float], tuple[float, float]] | None  # at the lower and the upper end
    bands: int
    parameters: int
    parameter_megabytes: float
    batch_megabytes: float  # of the windows of one batch as features


@dataclass(frozen=True)
class Recipe:
    """What a network is built from: plain settings, as a configuration gives them."""

    features: Mapping[str, Any]
    model: Mapping[str, Any]


class Network:
    """A fitted network with all that lies between samples and probabilities.

    Args:
        recipe: settings of the features and the network.
        n_classes: scores.
        multi: whether each class is decided for itself (sigmoid) or one of all (softmax).
    """

    def __init__(self, recipe: Recipe, n_classes: int, multi: bool) -> None:
        self.recipe, self.multi = recipe, multi
        self.features = build_features(recipe.features)
        outline(recipe.model, self.features, n_classes, IMAGE_NETS, shape_of)
        self.model: ClassifyingNet = construct(
            "model", IMAGE_NETS, recipe.model, n_classes=n_classes, **shape_of(self.features)
        )
        rows = (self.features.n_streams, self.features.n_bands + self.features.energy, 1)
        self.mean, self.std = torch.zeros(rows), torch.ones(rows)
        self.temperature = 1.0

    @property
    def rate(self) -> int:
        """Samples per second that the features are computed at."""
        return self.features.rate

    def extract(self, samples: NDArray[np.float32]) -> Tensor:
        """Return the features of one clip.

        Shape: [N] -> [C, F, T].
        """
        return self.features(torch.from_numpy(np.ascontiguousarray(samples))[None])[0][0]

    def windows(self, samples: NDArray[np.float32], policy: WindowPolicy, reference: Tensor | None = None) -> Tensor:
        """Return the normalised windows of one clip; `reference` is that of `WindowPolicy.cut`.

        Shape: [N] -> [W, C, F, T].
        """
        return (policy.cut(self.extract(policy.lengthened(samples)), reference) - self.mean) / self.std

    @torch.no_grad()
    def scores(self, windows: Tensor) -> Tensor:
        """Return each window's scores, divided by the temperature.

        Shape: [W, C, F, T] -> [W, K].
        """
        self.model.eval()
        return torch.cat([self.model(part) for part in windows.split(BATCH)]) / self.temperature

    @torch.no_grad()
    def embedding(self, windows: Tensor) -> Tensor:
        """Return the last hidden layer, averaged over the windows.

        Shape: [W, C, F, T] -> [E].
        """
        self.model.eval()
        return torch.cat([self.model.embed(part) for part in windows.split(BATCH)]).mean(0)

    def probabilities(self, windows: Tensor) -> NDArray[np.float64]:
        """Return each window's probabilities.

        Shape: [W, C, F, T] -> [W, K].
        """
        scores = self.scores(windows).numpy()
        return sigmoid(scores) if self.multi else softmax(scores)

    def requirements(self, policy: WindowPolicy) -> Requirements:
        """Return what the network asks for."""
        frames = self.model.minimum_size[1]
        samples = self.samples_of(frames)
        seen = self.reach(policy.n_frames)
        parameters = count_parameters(self.model)
        size = BATCH * self.features.n_streams * self.features.n_bands * policy.n_frames
        return Requirements(
            rate=self.rate,
            window_seconds=policy.n_samples / self.rate,
            minimum_seconds=samples / self.rate,
            short=policy.short,
            receptive_field_ms=seen.milliseconds if seen else None,
            receptive_field_hz=(seen.low_hz, seen.high_hz) if seen and seen.low_hz and seen.high_hz else None,
            bands=self.features.n_bands,
            parameters=parameters,
            parameter_megabytes=parameters * 4 / 1e6,
            batch_megabytes=size * 4 / 1e6,
        )

    def reach(self, n_frames: int) -> Reach | None:
        """Return what one place of the last maps hears; None for features other than log-mel bands."""
        if not isinstance(self.features, LogMel):
            return None
        shape = (self.features.n_streams, self.features.n_bands, n_frames)
        return reach(receptive_field(self.model, shape, "maps", fixed_bands=True), self.features)

    def samples_of(self, n_frames: int) -> int:
        """Return how many samples so many frames take."""
        shift = round(self.features.shift_seconds * self.rate)
        return (n_frames - 1) * shift + round(2 * self.features.first_centre_seconds * self.rate)

    def frames_of(self, seconds: float) -> int:
        """Return how many frames a stretch of time holds, at least one."""
        window = round(2 * self.features.first_centre_seconds * self.rate)
        shift = round(self.features.shift_seconds * self.rate)
        return max(1, (round(seconds * self.rate) - window) // shift + 1)


def build_features(settings: Mapping[str, Any]) -> Any:
    """Return the front end of plain settings."""
    return construct("features", FEATURES, settings)


def shape_of(features: Any) -> dict[str, Any]:
    """Return what networks must know of the features."""
    return {"n_streams": features.n_streams, "n_bands": features.n_bands + features.energy}


@dataclass(frozen=True)
class Known:
    """The training clips in the last hidden layer.

    Shape: vectors [n, E].
    """

    vectors: NDArray[np.float32]
    labels: Sequence[str]
    names: Sequence[str]  # paths, or places in the list of clips


def save(
    path: Path, network: Network, classes: Sequence[Any], policy: WindowPolicy, known: Known, card: Mapping[str, Any]
) -> None:
    """Write the model file."""
    plain = {
        "task": TASK,
        **asdict(network.recipe),
        "multi": network.multi,
        "classes": list(classes),
        "windows": asdict(policy),
        "temperature": network.temperature,
        "known": {"labels": list(known.labels), "names": list(known.names)},
        **card,
    }
    groups = {
        "model": network.model.state_dict(),
        "scale": {"mean": network.mean, "std": network.std},
        "known": {"vectors": torch.from_numpy(known.vectors)},
    }
    tensors = {f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    bundle.write(path, bundle.Bundle(plain, tensors))


def load(path: Path) -> tuple[Network, NDArray[Any], WindowPolicy, Known, dict[str, Any]]:
    """Read a model file: network, classes, windows, training clips, and the rest of its card.

    Raises:
        FileNotFoundError: no such file.
        BundleError: not a whole model file of a classifier, or its parts do not fit together.
    """
    try:
        content = bundle.read(path, check_parts)
        card = dict(content.card)
        classes = np.array(card.pop("classes"))
        network = Network(Recipe(card.pop("features"), card.pop("model")), len(classes), card.pop("multi"))
        network.model.load_state_dict(content.group("model"))
        network.mean, network.std = content.group("scale")["mean"], content.group("scale")["std"]
        network.temperature = card.pop("temperature")
        known = Known(content.group("known")["vectors"].numpy(), **card.pop("known"))
        return network, classes, WindowPolicy(**card.pop("windows")), known, card
    except bundle.BundleError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise bundle.BundleError(f"{path}: its parts do not fit together ({error}).") from error


def check_parts(content: bundle.Bundle) -> None:
    """Check that a model file's card and tensors, given without their numbers, make a classifier.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: they do not; the sentence names the part.
    """
    card = content.card
    bundle.check_task(content, TASK, "a classifier", TENSOR_GROUPS)
    check_type("classes", card["classes"], Sequence[str] | Sequence[int] | Sequence[float] | Sequence[bool])
    check_type("multi", card["multi"], bool)
    check_type("temperature", card["temperature"], float)
    if len(card["classes"]) < 2 or not COLDEST / 2 <= card["temperature"] <= 2 * HOTTEST:
        raise ValueError(f"classes must be 2 or more and temperature a usual one; got {card['temperature']}")
    construct("windows", WindowPolicy, card["windows"])
    features = build_features(card["features"])
    model = outline(card["model"], features, len(card["classes"]), IMAGE_NETS, shape_of)
    bundle.check_fit(model.state_dict(), content.group("model"))
    rows = torch.empty(features.n_streams, features.n_bands + features.energy, 1, device="meta")
    bundle.check_fit({"mean": rows, "std": rows}, content.group("scale"))
    known = content.group("known").get("vectors")
    if (
        known is None
        or known.dim() != 2
        or not len(known) == len(card["known"]["labels"]) == len(card["known"]["names"])
    ):
        raise ValueError("known must hold one vector, one label and one name for each training clip")
