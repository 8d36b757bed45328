"""The phone recogniser: audio in, phones with times and posteriors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn import bundle
from speechcnn.arguments import construct
from speechcnn.audio.source import Source, waveform
from speechcnn.decoding.hmm import PhoneHmm, align, decode, phone_segments, state_segments
from speechcnn.features import FEATURES, Normalizer, Statistics
from speechcnn.labels import Labels, Segment
from speechcnn.models import MODELS
from speechcnn.recognizer.model_file import TASK, check_parts
from speechcnn.recognizer.settings import Recipe, Weighting, input_shape, outline


class PhoneRecognizer:
    """Features, network and decoder as one.

    Args:
        recipe: settings of the features, the normaliser and the network.
        labels: the phones, in the order of the network's outputs.
        hmm: the phone models; None until they are estimated.
        weighting: the decoder's weights.
        card: more plain data for the model file (measured figures, training data).
        n_states: states of a phone.
    """

    def __init__(
        self,
        recipe: Recipe,
        labels: Labels,
        hmm: PhoneHmm | None = None,
        weighting: Weighting | None = None,
        card: Mapping[str, Any] | None = None,
        n_states: int = 3,
    ) -> None:
        self.recipe, self.labels, self.hmm, self.n_states = recipe, labels, hmm, n_states
        self.weighting = weighting or Weighting()
        self.card = dict(card or {})
        self.features = construct("features", FEATURES, recipe.features)
        shape, n_classes = input_shape(self.features), n_states * len(labels)
        self.normalizer: Normalizer = construct("normalisation", Normalizer, recipe.normalisation, **shape)
        outline(recipe.model, self.features, n_classes)
        self.model: nn.Module = construct("model", MODELS, recipe.model, n_classes=n_classes, **shape)

    @property
    def rate(self) -> int:
        """Samples per second that the features are computed at."""
        return self.features.rate

    def transcribe(self, source: Source, rate: int | None = None) -> list[Segment]:
        """Return the phones of a recording, with times in seconds and the mean posterior of each.

        Args:
            source: a path, a pair (samples, rate), or an array of samples with `rate=`.
            rate: samples per second of a bare array.
        """
        return self.decode(self.log_posteriors(self.extract(source, rate)))

    def align(self, source: Source, phones: Sequence[str], rate: int | None = None) -> list[Segment]:
        """Return when each of the given phones was spoken.

        Raises:
            ValueError: the recording has fewer frames than the phones have states, or a phone is unknown.
        """
        scores = self.log_posteriors(self.extract(source, rate))
        states = align(scores, self.labels.encode(phones), self.require_hmm())
        return state_segments(states, scores, self.require_hmm(), *self.frame_times)

    def extract(self, source: Source, rate: int | None = None) -> Tensor:
        """Return a recording's features before normalisation.

        Shape: -> [C, F, T].
        """
        samples = waveform(source, rate, self.rate)
        return self.features(torch.from_numpy(samples)[None])[0][0]

    def normalized(self, features: Tensor, speaker: Statistics | None = None) -> Tensor:
        """Return normalised features; `speaker` statistics matter where the recipe normalises by speaker.

        Shape: [C, F, T] -> [C, F, T].
        """
        return self.normalizer(features[None], torch.tensor([features.shape[-1]]), speaker)[0]

    @torch.no_grad()
    def log_posteriors(self, features: Tensor, speaker: Statistics | None = None) -> NDArray[np.float32]:
        """Return the log posterior of each state in each frame.

        Shape: [C, F, T] -> [T, K].
        """
        self.model.eval()
        return self.model(self.normalized(features, speaker)[None])[0].log_softmax(-1).numpy()

    def decode(self, log_posteriors: NDArray[np.float32]) -> list[Segment]:
        """Return the best phone sequence of an utterance."""
        found = decode(log_posteriors, self.require_hmm(), **asdict(self.weighting))
        return phone_segments(found, log_posteriors, self.require_hmm(), *self.frame_times)

    @property
    def frame_times(self) -> tuple[float, float]:
        """The frames' shift and the first frame's centre, in seconds."""
        return self.features.shift_seconds, self.features.first_centre_seconds

    def require_hmm(self) -> PhoneHmm:
        """Return the phone models, or say that they are missing."""
        if self.hmm is None:
            raise ValueError("this recogniser has no phone models yet; train it or load one from a model file.")
        return self.hmm

    def save(self, path: Path) -> None:
        """Write the model file."""
        card = {
            "task": TASK,
            **asdict(self.recipe),
            "labels": list(self.labels),
            "n_states": self.n_states,
            "decoder": asdict(self.weighting),
            **self.card,
        }
        hmm = {
            name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in self.require_hmm().arrays().items()
        }
        groups = {"model": self.model.state_dict(), "normalizer": self.normalizer.state_dict(), "hmm": hmm}
        tensors = {f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        bundle.write(path, bundle.Bundle(card, tensors))

    @classmethod
    def load(cls, path: Path) -> PhoneRecognizer:
        """Read a model file.

        Raises:
            BundleError: the file is not a whole model file, or its parts do not fit together.
        """
        try:
            content = bundle.read(path, check_parts)
            card = dict(content.card)
            recipe = Recipe(card.pop("features"), card.pop("normalisation"), card.pop("model"))
            labels, weighting = Labels(tuple(card.pop("labels"))), Weighting(**card.pop("decoder"))
            hmm = PhoneHmm.from_arrays(labels, {name: tensor.numpy() for name, tensor in content.group("hmm").items()})
            recognizer = cls(recipe, labels, hmm, weighting, card, card.pop("n_states"))
            recognizer.model.load_state_dict(content.group("model"))
            recognizer.normalizer.load_state_dict(content.group("normalizer"))
        except bundle.BundleError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise bundle.BundleError(f"{path}: its parts do not fit together ({error}).") from error
        return recognizer


def load(path: str | Path) -> PhoneRecognizer:
    """Load a model file.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is not a whole model file.
    """
    return PhoneRecognizer.load(Path(path))
