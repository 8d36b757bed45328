"""The recogniser's work as stages: samples to features, features to scores, scores to confidences."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speechcnn.decoding.hmm import CONFIDENCES, PhoneHmm, confidences
from speechcnn.decoding.timed import Scores
from speechcnn.models.scanning import Scan, time_field
from speechcnn.recognizer.settings import Weighting
from speechcnn.shapes import ReceptiveField
from speechcnn.stages import Chain, Map, Stage

PATHS_REACH = 200  # frames on either side beyond which nothing changes how probable the paths through a frame are


def extraction(features: Any) -> list[Stage]:
    """From samples [N] to features [C, F, T]."""

    @torch.no_grad()
    def extract(samples: Tensor) -> Tensor:
        return features(samples[None])[0][0]

    return [Map(torch.from_numpy), Scan(extract, features.receptive_field)]


def network(model: nn.Module) -> Stage:
    """From normalised features [C, F, T] to log posteriors [K, T]."""

    @torch.no_grad()
    def score(features: Tensor) -> Tensor:
        model.eval()
        return model(features[None])[0].log_softmax(-1).T

    return Scan(score, time_field(model))


def confidence(kind: str, hmm: PhoneHmm, weighting: Weighting) -> Stage:
    """From log posteriors [K, T] to pairs of them and of what a phone's posterior is the mean of, [T, K] and [T, L].

    Raises:
        ValueError: another kind.
    """
    if kind not in CONFIDENCES:
        raise ValueError(f"the confidence must be one of {', '.join(CONFIDENCES)}; got {kind!r}.")

    def both(scores: Tensor) -> Tensor:
        shares = confidences(kind, scores.T.numpy(), hmm, *astuple(weighting))
        return torch.cat([scores, torch.from_numpy(shares).T])

    def pair(joined: Tensor) -> Scores:
        rows, n_classes = joined.T.numpy(), len(hmm.log_prior)
        return np.ascontiguousarray(rows[:, :n_classes]), rows[:, n_classes:]

    reach = PATHS_REACH if kind == "paths" else 0
    return Chain([Scan(both, ReceptiveField(2 * reach + 1, 1, -reach)), Map(pair)])
