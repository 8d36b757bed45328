"""What a model file of a phone recogniser must hold."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from speechcnn import bundle
from speechcnn.arguments import check_type, construct
from speechcnn.decoding.phone_ctc import NO_STATES, n_outputs
from speechcnn.decoding.phone_models import NGRAMS, STATE_ARRAYS, ngram_order
from speechcnn.features import FEATURES, Normalizer
from speechcnn.labels import Labels
from speechcnn.models import PHONE_MODELS
from speechcnn.models.building import input_shape, outline
from speechcnn.recognizer.settings import Weighting

TASK = "phones"
TENSOR_GROUPS = ("model", "normalizer", "hmm")
MOST_STATES = 100  # of a phone


def check_parts(content: bundle.Bundle) -> None:
    """Check that a model file's card and tensors, given without their numbers, make a phone recogniser.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: they do not; the sentence names the part.
    """
    card = content.card
    bundle.check_task(content, TASK, "a phone recogniser", TENSOR_GROUPS)
    check_type("labels", card["labels"], Sequence[str])
    check_type("n_states", card["n_states"], int)
    if not card["labels"] or not NO_STATES <= card["n_states"] <= MOST_STATES:
        raise ValueError(f"labels must not be empty and n_states be from 0 to {MOST_STATES}; got {card['n_states']}")
    construct("decoder", Weighting, card["decoder"])
    n_labels = len(Labels(tuple(card["labels"])))
    n_classes = n_outputs(n_labels, card["n_states"])
    features = construct("features", FEATURES, card["features"])
    with torch.device("meta"):
        normalizer = construct("normalisation", Normalizer, card["normalisation"], **input_shape(features))
        hmm = {name: torch.empty(n_classes, dtype=torch.float64) for name in STATE_ARRAYS if card["n_states"]}
        order = ngram_order(content.group("hmm"))
        hmm[NGRAMS[order]] = torch.empty((n_labels + 1,) * order, dtype=torch.float64)
    bundle.check_fit(outline(card["model"], features, n_classes, PHONE_MODELS).state_dict(), content.group("model"))
    bundle.check_fit(normalizer.state_dict(), content.group("normalizer"))
    bundle.check_fit(hmm, content.group("hmm"))
