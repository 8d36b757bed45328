"""The phone loop: any phone may follow any other, at the price that the language model and the decoder's weights set.

With a trigram the price of a phone hangs on the two before it, so the loop holds each phone once for every phone that
may come before it (its context), and the search over the loop is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechcnn.decoding.phone_models import PhoneHmm


@dataclass(frozen=True, eq=False)
class PhoneLoop:
    """What it costs to start, to stay, to go from phone to phone and to end; all in nats, and the larger the better.

    A state of the loop is (a, l, s): context, phone, state of the phone. Up to a bigram there is one context, 0; with a
    trigram context a is the phone before, and L the start. A phone is entered in the context that the last phone
    makes: from source b into (a, l) for `enter[a, b, l]`, where b is the phone left (up to a bigram), or the context of
    the phone a that is left (with a trigram).

    Shape: log_self, log_next [L, S]; start, finish, least, most [A, L]; enter [1, L, L] or [L, L + 1, L].
    """

    log_self: NDArray[np.float64]
    log_next: NDArray[np.float64]
    start: NDArray[np.float64]
    enter: NDArray[np.float64]
    finish: NDArray[np.float64]
    least: NDArray[np.float64]  # of what follows a phone, how far its context takes the price below the contexts' mean
    most: NDArray[np.float64]  # and above it; infinite where prices are

    @classmethod
    def of(
        cls, hmm: PhoneHmm, lm_scale: float = 1.0, insertion_penalty: float = 0.0, temperature: float = 1.0
    ) -> PhoneLoop:
        """Weigh phone models and language model against each other.

        Args:
            hmm: the phone models.
            lm_scale: factor on the language model's log probabilities.
            insertion_penalty: nats subtracted for each phone.
            temperature: what everything is divided by in the end.
        """
        start, enter, finish = _prices(lm_scale * hmm.language_model.log_probabilities)
        least, most = _bounds(enter, finish)
        weighed = (
            hmm.log_self.reshape(-1, hmm.n_states),
            hmm.log_next.reshape(-1, hmm.n_states),
            start - insertion_penalty,
            enter - insertion_penalty,
            finish,
            least,
            most,
        )
        return cls(*(np.ascontiguousarray(part / temperature) for part in weighed))


def _prices(
    p: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return `start`, `enter` and `finish` under an n-gram's weighed log probabilities."""
    n = p.shape[-1] - 1
    if p.ndim == 3:
        start = np.full((n + 1, n), -np.inf)
        start[n] = p[n, n, :n]
        return start, p[:, :n, :n].transpose(1, 0, 2), p[:, :n, n]
    pairs = np.broadcast_to(p, (n + 1, n + 1))  # a unigram gives every history the same
    return pairs[n:, :n], pairs[None, :n, :n], pairs[None, :n, n]


def _bounds(enter: NDArray[np.float64], finish: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `least` and `most`."""
    if len(finish) == 1:
        return np.zeros_like(finish), np.zeros_like(finish)
    following = np.concatenate([enter, finish.T[:, :, None]], axis=2)
    if not np.isfinite(following).all():
        return np.full(finish.shape, -np.inf), np.full(finish.shape, np.inf)
    deviations = following - following.mean(1, keepdims=True)
    return deviations.min(2).T, deviations.max(2).T
