"""The phone recogniser: audio in, phones with times and posteriors out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn import bundle
from speechcnn.arguments import construct
from speechcnn.audio.source import Source, waveform, waveform_blocks
from speechcnn.decoding.hmm import FRAMES_AT_ONCE
from speechcnn.decoding.phone_ctc import PhoneCtc, n_outputs
from speechcnn.decoding.phone_models import PhoneHmm
from speechcnn.decoding.streaming import StreamingDecoder
from speechcnn.decoding.timed import TimedDecoder
from speechcnn.features import FEATURES, Normalizer, Statistics, statistics
from speechcnn.labels import Labels, Segment
from speechcnn.models import PHONE_MODELS
from speechcnn.models.building import Recipe, input_shape, outline
from speechcnn.recognizer import scanned
from speechcnn.recognizer.model_file import TASK, check_parts
from speechcnn.recognizer.phone_search import (
    PhoneModels,
    aligned_segments,
    best_segments,
    models_of,
    phone_posteriors,
)
from speechcnn.recognizer.settings import Running, Weighting
from speechcnn.recognizer.stream import PhoneStream
from speechcnn.stages import Chain, Map, Stage, through

BLOCK_SECONDS = 20.0  # of a recording, in memory at a time
LONGEST_DELAY = 6000  # frames within which the paths through a recording must agree; a minute


class PhoneRecognizer:
    """Features, network and decoder as one.

    Args:
        recipe: settings of the features, the normaliser and the network.
        labels: the phones, in the order of the network's outputs.
        hmm: the phone models; None until they are estimated.
        weighting: the decoder's weights.
        card: more plain data for the model file (measured figures, training data).
        n_states: states of a phone; 0: none, but a blank beside the phones (a network trained by CTC).
    """

    def __init__(
        self,
        recipe: Recipe,
        labels: Labels,
        hmm: PhoneModels | None = None,
        weighting: Weighting | None = None,
        card: Mapping[str, Any] | None = None,
        n_states: int = 3,
    ) -> None:
        self.recipe, self.labels, self.hmm, self.n_states = recipe, labels, hmm, n_states
        self.weighting = weighting or Weighting()
        self.card = dict(card or {})
        self.features = construct("features", FEATURES, recipe.features)
        shape, n_classes = input_shape(self.features), n_outputs(len(labels), n_states)
        self.normalizer: Normalizer = construct("normalisation", Normalizer, recipe.normalisation, **shape)
        outline(recipe.model, self.features, n_classes, PHONE_MODELS)
        self.model: nn.Module = construct("model", PHONE_MODELS, recipe.model, n_classes=n_classes, **shape)

    @property
    def rate(self) -> int:
        """Samples per second that the features are computed at."""
        return self.features.rate

    def transcribe(self, source: Source, rate: int | None = None, confidence: str = "network") -> list[Segment]:
        """Return the phones of a recording, with times in seconds and the mean posterior of each.

        A file of any length is read block by block, twice where it is normalised by its own statistics; the result is
        that of the whole at once. A recording shorter than one phone has none.

        Args:
            source: a path, a pair (samples, rate), or an array of samples with `rate=`.
            rate: samples per second of a bare array.
            confidence: what a posterior is the mean of: "network", the network's posterior of each frame, or "paths",
                the phone's share in all paths through the recording, which the phones beside it and the language model
                have a say in.

        Raises:
            FileNotFoundError, AudioError: the recording cannot be read.
            ValueError: another confidence.
        """
        return list(self.segments(source, rate, confidence))

    def segments(self, source: Source, rate: int | None = None, confidence: str = "network") -> Iterator[Segment]:
        """Give out what `transcribe` returns phone by phone, while the recording is being read."""
        if isinstance(self.hmm, PhoneCtc) and confidence == "network":
            return iter(self.decode(self.all_scores(source, rate)))
        decoder = StreamingDecoder(self.require_hmm(), *self.weights, LONGEST_DELAY, FRAMES_AT_ONCE)
        heard = scanned.confidence(confidence, self.require_hmm(), self.weighting)
        stages = [*self.scoring(source, rate), heard, TimedDecoder(decoder, *self.frame_times)]
        return through(Chain(stages), self.blocks(source, rate))

    def align(self, source: Source, phones: Sequence[str], rate: int | None = None) -> list[Segment]:
        """Return when each of the given phones was spoken.

        Raises:
            ValueError: the recording has fewer frames than the phones have states, a phone is unknown, or recording and
                phones together are too long for the memory that an alignment takes.
        """
        numbers = self.labels.encode(phones)
        scores = self.all_scores(source, rate)
        return aligned_segments(scores, self.require_models(), numbers, *self.frame_times)

    def stream(
        self,
        rate: int | None = None,
        max_delay_ms: float | None = 500.0,
        normalisation: Running | Statistics | None = None,
        hop_ms: float = 100.0,
    ) -> PhoneStream:
        """Return a recogniser of live audio.

        Args:
            rate: samples per second of what will come; None: those of the features.
            max_delay_ms: of the decoder; beyond it the best path so far is taken. None: as late as the paths agree.
            normalisation: where the recipe normalises by recording or speaker: `statistics` of an earlier recording of
                the same voice and microphone, or how to use what was heard so far.
            hop_ms: audio that is worked on at a time; less costs more.

        Raises:
            ValueError: the delay is not above the hop, or the network must see the whole recording.
        """
        return PhoneStream(self, rate or self.rate, max_delay_ms, normalisation or Running(), hop_ms)

    def statistics(self, source: Source, rate: int | None = None) -> Statistics | None:
        """Return mean and standard deviation of a recording's features, None of one that has no frame."""
        blocks = through(Chain(scanned.extraction(self.features)), self.blocks(source, rate))
        first = next(blocks, None)
        return None if first is None else statistics(_chained(first, blocks))

    def blocks(self, source: Source, rate: int | None) -> Iterator[NDArray[np.float32]]:
        """Read a recording block by block, at the rate of the features."""
        return waveform_blocks(source, rate, self.rate, BLOCK_SECONDS)

    def scoring(self, source: Source, rate: int | None) -> list[Stage]:
        """Return the stages from a recording's samples to its log posteriors.

        Shape: blocks [N] -> [K, T].
        """
        own = self.statistics(source, rate) if self.normalizer.needs_statistics else None
        normalised = Map(lambda features: self.normalizer.part(features, own))
        return [*scanned.extraction(self.features), normalised, scanned.network(self.model)]

    def beginning(self, source: Source, rate: int | None = None) -> tuple[Tensor, NDArray[np.float32]] | None:
        """Return features and phone posteriors of a recording's first block, to be looked at; None of one too short.

        Shape: -> [C, F, T] before normalisation, and [T, L].
        """
        block = next(self.blocks(source, rate), np.empty(0, np.float32))
        features = self.features(torch.from_numpy(block)[None])[0][0]
        if not features.shape[-1]:
            return None
        scores = torch.cat(list(through(Chain(self.scoring(source, rate)), [block])), -1)
        return features, phone_posteriors(scores.T.numpy(), self.n_states)

    def all_scores(self, source: Source, rate: int | None = None) -> NDArray[np.float32]:
        """Return the log posterior of each state in each frame of a recording, computed block by block.

        Shape: -> [T, K].
        """
        found = list(through(Chain(self.scoring(source, rate)), self.blocks(source, rate)))
        n_classes = n_outputs(len(self.labels), self.n_states)
        return torch.cat(found, -1).T.numpy() if found else np.empty((0, n_classes), np.float32)

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
        return best_segments(log_posteriors, self.require_models(), self.weighting, *self.frame_times)

    @property
    def weights(self) -> tuple[float, float, float]:
        """The decoder's weights in the order in which searches take them."""
        return self.weighting.lm_scale, self.weighting.insertion_penalty, self.weighting.prior_scale

    @property
    def frame_times(self) -> tuple[float, float]:
        """The frames' shift and the first frame's centre, in seconds."""
        return self.features.shift_seconds, self.features.first_centre_seconds

    def require_models(self) -> PhoneModels:
        """Return the phone models, or say that they are missing."""
        if self.hmm is None:
            raise ValueError("this recogniser has no phone models yet; train it or load one from a model file.")
        return self.hmm

    def require_hmm(self) -> PhoneHmm:
        """Return the phone models, or say that they are missing or have no states."""
        models = self.require_models()
        if isinstance(models, PhoneCtc):
            raise ValueError(
                "this recogniser was trained by CTC and has no states: it transcribes and aligns recordings, with the "
                "network's posteriors; streams and other confidences need one trained on states (task=frames)."
            )
        return models

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
            name: torch.from_numpy(np.ascontiguousarray(array))
            for name, array in self.require_models().arrays().items()
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
            n_states, arrays = card.pop("n_states"), content.group("hmm").items()
            hmm = models_of(labels, n_states, {name: tensor.numpy() for name, tensor in arrays})
            recognizer = cls(recipe, labels, hmm, weighting, card, n_states)
            recognizer.model.load_state_dict(content.group("model"))
            recognizer.normalizer.load_state_dict(content.group("normalizer"))
        except bundle.BundleError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise bundle.BundleError(f"{path}: its parts do not fit together ({error}).") from error
        return recognizer


def _chained(first: Tensor, rest: Iterator[Tensor]) -> Iterator[Tensor]:
    yield first
    yield from rest


def load(path: str | Path) -> PhoneRecognizer:
    """Load a model file.

    Raises:
        FileNotFoundError: there is no such file.
        BundleError: the file is not a whole model file.
    """
    return PhoneRecognizer.load(Path(path))
