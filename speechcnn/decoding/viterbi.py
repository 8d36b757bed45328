"""The searches, compiled: the best way through a phone loop, frame by frame, and through a known phone sequence.

Both go over left-to-right phones whose states are passed in order, none skipped, so a phone lasts at least as many
frames as it has states. Source: Viterbi (1967); Rabiner (1989), section III.B.

States of a loop are numbered (context * phones + phone) * states + state.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def advance(
    scores: NDArray[np.float32],
    path: NDArray[np.float64],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    start: NDArray[np.float64],
    enter: NDArray[np.float64],
    least: NDArray[np.float64],
    most: NDArray[np.float64],
    first: bool,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Carry the best paths over some frames; `path`, the score of the best path into each state, changes in place.

    Args:
        scores: of each state in each frame.
        path: as it was after the frame before.
        log_self: of a `PhoneLoop`, as the next five.
        log_next: as above.
        start: as above.
        enter: as above.
        least: as above.
        most: as above.
        first: whether the first of these frames is the utterance's.

    Returns:
        For each frame, from which source (see `PhoneLoop`) each phone would be entered, -1 standing for the start; and
        whether each state's best path came in from another state at this frame.

    Shape: scores [N, L * S]; path [A, L, S] -> [N, A, L] and [N, A, L, S].
    """
    n_frames, (n_contexts, n_phones, n_states) = len(scores), path.shape
    sources = np.full((n_frames, n_contexts, n_phones), -1, np.int16)
    moved = np.zeros((n_frames, n_contexts, n_phones, n_states), np.bool_)
    entry = start.copy()
    for t in range(n_frames):
        if t > 0 or not first:
            best_entries(path, log_next, enter, entry, sources[t])
        take_frame(scores[t], path, log_self, log_next, entry, moved[t])
        if n_contexts > 1:
            strike_out(path, least, most)
    return sources, moved


@njit(cache=True, nogil=True)
def best_entries(
    path: NDArray[np.float64],
    log_next: NDArray[np.float64],
    enter: NDArray[np.float64],
    entry: NDArray[np.float64],
    sources: NDArray[np.int16],
) -> None:
    """Find for each phone in each context the best source to enter it from; `entry` and `sources` are written."""
    last = path.shape[2] - 1
    entry[:] = -np.inf
    for context in range(enter.shape[0]):
        best, chosen = entry[context], sources[context]
        for source in range(enter.shape[1]):
            if len(path) > 1:
                left = path[source, context, last] + log_next[context, last]
            else:
                left = path[0, source, last] + log_next[source, last]
            if left == -np.inf:
                continue
            prices = enter[context, source]
            for phone in range(len(best)):
                value = left + prices[phone]
                better = value > best[phone]
                best[phone] = value if better else best[phone]
                chosen[phone] = source if better else chosen[phone]


@njit(cache=True, nogil=True)
def take_frame(
    scores: NDArray[np.float32],
    path: NDArray[np.float64],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    entry: NDArray[np.float64],
    moved: NDArray[np.bool_],
) -> None:
    """Let every path stay or move on, and add the frame's scores; `path` and `moved` are written."""
    n_contexts, n_phones, n_states = path.shape
    for context in range(n_contexts):
        for phone in range(n_phones):
            for s in range(n_states - 1, -1, -1):
                stay = path[context, phone, s] + log_self[phone, s]
                move = path[context, phone, s - 1] + log_next[phone, s - 1] if s > 0 else entry[context, phone]
                moved[context, phone, s] = move > stay
                path[context, phone, s] = max(stay, move) + scores[phone * n_states + s]


@njit(cache=True, nogil=True)
def strike_out(path: NDArray[np.float64], least: NDArray[np.float64], most: NDArray[np.float64]) -> None:
    """Set the paths to minus infinity that can never become the best, whatever follows.

    Paths in the same state of the same phone differ in their future by their context alone, and by `least` and `most`
    at the utmost. What is struck out is worse than another even so: the search stays exact.
    """
    n_contexts, n_phones, n_states = path.shape
    floor = np.full((n_phones, n_states), -np.inf)
    for context in range(n_contexts):
        for phone in range(n_phones):
            for s in range(n_states):
                floor[phone, s] = max(floor[phone, s], path[context, phone, s] + least[context, phone])
    for context in range(n_contexts):
        for phone in range(n_phones):
            for s in range(n_states):
                if path[context, phone, s] + most[context, phone] < floor[phone, s]:
                    path[context, phone, s] = -np.inf


