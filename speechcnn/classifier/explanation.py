"""Why a clip was given its class: where in the spectrogram, what of the sound, and how true that explanation is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from speechcnn import audio
from speechcnn.classifier.network import Network
from speechcnn.classifier.windows import WindowPolicy
from speechcnn.explain import EXPLAINERS, Listened, divide, listened, soft_mask
from speechcnn.features import loudest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Explanation:
    """What of one window of a clip spoke for a class.

    Shape: features and evidence [F, T]; samples, heard and ignored [N], at `rate`.
    """

    label: str
    features: NDArray[np.float32]
    evidence: NDArray[np.float32]  # above 0 for the class
    samples: NDArray[np.float32]  # the window; what was heard and what was ignored add up to it
    heard: NDArray[np.float32]
    ignored: NDArray[np.float32]
    rate: int
    start: float  # of the window in the clip, in seconds
    shift_seconds: float
    listened: Listened  # the probability of the class for the window and for its two parts

    def figure(self) -> Figure:
        """Draw the evidence over the spectrogram."""
        from speechcnn.explain.pictures import explanation_figure

        parts = f"heard {self.listened.heard:.2f}, ignored {self.listened.ignored:.2f}"
        title = f"{self.label}: {self.listened.whole:.2f}; {parts}"
        return explanation_figure(self.features, self.evidence, title, shift_seconds=self.shift_seconds)

    def save(self, folder: str | Path) -> None:
        """Write `heard.wav`, `ignored.wav` and `explanation.png`."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, samples in (("heard", self.heard), ("ignored", self.ignored)):
            audio.write(place / f"{name}.wav", np.clip(samples, -1, 1), self.rate)
        self.figure().savefig(place / "explanation.png", dpi=110)


def explain(
    network: Network,
    policy: WindowPolicy,
    samples: NDArray[np.float32],
    names: list[str],
    label: str | None,
    method: str,
) -> Explanation:
    """Explain the window of a clip in which the class is most probable.

    Args:
        network: fitted.
        policy: how clips become windows.
        samples: the clip [N].
        names: the classes.
        label: the class to explain; None: the most probable one.
        method: one of `speechcnn.explain.EXPLAINERS`.

    Raises:
        ValueError: a class or a method that is not known.
    """
    if method not in EXPLAINERS:
        raise ValueError(f"method must be one of {', '.join(EXPLAINERS)}; got {method!r}")
    if label is not None and label not in names:
        raise ValueError(f"this model does not know {label}; its classes are {', '.join(names[:8])}")
    whole = policy.lengthened(samples)
    windows = network.windows(samples, policy)
    probabilities = network.probabilities(windows)
    target = int(probabilities.mean(0).argmax()) if label is None else names.index(label)
    place = int(probabilities[:, target].argmax())
    start = policy.starts(network.frames_of(len(whole) / network.rate))[place]
    first = round(start * network.features.shift_seconds * network.rate)
    window = whole[first : first + policy.n_samples]
    network.model.eval()
    evidence = EXPLAINERS[method](network.model, windows[place : place + 1], target)[0].detach()
    parts = divide(torch.from_numpy(np.array(window)), soft_mask(evidence), network.features)
    own, reference = replace(policy, votes=0), loudest(network.extract(window))

    def asked(part: torch.Tensor) -> torch.Tensor:
        # A part keeps its level: what is left must not be brought up to the level of what was taken away.
        return torch.from_numpy(network.probabilities(network.windows(part.numpy(), own, reference)).mean(0))

    return Explanation(
        label=names[target],
        features=network.extract(window)[0].numpy(),
        evidence=evidence.numpy(),
        samples=np.array(window),
        heard=parts.heard.numpy(),
        ignored=parts.ignored.numpy(),
        rate=network.rate,
        start=first / network.rate,
        shift_seconds=network.features.shift_seconds,
        listened=listened(asked, torch.from_numpy(np.array(window)), parts, target),
    )
