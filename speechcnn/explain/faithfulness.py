"""Whether an explanation is true of the model: take away what it names, keep only that, or spoil the model itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from speechcnn.explain.gradients import classes_of
from speechcnn.explain.listening import Heard
from speechcnn.explain.targets import Explainer, Target, quiet, score_of
from speechcnn.models.fields.probing import evaluation


@dataclass(frozen=True)
class Faithfulness:
    """A class's probability while cells go or come in the order of the explanation; areas are under those curves.

    Shape: deletion, insertion [steps + 1], from none to all cells changed.
    """

    deletion: Tensor  # from the whole clip, the most important cells going first: a low area is good
    insertion: Tensor  # from silence, the most important cells coming first: a high area is good
    deletion_area: float
    insertion_area: float


def faithfulness(
    model: nn.Module,
    features: Tensor,
    explanation: Tensor,
    target: Target = None,
    steps: int = 20,
    baseline: Tensor | None = None,
) -> Faithfulness:
    """Return the deletion and insertion curves of one clip's explanation.

    Args:
        model: a net that gives scores.
        features: [1, C, F, T].
        explanation: [F, T].
        target: the class that is explained; by default the one with most score.
        steps: equal parts into which the cells are divided.
        baseline: what takes a cell's place; by default its band's lowest value.

    Raises:
        ValueError: an explanation of another size, or no steps.

    Source: Petsiuk, Das and Saenko (2018), "RISE: randomized input sampling for explanation", section 4.3.
    """
    if len(features) != 1 or explanation.shape != features.shape[2:] or steps < 1:
        raise ValueError(
            f"features must be [1, C, F, T], the explanation [F, T] and steps at least 1; got "
            f"{list(features.shape)}, {list(explanation.shape)} and {steps}."
        )
    with evaluation(model), torch.no_grad():
        classes = classes_of(model, features, target)
        nothing = quiet(features) if baseline is None else baseline.expand_as(features)
        order = explanation.flatten().argsort(descending=True, stable=True)
        curves = torch.zeros(2, steps + 1, dtype=torch.float64)
        for step in range(steps + 1):
            changed = torch.zeros(explanation.numel(), dtype=torch.bool, device=features.device)
            changed[order[: round(step / steps * len(order))]] = True
            changed = changed.view(explanation.shape)
            pair = torch.cat([torch.where(changed, nothing, features), torch.where(changed, features, nothing)])
            curves[:, step] = score_of(model(pair).softmax(1), classes.expand(2)).double().cpu()
    areas = torch.trapezoid(curves, dx=1 / steps)
    return Faithfulness(curves[0], curves[1], float(areas[0]), float(areas[1]))


@dataclass(frozen=True)
class Listened:
    """A class's probability for a clip, for what was heard of it, and for what was ignored."""

    whole: float
    heard: float
    ignored: float

    @property
    def drop(self) -> float:
        """Probability lost when what was heard is taken away; near `whole` if the explanation is faithful."""
        return self.whole - self.ignored

    @property
    def kept(self) -> float:
        """Probability that what was heard has by itself, as a share of the whole clip's."""
        return self.heard / max(self.whole, float(np.finfo(float).tiny))


def listened(probabilities: Callable[[Tensor], Tensor], samples: Tensor, heard: Heard, target: int) -> Listened:
    """Ask a classifier of sounds about a clip and its two parts.

    Args:
        probabilities: from samples [N] to probabilities [K].
        samples: the clip [N].
        heard: its parts, of `listening.divide`.
        target: the class that was explained.
    """
    whole, kept, left = (float(probabilities(one)[target]) for one in (samples, heard.heard, heard.ignored))
    return Listened(whole, kept, left)


def randomisation_check(
    model: nn.Module, features: Tensor, target: Target, explain: Explainer, seed: int = 0
) -> list[tuple[str, float]]:
    """Return how like the true explanation those of ever more spoilt models are, from the top layer down.

    The layers' parameters are drawn anew one after the other, the last first. An explanation that stays the same
    (rank correlation near 1) says something about the clip alone and nothing about the model.

    Shape: features [B, C, F, T].

    Source: Adebayo et al. (2018), "Sanity checks for saliency maps", section 3 (cascading randomisation).
    """
    with evaluation(model):
        classes = classes_of(model, features, target).tolist()
    true = explain(model, features, classes)
    spoilt = copy.deepcopy(model)
    layers = [(name, module) for name, module in spoilt.named_modules() if hasattr(module, "reset_parameters")]
    found = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for name, layer in reversed(layers):
            layer.reset_parameters()
            found.append((name, rank_correlation(true, explain(spoilt, features, classes))))
    return found


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Return Spearman's correlation of two explanations; 0 where one of them is the same everywhere."""
    ranks = [ranked(values.detach().cpu().double().flatten().numpy()) for values in (one, other)]
    centred = [rank - rank.mean() for rank in ranks]
    sizes = np.linalg.norm(centred[0]) * np.linalg.norm(centred[1])
    return float(centred[0] @ centred[1] / sizes) if sizes > 0 else 0.0


def ranked(values: np.ndarray) -> np.ndarray:
    """Return each value's rank, equal ones having the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
