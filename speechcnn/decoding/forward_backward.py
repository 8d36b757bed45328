"""How probable each phone is in each frame once the whole utterance is known: forward-backward over the phone loop.

No lattice is cut out first: every path of the loop counts, as `decode` would score it. Source: Rabiner (1989), section
III.A; Wessel et al. (2001) for posteriors of this kind as confidences.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from speechcnn.decoding.loop import PhoneLoop
from speechcnn.decoding.phone_models import PhoneHmm

TINY = 1e-200  # below it a sum of exponentials is computed anew: its terms may have fallen out of a float's range


def path_posteriors(
    log_posteriors: NDArray[np.float32],
    hmm: PhoneHmm,
    lm_scale: float = 1.0,
    insertion_penalty: float = 0.0,
    prior_scale: float = 1.0,
    temperature: float = 1.0,
) -> NDArray[np.float32]:
    """Return the share that paths on which a phone is active in a frame have in all paths through the utterance.

    A path's weight is the exponential of its score in `decode`. Each frame sums to 1, or to 0 where the utterance is
    too short for a path.

    Args:
        log_posteriors: the network's.
        hmm: the phone models.
        lm_scale: factor on the language model's log probabilities.
        insertion_penalty: nats subtracted for each phone.
        prior_scale: exponent of the priors that posteriors are divided by.
        temperature: divides the paths' scores. Neighbouring frames are taken as independent though they are not, so
            that 1 is too sure of itself; the language-model scale is a usual choice.

    Shape: log_posteriors [T, K] -> [T, L].

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}.")
    scores = hmm.scaled_likelihoods(log_posteriors, prior_scale) / np.float32(temperature)
    loop = PhoneLoop.of(hmm, lm_scale, insertion_penalty, temperature)
    if len(scores) == 0:
        return np.zeros((0, len(hmm.labels)), np.float32)
    block = math.isqrt(len(scores) - 1) + 1
    back = np.ascontiguousarray(loop.enter.transpose(0, 2, 1))
    return occupancies(
        scores,
        loop.log_self,
        loop.log_next,
        loop.start,
        loop.finish,
        loop.enter,
        np.exp(loop.enter),
        back,
        np.exp(back),
        block,
    )


