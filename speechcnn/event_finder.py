"""The event finder: audio in, events with onset, offset, class and band out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn import bundle, mel
from speechcnn.arguments import check_type, construct
from speechcnn.audio.source import Source, waveform
from speechcnn.decoding.events import EventSettings, decode_events
from speechcnn.events import Event
from speechcnn.features import LogMel, Normalizer
from speechcnn.labels import Labels
from speechcnn.models.building import Recipe, input_shape, outline
from speechcnn.models.segmentation import EventSegmenter

TASK = "events"
TENSOR_GROUPS = ("model", "normalizer")


class EventFinder:
    """Log-mel bands, a network that labels every frame, and the rule that makes events of frames.

    Args:
        recipe: settings of the features, the normaliser and the network.
        labels: the classes of events, in the order of the network's outputs.
        settings: when probabilities make an event.
        card: more plain data for the model file (measured figures, training data).
    """

    def __init__(
        self,
        recipe: Recipe,
        labels: Labels,
        settings: EventSettings | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe, self.labels = recipe, labels
        self.settings, self.card = settings or EventSettings(), dict(card or {})
        self.features: LogMel = construct("features", LogMel, recipe.features)
        shape = input_shape(self.features)
        self.normalizer: Normalizer = construct("normalisation", Normalizer, recipe.normalisation, **shape)
        outline(recipe.model, self.features, len(labels), EventSegmenter)
        self.model: EventSegmenter = construct("model", EventSegmenter, recipe.model, n_classes=len(labels), **shape)

    def find(self, source: Source, rate: int | None = None) -> list[Event]:
        """Return the events of a recording in order of their onsets.

        Args:
            source: a path, a pair (samples, rate), or an array of samples with `rate=`.
            rate: samples per second of a bare array.
        """
        return self.decode(*self.probabilities(self.extract(source, rate)))

    def extract(self, source: Source, rate: int | None = None) -> Tensor:
        """Return a recording's features before normalisation.

        Shape: -> [C, F, T].
        """
        return self.features(torch.from_numpy(waveform(source, rate, self.features.rate))[None])[0][0]

    def normalized(self, features: Tensor) -> Tensor:
        """Return normalised features.

        Shape: [C, F, T] -> [C, F, T].
        """
        return self.normalizer(features[None], torch.tensor([features.shape[-1]]))[0]

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return each class's probability in each frame, and its band in hertz where the network tells bands.

        Shape: [C, F, T] -> [T, K], [T, K, 2].
        """
        if not features.shape[-1]:
            return torch.zeros(0, len(self.labels)).numpy(), None
        self.model.eval()
        scores = self.model(self.normalized(features)[None])[0]
        heard, shares = scores[:, : len(self.labels)].sigmoid(), scores[:, len(self.labels) :]
        bands = self.hertz(shares).unflatten(1, (len(self.labels), 2)).numpy() if self.model.bands else None
        return heard.numpy(), bands

    def decode(
        self, probabilities: NDArray[Any], bands_hz: NDArray[Any] | None = None, settings: EventSettings | None = None
    ) -> list[Event]:
        """Return the events in probabilities of frames; `settings` stand in for the finder's own."""
        shift, centre = self.features.shift_seconds, self.features.first_centre_seconds
        return decode_events(probabilities, list(self.labels), shift, centre, settings or self.settings, bands_hz)

    def targets(self, events: Sequence[Event], n_frames: int) -> Tensor:
        """Return what the network ought to say of each frame: activities, then bands as shares of the mel axis.

        A frame is active when the event holds its centre.

        Shape: -> [T, K] or, with bands, [T, 3 K].
        """
        k = len(self.labels)
        wanted = torch.zeros(n_frames, k * (3 if self.model.bands else 1))
        centres = self.features.first_centre_seconds + self.features.shift_seconds * torch.arange(n_frames)
        for one in events:
            place = self.labels.index(one.label)
            inside = (centres >= one.onset) & (centres < one.offset)
            wanted[inside, place] = 1
            if self.model.bands and one.band:
                wanted[inside, k + 2 * place : k + 2 * place + 2] = self.shares(torch.tensor(one.band))
        return wanted

    def shares(self, hertz: Tensor) -> Tensor:
        """Return frequencies as shares of the way from the lowest to the highest on the mel scale."""
        low, high = mel.from_hertz(torch.tensor([self.features.low_hz, self.features.high_hz]))
        return (mel.from_hertz(hertz) - low) / (high - low)

    def hertz(self, shares: Tensor) -> Tensor:
        """Return the frequencies at such shares of the way; those beyond the ends are taken for the ends."""
        low, high = mel.from_hertz(torch.tensor([self.features.low_hz, self.features.high_hz]))
        return mel.to_hertz(low + shares.clamp(0, 1) * (high - low))

    def save(self, path: Path) -> None:
        """Write the model file."""
        card = {
            "task": TASK,
            **asdict(self.recipe),
            "labels": list(self.labels),
            "decoder": asdict(self.settings),
            **self.card,
        }
        groups = {"model": self.model.state_dict(), "normalizer": self.normalizer.state_dict()}
        tensors = {f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        bundle.write(path, bundle.Bundle(card, tensors))

    @classmethod
    def load(cls, path: str | Path) -> EventFinder:
        """Read a model file.

        Raises:
            FileNotFoundError: there is no such file.
            BundleError: the file is not a whole model file, or its parts do not fit together.
        """
        try:
            content = bundle.read(Path(path), check_parts)
            card = dict(content.card)
            recipe = Recipe(card.pop("features"), card.pop("normalisation"), card.pop("model"))
            finder = cls(recipe, Labels(tuple(card.pop("labels"))), EventSettings(**card.pop("decoder")), card)
            finder.model.load_state_dict(content.group("model"))
            finder.normalizer.load_state_dict(content.group("normalizer"))
        except bundle.BundleError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise bundle.BundleError(f"{path}: its parts do not fit together ({error}).") from error
        return finder


def check_parts(content: bundle.Bundle) -> None:
    """Check that a model file's card and tensors, given without their numbers, make an event finder.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: they do not; the sentence names the part.
    """
    card = content.card
    bundle.check_task(content, TASK, "an event finder", TENSOR_GROUPS)
    check_type("labels", card["labels"], Sequence[str])
    construct("decoder", EventSettings, card["decoder"])
    features = construct("features", LogMel, card["features"])
    n_classes = len(Labels(tuple(card["labels"])))
    with torch.device("meta"):
        normalizer: nn.Module = construct("normalisation", Normalizer, card["normalisation"], **input_shape(features))
    bundle.check_fit(outline(card["model"], features, n_classes, EventSegmenter).state_dict(), content.group("model"))
    bundle.check_fit(normalizer.state_dict(), content.group("normalizer"))
