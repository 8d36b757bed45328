"""`KeywordSpotter`: front end, network and event rule as one, from and to a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechcnn import audio, bundle
from speechcnn.arguments import check_type, construct, shown
from speechcnn.audio.source import Source, waveform
from speechcnn.features import FEATURES, Normalizer
from speechcnn.models.building import Recipe, input_shape, outline
from speechcnn.models.cost import multiply_adds_per_second
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.models.keyword_nets import KEYWORD_MODELS
from speechcnn.models.streaming import state_bytes
from speechcnn.spotter import training
from speechcnn.spotter.shipped import model_path
from speechcnn.spotter.stream import KeywordStream
from speechcnn.spotting import Detection, Detector, EventRule, FrameTimes

TASK = "keyword"
TENSOR_GROUPS = ("model", "normalizer")  # of a model file
MOST_KEYWORDS = 1000
BLOCK_SECONDS = 10.0  # of a recording that are held at a time


@dataclass(frozen=True)
class Facts:
    """What follows from a spotter's settings; its card states it, and nothing reads it from there."""

    parameters: int
    hop_ms: float  # between two outputs
    receptive_field_ms: float  # of sound that an output depends on
    latency_ms: float  # from the centre of an output's frame to the last sample that it waits for
    multiply_adds_per_second: int  # of the network, scanned
    state_bytes: int  # of the network and the front end, for one stream


STATED = {"task", "format", *(field.name for field in fields(Facts))}