@njit(cache=True, nogil=True)
def occupancies(
    scores: NDArray[np.float32],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    start: NDArray[np.float64],
    finish: NDArray[np.float64],
    enter: NDArray[np.float64],
    chances: NDArray[np.float64],
    enter_back: NDArray[np.float64],
    chances_back: NDArray[np.float64],
    block: int,
) -> NDArray[np.float32]:
    """Return the posterior of each phone in each frame.

    Forward sums are kept at the beginning of each block of frames only, and computed again when the backward pass
    comes by: memory grows with the root of the utterance's length.

    Args:
        scores: of each state in each frame.
        log_self: of a `PhoneLoop`, as the next four.
        log_next: as above.
        start: as above.
        finish: as above.
        enter: as above.
        chances: the exponential of `enter`.
        enter_back: `enter` with its last two axes exchanged.
        chances_back: the exponential of that.
        block: frames of a block.

    Shape: scores [T, L * S]; the others as in `PhoneLoop` -> [T, L].
    """
    n_frames, (n_contexts, n_phones), n_states = len(scores), start.shape, log_self.shape[1]
    n_blocks = (n_frames + block - 1) // block
    kept = np.empty((n_blocks, n_contexts, n_phones, n_states))
    within = np.empty((block, n_contexts, n_phones, n_states))
    forward = np.full((n_contexts, n_phones, n_states), -np.inf)
    for t in range(n_frames):
        if t % block == 0:
            copy(forward, kept[t // block])
        go_forward(forward, scores[t], log_self, log_next, start, enter, chances, t == 0)
    backward = np.full((n_contexts, n_phones, n_states), -np.inf)
    for context in range(n_contexts):
        for phone in range(n_phones):
            backward[context, phone, n_states - 1] = log_next[phone, n_states - 1] + finish[context, phone]
    posteriors = np.zeros((n_frames, n_phones), np.float32)
    for number in range(n_blocks - 1, -1, -1):
        first, after = number * block, min((number + 1) * block, n_frames)
        forward = kept[number]
        for t in range(first, after):
            go_forward(forward, scores[t], log_self, log_next, start, enter, chances, t == 0)
            copy(forward, within[t - first])
        for t in range(after - 1, first - 1, -1):
            share_out(within[t - first], backward, posteriors[t])
            go_back(backward, scores[t], log_self, log_next, enter_back, chances_back)
    return posteriors


@njit(cache=True, nogil=True)
def copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """Copy element by element: numba takes seconds to compile an assignment of arrays."""
    for context in range(source.shape[0]):
        for phone in range(source.shape[1]):
            for s in range(source.shape[2]):
                target[context, phone, s] = source[context, phone, s]


@njit(cache=True, nogil=True)
def weighted_sums(
    logs: NDArray[np.float64], prices: NDArray[np.float64], chances: NDArray[np.float64], sums: NDArray[np.float64]
) -> None:
    """Write the log of the sum over j of exp(logs[j] + prices[j, i]); `chances` is exp(prices).

    A product of vector and matrix, with the largest of `logs` taken out; a sum that is too small for that is added up
    in logarithms.

    Shape: logs [J]; prices, chances [J, I]; sums [I].
    """
    top = -np.inf
    for j in range(len(logs)):
        top = max(top, logs[j])
    sums[:] = 0
    if top > -np.inf:
        for j in range(len(logs)):
            share = np.exp(logs[j] - top)
            if share > 0:
                for i in range(len(sums)):
                    sums[i] += share * chances[j, i]
    for i in range(len(sums)):
        if sums[i] > TINY:
            sums[i] = top + np.log(sums[i])
        else:
            sums[i] = -np.inf
            for j in range(len(logs)):
                sums[i] = log_add(sums[i], logs[j] + prices[j, i])


@njit(cache=True, nogil=True)
def log_add(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


@njit(cache=True, nogil=True)
def go_forward(
    forward: NDArray[np.float64],
    scores: NDArray[np.float32],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    start: NDArray[np.float64],
    enter: NDArray[np.float64],
    chances: NDArray[np.float64],
    first: bool,
) -> None:
    """Carry the log sums over all paths into each state on by one frame, in place."""
    n_contexts, n_phones, n_states = forward.shape
    entry = start.copy()
    if not first:
        left = np.empty(enter.shape[1])
        entry[:] = -np.inf
        for context in range(enter.shape[0]):
            for source in range(len(left)):
                a, phone = (source, context) if n_contexts > 1 else (0, source)
                left[source] = forward[a, phone, n_states - 1] + log_next[phone, n_states - 1]
            weighted_sums(left, enter[context], chances[context], entry[context])
    for context in range(n_contexts):
        for phone in range(n_phones):
            states = forward[context, phone]
            for s in range(n_states - 1, -1, -1):
                come = states[s - 1] + log_next[phone, s - 1] if s > 0 else entry[context, phone]
                states[s] = log_add(states[s] + log_self[phone, s], come) + scores[phone * n_states + s]


@njit(cache=True, nogil=True)
def go_back(
    backward: NDArray[np.float64],
    scores: NDArray[np.float32],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    enter_back: NDArray[np.float64],
    chances_back: NDArray[np.float64],
) -> None:
    """Carry the log sums over all paths from each state on back by one frame, in place."""
    n_contexts, n_phones, n_states = backward.shape
    for context in range(n_contexts):
        for phone in range(n_phones):
            for s in range(n_states):
                backward[context, phone, s] += scores[phone * n_states + s]
    leave, entered = np.empty((enter_back.shape[0], enter_back.shape[2])), np.empty(n_phones)
    for context in range(len(leave)):
        for phone in range(n_phones):
            entered[phone] = backward[context, phone, 0]
        weighted_sums(entered, enter_back[context], chances_back[context], leave[context])
    for context in range(n_contexts):
        for phone in range(n_phones):
            states = backward[context, phone]
            for s in range(n_states):
                move = leave[phone, context] if n_contexts > 1 else leave[0, phone]
                if s < n_states - 1:
                    move = states[s + 1]
                states[s] = log_add(states[s] + log_self[phone, s], move + log_next[phone, s])


@njit(cache=True, nogil=True)
def share_out(forward: NDArray[np.float64], backward: NDArray[np.float64], posteriors: NDArray[np.float32]) -> None:
    """Write each phone's share in all paths; zeros where there is no path."""
    n_contexts, n_phones, n_states = forward.shape
    sums, total = np.full(n_phones, -np.inf), -np.inf
    for context in range(n_contexts):
        for phone in range(n_phones):
            for s in range(n_states):
                sums[phone] = log_add(sums[phone], forward[context, phone, s] + backward[context, phone, s])
    for phone in range(n_phones):
        total = log_add(total, sums[phone])
    for phone in range(n_phones):
        posteriors[phone] = np.exp(sums[phone] - total) if total > -np.inf else 0