@njit(cache=True, nogil=True)
def before(state: int, sources: NDArray[np.int16], moved: NDArray[np.bool_]) -> int:
    """Return the state before this one on its best path, -1 before the utterance's first frame."""
    n_contexts, n_phones, n_states = moved.shape
    s, phone = state % n_states, state // n_states % n_phones
    context = state // n_states // n_phones
    if not moved[context, phone, s]:
        return state
    if s > 0:
        return state - 1
    source = np.int64(sources[context, phone])
    if source < 0:
        return -1
    left = source * n_phones + context if n_contexts > 1 else source
    return left * n_states + n_states - 1


@njit(cache=True, nogil=True)
def trace(
    state: int, sources: NDArray[np.int16], moved: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the phones entered on the way to a state after the last frame, and at which frames, in order of time."""
    n_frames, (n_phones, n_states) = len(moved), moved.shape[2:]
    phones, frames = np.empty(n_frames, np.int64), np.empty(n_frames, np.int64)
    found = n_frames
    for t in range(n_frames - 1, -1, -1):
        if state % n_states == 0 and moved[t].ravel()[state]:
            found -= 1
            phones[found], frames[found] = state // n_states % n_phones, t
        state = before(state, sources[t], moved[t])
    return phones[found:], frames[found:]


@njit(cache=True, nogil=True)
def agreed(path: NDArray[np.float64], sources: NDArray[np.int16], moved: NDArray[np.bool_]) -> tuple[int, int]:
    """Return over how many of the frames all living paths are one, and the state which that one is in at the end."""
    living = np.flatnonzero(path.ravel() > -np.inf)
    count, seen = len(living), np.full(path.size, -1)
    for t in range(len(moved) - 1, -1, -1):
        if count == 1:
            return t + 1, living[0]
        kept = 0
        for i in range(count):
            previous = before(living[i], sources[t], moved[t])
            if previous >= 0 and seen[previous] != t:
                seen[previous] = t
                living[kept] = previous
                kept += 1
        count = kept
    return 0, -1


@njit(cache=True, nogil=True)
def ancestors(n_states: int, sources: NDArray[np.int16], moved: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each of all states after the last frame the state of its best path before the first, -1 for none.

    Shape: -> [n_states].
    """
    found = np.arange(n_states)
    for t in range(len(moved) - 1, -1, -1):
        for i in range(n_states):
            if found[i] >= 0:
                found[i] = before(found[i], sources[t], moved[t])
    return found


@njit(cache=True, nogil=True)
def pass_through(
    scores: NDArray[np.float32], log_self: NDArray[np.float64], log_next: NDArray[np.float64], states: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each frame the place in `states` of the best path that passes through all of them in order.

    Shape: scores [T, K]; log_self, log_next [K]; states [S] -> [T], S at most T.
    """
    n_frames, n_places = scores.shape[0], len(states)
    path = np.full(n_places, -np.inf)
    advanced = np.zeros((n_frames, n_places), np.bool_)
    path[0] = scores[0, states[0]]
    for t in range(1, n_frames):
        for place in range(min(t, n_places - 1), -1, -1):
            state = states[place]
            stay = path[place] + log_self[state]
            if place > 0:
                advance = path[place - 1] + log_next[states[place - 1]]
                if advance > stay or place == t:
                    advanced[t, place] = True
                    stay = advance
            path[place] = stay + scores[t, state]
    places = np.empty(n_frames, np.int64)
    place = n_places - 1
    for t in range(n_frames - 1, -1, -1):
        # Where scores are minus infinity, a path must still reach the start.
        place = min(place, t)
        places[t] = place
        if advanced[t, place]:
            place -= 1
    return places
