"""Phone models of left-to-right states over a network's posteriors, and the language model between phones.

A posterior divided by its state's prior is a likelihood up to a factor that all paths share (Bourlard and Morgan,
1994), so the network's scores serve as the emission scores of a hidden Markov model.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding.ngram import NgramModel
from speechcnn.labels import Labels

STATE_ARRAYS = ("log_prior", "log_self", "log_next")
NGRAMS = {1: "unigram", 2: "bigram", 3: "trigram"}  # how a model file names the language model, by its order
UNSEEN_STAY = 0.5  # chance of staying in a state that training never visited


@dataclass(frozen=True, eq=False)
class PhoneHmm:
    """One left-to-right model a phone, and the n-gram between phones.

    Shape: log_prior, log_self, log_next [K], K = L * n_states, state s of phone l having the number l * n_states + s.
    """

    labels: Labels
    log_prior: NDArray[np.float64]  # of each state, counted in the alignment
    log_self: NDArray[np.float64]  # of staying in a state for another frame
    log_next: NDArray[np.float64]  # of leaving it
    language_model: NgramModel

    @property
    def n_states(self) -> int:
        """States of a phone."""
        return len(self.log_prior) // len(self.labels)

    @classmethod
    def estimate(
        cls, alignments: Sequence[NDArray[np.int64]], labels: Labels, language_model: NgramModel, n_states: int = 3
    ) -> PhoneHmm:
        """Count priors and durations in state alignments, each [T]; every state counts once more than seen."""
        n = n_states * len(labels)
        frames = sum((np.bincount(states, minlength=n) for states in alignments), start=np.zeros(n))
        ends = [np.append(states[:-1][np.diff(states) != 0], states[-1:]) for states in alignments]
        exits = sum((np.bincount(states, minlength=n) for states in ends), start=np.zeros(n))
        leave = np.where(frames > 0, exits / np.maximum(frames, 1), UNSEEN_STAY).clip(0.01, 0.99)
        return cls(labels, np.log((frames + 1) / (frames + 1).sum()), np.log(1 - leave), np.log(leave), language_model)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return all numbers, for a model file."""
        return {
            "log_prior": self.log_prior,
            "log_self": self.log_self,
            "log_next": self.log_next,
            NGRAMS[self.language_model.order]: self.language_model.log_probabilities,
        }

    @classmethod
    def from_arrays(cls, labels: Labels, arrays: Mapping[str, NDArray[np.float64]]) -> PhoneHmm:
        """Make the models from what `arrays` returned.

        Raises:
            ValueError: the arrays' shapes do not fit the labels.
        """
        states = [arrays[name] for name in STATE_ARRAYS]
        order = ngram_order(arrays)
        ngram = arrays[NGRAMS[order]]
        if not (_states_fit(states, len(labels)) and ngram.shape == (len(labels) + 1,) * order):
            n, shapes = len(labels), ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
            raise ValueError(
                f"phone models of {n} labels need [K] states, K a multiple of {n}, and an n-gram of 1 to 3 axes of "
                f"{n + 1}; got {shapes}."
            )
        return cls(labels, states[0], states[1], states[2], NgramModel(ngram))

    def scaled_likelihoods(self, log_posteriors: NDArray[np.float32], prior_scale: float = 1.0) -> NDArray[np.float32]:
        """Divide posteriors by priors, in logarithms.

        Shape: [T, K] -> [T, K].
        """
        if log_posteriors.ndim != 2 or log_posteriors.shape[1] != len(self.log_prior):
            raise ValueError(
                f"log posteriors must be [frames, {len(self.log_prior)}]; got {list(log_posteriors.shape)}."
            )
        return (log_posteriors - prior_scale * self.log_prior).astype(np.float32, order="C")


def _states_fit(states: Sequence[NDArray[np.float64]], n_labels: int) -> bool:
    return len({array.shape for array in states}) == 1 and states[0].size > 0 and states[0].size % n_labels == 0


def ngram_order(names: Container[str]) -> int:
    """Return the order of the language model that stands among named arrays.

    Raises:
        ValueError: none does, or several do.
    """
    orders = [order for order, name in NGRAMS.items() if name in names]
    if len(orders) != 1:
        raise ValueError(f"phone models need one language model, {', '.join(NGRAMS.values())}; got {len(orders)}.")
    return orders[0]
