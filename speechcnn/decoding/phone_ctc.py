"""Phones from a network trained by connectionist temporal classification: the phone language model and the search.

Where `PhoneHmm` has states, there is one class a phone here, behind a blank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding import ctc
from speechcnn.decoding.ctc_beam import prefix_beam_search
from speechcnn.decoding.ngram import NgramModel
from speechcnn.decoding.path import DecodedPhone
from speechcnn.decoding.phone_models import NGRAMS, ngram_order
from speechcnn.labels import Labels

NO_STATES = 0  # the number of states by which settings and model files name this kind
BEAM_WIDTH = 16  # prefixes kept after each frame


def n_outputs(n_labels: int, n_states: int) -> int:
    """Return how many classes a network has: the states of all phones, or the phones and a blank."""
    return n_labels + 1 if n_states == NO_STATES else n_labels * n_states


@dataclass(frozen=True, eq=False)
class PhoneCtc:
    """The phones, and the n-gram between them."""

    labels: Labels
    language_model: NgramModel

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return all numbers, for a model file."""
        return {NGRAMS[self.language_model.order]: self.language_model.log_probabilities}

    @classmethod
    def from_arrays(cls, labels: Labels, arrays: Mapping[str, NDArray[np.float64]]) -> PhoneCtc:
        """Make the models from what `arrays` returned.

        Raises:
            ValueError: there is not one n-gram, or its shape does not fit the labels.
        """
        order = ngram_order(arrays)
        ngram = arrays[NGRAMS[order]]
        if ngram.shape != (len(labels) + 1,) * order:
            raise ValueError(
                f"an n-gram of {len(labels)} labels has axes of {len(labels) + 1}; got {list(ngram.shape)}."
            )
        return cls(labels, NgramModel(ngram))

    def decode(
        self, log_posteriors: NDArray[np.float32], lm_scale: float = 1.0, insertion_penalty: float = 0.0
    ) -> list[DecodedPhone]:
        """Return the best phone sequence by prefix beam search, each phone where the best path through it names it.

        Shape: log_posteriors [T, L + 1].
        """
        if not len(log_posteriors):
            return []
        found = prefix_beam_search(log_posteriors, BEAM_WIDTH, self.language_model, lm_scale, insertion_penalty)
        return self.align(log_posteriors, found[0].labels)

    def align(self, log_posteriors: NDArray[np.float32], phones: Sequence[int]) -> list[DecodedPhone]:
        """Return the frames in which the best path through the given phones names each of them.

        Shape: log_posteriors [T, L + 1].

        Raises:
            ValueError: there are too few frames, or all paths have probability 0.
        """
        return ctc.align(log_posteriors, phones)