class KeywordSpotter:
    """Finds keywords in recordings and streams.

    Args:
        recipe: settings of features, normalisation and network.
        keywords: the words, in the order of the network's classes 1, 2, ...
        rule: when posteriors make an event.
        card: what else is known of the model: voices, measured figures, licence, seed.

    Raises:
        SettingsError, ValueError: settings that do not describe a spotter.
    """

    def __init__(
        self,
        recipe: Recipe,
        keywords: Sequence[str],
        rule: EventRule | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe, self.keywords, self.rule = recipe, check_keywords(keywords), rule or EventRule()
        self.card = dict(card or {})
        features = construct("features", FEATURES, recipe.features)
        shape, n_classes = input_shape(features), len(self.keywords) + 1
        outline(recipe.model, features, n_classes, KEYWORD_MODELS)
        # Nothing is learnt here, and torch's operators can be exported; the parameters are the same.
        settings = {**recipe.model, "backprop": "torch"}
        network = construct("model", KEYWORD_MODELS, settings, n_classes=n_classes, **shape)
        normalizer = construct("normalisation", Normalizer, recipe.normalisation, **shape)
        self.chain = KeywordChain(features, normalizer, network).eval().requires_grad_(False)

    @classmethod
    def train(
        cls,
        keyword: str | Sequence[str],
        recordings: str | Path | None = None,
        negatives: str | Path | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        settings: Sequence[str] = (),
        minutes: float | None = None,
    ) -> KeywordSpotter:
        """Train a spotter for a word, a phrase or several of them from synthetic speech; takes minutes.

        Runs `speechcnn train keyword` in a process of its own, on all cores.

        Args:
            keyword: the word, or a list.
            recordings: a folder of own recordings that are mixed in.
            negatives: a folder of long audio without the keyword; what it falsely fires at is trained on again.
            seed: of everything drawn.
            folder: the run's folder, with its report; a run that was stopped goes on there. By default nothing is
                kept but what this returns.
            settings: more settings as `key=value`, as the command takes them.
            minutes: about how long it may take on two cores; the less, the less speech is made and the worse it is.

        Raises:
            TrainingError: it failed; the reason stands on the error stream.
        """
        words = [keyword] if isinstance(keyword, str) else list(keyword)
        with training.run_folder(folder) as place:
            given = training.overrides(check_keywords(words), place, recordings, negatives, seed, minutes)
            return cls.load(training.train([*given, *settings], place))

    @classmethod
    def trained(
        cls,
        recipe: Recipe,
        keywords: Sequence[str],
        network: nn.Module,
        normalizer: Normalizer,
        rule: EventRule,
        card: Mapping[str, Any],
    ) -> KeywordSpotter:
        """Return a spotter that takes over the numbers of a trained network and normaliser."""
        spotter = cls(recipe, keywords, rule, card)
        spotter.take_over(network.state_dict(), normalizer.state_dict())
        return spotter

    def take_over(self, network: Mapping[str, Tensor], normalizer: Mapping[str, Tensor]) -> None:
        """Copy trained numbers."""
        self.chain.network.load_state_dict(network)
        self.chain.normalizer.load_state_dict(normalizer)

    @property
    def rate(self) -> int:
        """Samples per second that the features are computed at."""
        return self.chain.features.rate

    @property
    def frames(self) -> FrameTimes:
        """Where the posteriors' frames lie in time."""
        return FrameTimes(self.chain.hop_seconds, self.chain.features.first_centre_seconds)

    def find(self, source: Source, rate: int | None = None, threshold: float | None = None) -> list[Detection]:
        """Return where the keywords are said in a recording of any length, in order of time.

        A file is read in blocks, so that hours take no more memory than seconds. What is shorter than the network's
        receptive field is filled up with frames of the training corpus's mean, on both sides.

        Args:
            source: a path, a pair (samples, rate), or an array of samples with `rate=`.
            rate: samples per second of a bare array.
            threshold: least score of an event; by default the model's own.

        Raises:
            FileNotFoundError: no such file.
            AudioError: a file or samples that cannot be read.
            ValueError: a threshold that is not above 0 and at most 1.
        """
        stream = KeywordStream(self.chain, self.detector(threshold), long_pieces=True)
        state, found = stream.start(), []
        for block in blocks(source, rate, self.rate):
            heard, state = stream.step(block, state)
            found += heard.detections
        return found + stream.finish(state).detections

    def stream(self, threshold: float | None = None) -> KeywordStream:
        """Return a scanner of streams; it holds no state, so one serves any number of them."""
        return KeywordStream(self.chain, self.detector(threshold))

    def detector(self, threshold: float | None = None) -> Detector:
        """Return what makes events of posteriors; by default with the model's own threshold."""
        rule = self.rule if threshold is None else replace(self.rule, threshold=threshold)
        return Detector(rule, self.keywords, self.frames)

    def posteriors(self, source: Source, rate: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return each keyword's posterior in each frame, and how many seconds back its onset and offset lie.

        Shape: -> [K, T'], [2, T'].
        """
        samples = torch.from_numpy(waveform(source, rate, self.rate))
        with torch.inference_mode():
            found = self.chain(samples[None])
        return found.keywords[0].numpy(), found.times[0].numpy()

    def facts(self) -> Facts:
        """Return what follows from the settings."""
        chain = self.chain
        rows = chain.features.n_streams, chain.features.n_bands + chain.features.energy
        return Facts(
            parameters=sum(parameter.numel() for parameter in chain.network.parameters()),
            hop_ms=round(1000 * chain.hop_seconds, 3),
            receptive_field_ms=round(1000 * chain.context_seconds, 3),
            latency_ms=round(1000 * chain.latency_seconds, 3),
            multiply_adds_per_second=multiply_adds_per_second(chain.network, rows, chain.features.shift_seconds),
            state_bytes=state_bytes(chain.start()),
        )

    def save(self, path: str | Path) -> None:
        """Write the model file."""
        card = {
            "task": TASK,
            **asdict(self.recipe),
            "labels": list(self.keywords),
            "rule": asdict(self.rule),
            **asdict(self.facts()),
            **self.card,
        }
        groups = {"model": self.chain.network.state_dict(), "normalizer": self.chain.normalizer.state_dict()}
        tensors = {f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        bundle.write(Path(path), bundle.Bundle(card, tensors))

    @classmethod
    def load(cls, path: str | Path) -> KeywordSpotter:
        """Read a model file, or the model that comes with the package for a word.

        Raises:
            FileNotFoundError: there is no such file, and no such word.
            BundleError: the file is not a whole model file of a keyword spotter.
        """
        file = model_path(str(path))
        try:
            content = bundle.read(file, check_parts)
            card = dict(content.card)
            recipe = Recipe(card.pop("features"), card.pop("normalisation"), card.pop("model"))
            spotter = cls(recipe, card.pop("labels"), construct("rule", EventRule, card.pop("rule")))
            spotter.take_over(content.group("model"), content.group("normalizer"))
            spotter.card = {key: value for key, value in card.items() if key not in STATED}
        except bundle.BundleError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise bundle.BundleError(f"{file}: its parts do not fit together ({error}).") from error
        return spotter


def blocks(source: Source, rate: int | None, wanted_rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of what users hand in, block by block, at one rate."""
    if isinstance(source, str | Path):
        yield from audio.blocks(source, BLOCK_SECONDS, wanted_rate)
        return
    samples = waveform(source, rate, wanted_rate)
    size = round(BLOCK_SECONDS * wanted_rate)
    yield from (samples[start : start + size] for start in range(0, len(samples), size))


def check_keywords(keywords: Sequence[str]) -> tuple[str, ...]:
    """Return the keywords.

    Raises:
        ValueError: none, too many, an empty one or one twice.
    """
    if isinstance(keywords, str) or not 1 <= len(keywords) <= MOST_KEYWORDS:
        raise ValueError(f"keywords must be a list of 1 to {MOST_KEYWORDS} words or phrases; got {shown(keywords)}.")
    if not all(word.strip() for word in keywords) or len(set(keywords)) < len(keywords):
        raise ValueError(f"keywords must not be empty, and each be there once; got {shown(keywords)}.")
    return tuple(keywords)


def check_parts(content: bundle.Bundle) -> None:
    """Check that a model file's card and tensors, given without their numbers, make a keyword spotter.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: they do not; the sentence names the part.
    """
    card = content.card
    bundle.check_task(content, TASK, "a keyword spotter", TENSOR_GROUPS)
    check_type("labels", card["labels"], Sequence[str])
    construct("rule", EventRule, card["rule"])
    features = construct("features", FEATURES, card["features"])
    network = outline(card["model"], features, len(check_keywords(card["labels"])) + 1, KEYWORD_MODELS)
    with torch.device("meta"):
        normalizer = construct("normalisation", Normalizer, card["normalisation"], **input_shape(features))
    bundle.check_fit(network.state_dict(), content.group("model"))
    bundle.check_fit(normalizer.state_dict(), content.group("normalizer"))
