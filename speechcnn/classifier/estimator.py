"""The classifier of audio clips, an estimator of scikit-learn's kind."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from speechcnn.classifier import fitting, network, parameters, targets
from speechcnn.classifier.cards import card, known
from speechcnn.classifier.explanation import Explanation, explain
from speechcnn.classifier.hearing import heard_events, heard_windows
from speechcnn.classifier.inputs import clips_of, name_of, read_clips
from speechcnn.classifier.neighbours import Neighbour, nearest
from speechcnn.classifier.network import Network, Requirements
from speechcnn.classifier.windows import HeardWindow
from speechcnn.corpora import CorpusError, folders
from speechcnn.corpora.clips import ClipSet
from speechcnn.decoding.events import EventSettings
from speechcnn.events import Event


class AudioClassifier(ClassifierMixin, BaseEstimator):
    """Learns to name sounds from examples.

    Clips are paths, pairs (samples, rate), or arrays with `rate`; of any length, rate and format. Each becomes log-mel
    windows of one length; a long clip's windows are averaged, a short clip is repeated or padded. The network is one of
    `speechcnn.models.image_nets`.

    Args:
        model: name of a network or its settings; None: a net of eight convolutions for small data.
        task: "single", one class in each clip, or "multi", any number.
        rate: samples per second of clips that are bare arrays.
        window_seconds: of sound that is looked at as a whole; None: the median length of the clips, at most 10.
        hop_seconds: between the windows of a longer clip; None: half a window.
        votes: so many windows spread evenly over a longer clip, in place of one every hop (ten-crop voting: 10).
        short: what is done with a clip below a window: "repeat" or "pad".
        features: settings of the front end, its own rate among them.
        range_db: log energies count from a window's loudest cell down to so far below it; 0: levels count too.
        epochs: passes over the clips.
        batch_size: clips of a step.
        optimizer, schedule: settings by name.
        mixup: settings of the mixing of clips; {} for the defaults, "none" for none; None: sounds are added.
        augment: settings of further changes of features, by name; None: masks over bands and frames.
        gain_db: standard deviation of a random level.
        wrap: whether a window of training may run over a clip's end into its beginning; False for words.
        label_smoothing: share of the target spread over all classes.
        class_weight: None, "balanced", or a weight for each class.
        validation: share of the clips that steers training and calibrates, in whole groups; 0: none.
        patience: epochs without a better validation loss before training ends; 0: never.
        precision: "fp32" or "bf16"; the latter pays only on processors that have it.
        channels_last: layout of maps in memory.
        seed: decides all that is random.
        n_jobs: threads that read clips; -1 for one a core.
        folder: for checkpoints; a stopped fit goes on from there. None: nothing is kept.
        progress: whether bars are shown.

    Attributes:
        classes_: the classes, sorted.
        network_, windows_, known_: the fitted parts.
        history_: a record for each epoch.
    """

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        task: Literal["single", "multi"] = "single",
        rate: int | None = None,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        votes: int = 0,
        short: Literal["repeat", "pad"] = "repeat",
        features: Mapping[str, Any] | None = None,
        range_db: float = 80.0,
        epochs: int = 150,
        batch_size: int = 32,
        optimizer: Mapping[str, Any] | None = None,
        schedule: Mapping[str, Any] | None = None,
        mixup: Mapping[str, Any] | str | None = None,
        augment: Sequence[Mapping[str, Any]] | None = None,
        gain_db: float = 1.3,
        wrap: bool = True,
        label_smoothing: float = 0.0,
        class_weight: str | Mapping[str, Any] | None = None,
        validation: float = 0.1,
        patience: int = 0,
        precision: Literal["fp32", "bf16"] = "fp32",
        channels_last: bool = False,
        seed: int = 0,
        n_jobs: int | None = None,
        folder: str | Path | None = None,
        progress: bool = False,
    ) -> None:
        self.model = model
        self.task = task
        self.rate = rate
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.votes = votes
        self.short = short
        self.features = features
        self.range_db = range_db
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.schedule = schedule
        self.mixup = mixup
        self.augment = augment
        self.gain_db = gain_db
        self.wrap = wrap
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.validation = validation
        self.patience = patience
        self.precision = precision
        self.channels_last = channels_last
        self.seed = seed
        self.n_jobs = n_jobs
        self.folder = folder
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Learn from clips and their classes.

        Args:
            X: clips.
            y: a class for each; for the task "multi" lists of classes, or rows of 0 and 1.
            sample_weight: how much each clip counts.
            groups: what each clip was cut from; clips of one group are never parted into training and validation.

        Raises:
            AudioError: clips that cannot be used, all of them named.
            ValueError: labels that do not fit; a setting that cannot be used.
        """
        started = time.perf_counter()
        clips = clips_of(X)
        wanted = parameters.targets_of(self, y, len(clips))
        weights = targets.clip_weights(wanted, self.class_weight, sample_weight)
        names = [name_of(clip, number) for number, clip in enumerate(clips)]
        parted = parameters.groups_of(groups, names)
        validated = fitting.validation_part(wanted, parted, self.validation, self.seed)
        with fitting.seeded(self.seed):
            built = Network(parameters.recipe_of(self), len(wanted.classes), self.task == "multi")
            samples = read_clips(clips, self.rate, built.rate, self.n_jobs, self.progress)
            policy = parameters.policy_of(self, built, samples)
            settings = parameters.fit_settings_of(self)
            found = fitting.fit(built, policy, samples, names, wanted, weights, validated, settings)
        self.network_, self.windows_, self.classes_ = built, policy, wanted.classes
        self.history_, self.validated_ = found.history, found.validated
        self.known_ = known(built, policy, samples, names, wanted)
        self.card_ = {
            **card(built.rate, samples, wanted, found),
            "fit_seconds": round(time.perf_counter() - started, 1),
            "seed": self.seed,
        }
        return self

    def fit_folder(self, root: str | Path) -> Self:
        """Learn from a corpus on disk: a folder per class, ESC-50's or UrbanSound8K's layout, or a table in CSV.

        Raises:
            CorpusError: no known layout, or files that cannot be read, all of them named.
        """
        return self.fit_clips(folders.read(root))

    def fit_clips(self, corpus: ClipSet) -> Self:
        """Learn from a corpus that was read; clips of one source stay together.

        Raises:
            CorpusError: files of the corpus that cannot be read, all of them named.
        """
        if corpus.faults:
            raise CorpusError(
                [f"{len(corpus.faults)} files cannot be read; mend or remove them.", *map(str, corpus.faults)]
            )
        if corpus.multi and self.task == "single":
            raise CorpusError("some clips have several classes or none; use AudioClassifier(task='multi')")
        labels = [clip.labels if self.task == "multi" else clip.label for clip in corpus.clips]
        return self.fit([clip.path for clip in corpus.clips], labels, groups=[clip.source for clip in corpus.clips])

    def predict(self, X: Any, rate: int | None = None) -> NDArray[Any]:
        """Return the most probable class of each clip, [n]; for the task "multi" rows of 0 and 1, [n, K]."""
        return self.decide(self.predict_proba(X, rate))

    def predict_proba(self, X: Any, rate: int | None = None) -> NDArray[np.float64]:
        """Return the probability of each class, calibrated on the validation part; the mean over a clip's windows.

        Shape: -> [n, K].

        Raises:
            NotFittedError: nothing was fitted yet.
            AudioError: clips that cannot be used, all of them named.
        """
        return np.stack([self.network_.probabilities(windows).mean(0) for windows in self._windows(X, rate)])

    def decide(self, probabilities: NDArray[np.float64]) -> NDArray[Any]:
        """Return the classes that probabilities mean.

        Shape: [n, K] -> [n] or [n, K].
        """
        check_is_fitted(self, "network_")
        if self.network_.multi:
            return (probabilities >= 0.5).astype(int)
        return self.classes_[probabilities.argmax(1)]

    def top(self, X: Any, k: int = 3, rate: int | None = None) -> list[list[tuple[Any, float]]]:
        """Return each clip's `k` most probable classes with their probabilities; all of them where `k` is larger.

        Raises:
            ValueError: `k` below 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        rows, names = self.predict_proba(X, rate), self.classes_.tolist()
        return [[(names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:k]] for row in rows]

    def windows_of(self, clip: Any, rate: int | None = None) -> list[HeardWindow]:
        """Return what is heard in each window of one clip."""
        return heard_windows(self.network_, self.windows_, self._read(clip, rate)[0], self.classes_.tolist())

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of clips whose classes are right; for the task "multi" all of a clip's classes must be.

        Raises:
            ValueError: a class that the model does not know.
        """
        return self.share_right(self.predict(X), y, sample_weight)

    def share_right(self, found: NDArray[Any], y: Any, sample_weight: Any = None) -> float:
        """Return the share of clips whose found classes are those in `y`."""
        check_is_fitted(self, "network_")
        targets.check_length(y, len(found), "y")
        if self.network_.multi:
            wanted = np.asarray(y) if targets.is_indicator(y) else targets.encoded(y, self.classes_)
            right = (found == wanted).all(1)
        else:
            targets.encoded([[label] for label in np.asarray(y).tolist()], self.classes_)
            right = found == np.asarray(y)
        return float(np.average(right, weights=sample_weight))

    def predict_events(
        self,
        X: Any,
        rule: EventSettings | None = None,
        hop_seconds: float = 0.1,
        background: str = "",
        rate: int | None = None,
    ) -> list[list[Event]]:
        """Return when each class is heard in each clip.

        Every `hop_seconds` a window is scored; each moment has the mean of the windows that cover it. How sharp onsets
        and offsets are follows from `window_seconds`: a short window is sharp.

        Args:
            X: clips.
            rule: thresholds and least durations.
            hop_seconds: between windows.
            background: a class that is no event.
            rate: samples per second of bare arrays.
        """
        samples, names = self._read(X, rate), [str(name) for name in self.classes_.tolist()]
        return [
            heard_events(self.network_, self.windows_, one, names, hop_seconds, rule, background) for one in samples
        ]

    def embed(self, X: Any, rate: int | None = None) -> NDArray[np.float32]:
        """Return the last hidden layer of each clip: similar sounds have similar vectors.

        Shape: -> [n, E].
        """
        return np.stack([self.network_.embedding(windows).numpy() for windows in self._windows(X, rate)])

    def similar(self, X: Any, k: int = 5, rate: int | None = None) -> list[list[Neighbour]]:
        """Return the `k` training clips nearest to each clip in the last hidden layer, with their sounds."""
        return [nearest(vector, self.known_, k) for vector in self.embed(X, rate)]

    def explain(
        self, clip: Any, label: str | None = None, method: str = "grad_cam", rate: int | None = None
    ) -> Explanation:
        """Return what in one clip spoke for a class, as a picture and as sound, with the class's probability for both.

        Args:
            clip: a path, a pair (samples, rate), or an array of samples.
            label: the class; None: the most probable one.
            method: one of `speechcnn.explain.EXPLAINERS`.
            rate: samples per second of a bare array.

        Raises:
            ValueError: a class or a method that is not known.
        """
        samples = self._read(clip, rate)[0]
        names = [str(name) for name in self.classes_.tolist()]
        return explain(self.network_, self.windows_, samples, names, None if label is None else str(label), method)

    def requirements(self) -> Requirements:
        """Return what the fitted model asks for: rate, lengths, parameters, memory."""
        fitted = self._fitted()
        return fitted.network_.requirements(fitted.windows_)

    def save(self, path: str | Path) -> None:
        """Write the model file: network, classes, windows, normalisation, temperature, and where it comes from."""
        fitted = self._fitted()
        network.save(
            Path(path), fitted.network_, fitted.classes_.tolist(), fitted.windows_, fitted.known_, fitted.card_
        )

    @classmethod
    def load(cls, path: str | Path) -> AudioClassifier:
        """Read a model file.

        Raises:
            FileNotFoundError: no such file.
            BundleError: not a whole model file of a classifier.
        """
        built, classes, policy, clips, facts = network.load(Path(path))
        loaded = cls(
            model=built.recipe.model, task="multi" if built.multi else "single", features=built.recipe.features
        )
        loaded.network_, loaded.classes_, loaded.windows_, loaded.known_ = built, classes, policy, clips
        loaded.card_ = {key: value for key, value in facts.items() if key not in ("task", "format")}
        loaded.history_, loaded.validated_ = [], np.zeros(0, dtype=np.int64)
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn that clips may be paths, and that rows of a table are clips where `rate` is given."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = False
        tags.non_deterministic = False
        tags.classifier_tags.multi_label = self.task == "multi"
        return tags

    def _fitted(self) -> AudioClassifier:
        check_is_fitted(self, "network_")
        return self

    def _read(self, X: Any, rate: int | None) -> list[NDArray[np.float32]]:
        fitted = self._fitted()
        return read_clips(clips_of(X), rate or self.rate, fitted.network_.rate, self.n_jobs, self.progress)

    def _windows(self, X: Any, rate: int | None) -> list[Any]:
        return [self.network_.windows(samples, self.windows_) for samples in self._read(X, rate)]
