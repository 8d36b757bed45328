"""The searches, compiled: the best phone sequence under a bigram, and the best way through a known one.

Both go over left-to-right phones whose states are passed in order, none skipped, so a phone lasts at least as many
frames as it has states. Source: Viterbi (1967); Rabiner (1989), section III.B.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def search(
    scores: NDArray[np.float32],
    log_self: NDArray[np.float64],
    log_next: NDArray[np.float64],
    enter_from: NDArray[np.float64],
    n_states: int,
) -> tuple[float, NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the best path's score, and its phones with their first and last frames.

    Shape: scores [T, L * n_states]; log_self, log_next [L * n_states]; enter_from [L + 1, L + 1], where row l holds
    what it costs to enter l from each phone (last row: the end; last column: the start).
    """
    n_frames, n_phones = scores.shape[0], enter_from.shape[0] - 1
    path = np.full((n_phones, n_states), -np.inf)  # best score of a path that is in this state now
    began = np.zeros((n_phones, n_states), np.int32)  # the frame at which it entered this phone
    leave = np.full(n_phones, -np.inf)  # best score of a path that has just left the phone
    came_from = np.full((n_frames, n_phones), -1, np.int32)  # the phone before one entered at this frame
    left_began = np.zeros((n_frames, n_phones), np.int32)  # when a phone that is left after this frame began
    last = n_states - 1
    for t in range(n_frames):
        for phone in range(n_phones):
            best, source = -np.inf, -1
            if t == 0:
                best = enter_from[phone, n_phones]
            else:
                row = enter_from[phone]
                for other in range(n_phones):
                    value = leave[other] + row[other]
                    if value > best:
                        best, source = value, other
            came_from[t, phone] = source
            for s in range(last, 0, -1):
                k = phone * n_states + s
                stay, advance = path[phone, s] + log_self[k], path[phone, s - 1] + log_next[k - 1]
                if advance > stay:
                    began[phone, s] = began[phone, s - 1]
                path[phone, s] = max(stay, advance) + scores[t, k]
            k = phone * n_states
            stay = path[phone, 0] + log_self[k]
            if best > stay:
                began[phone, 0] = t
            path[phone, 0] = max(stay, best) + scores[t, k]
        for phone in range(n_phones):
            leave[phone] = path[phone, last] + log_next[phone * n_states + last]
            left_began[t, phone] = began[phone, last]
    best, phone = -np.inf, -1
    for other in range(n_phones):
        value = leave[other] + enter_from[n_phones, other]
        if value > best:
            best, phone = value, other
    phones, firsts, lasts = np.empty(n_frames, np.int32), np.empty(n_frames, np.int32), np.empty(n_frames, np.int32)
    found, t = n_frames, n_frames - 1
    while phone >= 0:
        found -= 1
        first = left_began[t, phone]
        phones[found], firsts[found], lasts[found] = phone, first, t
        phone, t = came_from[first, phone], first - 1
    return best, phones[found:], firsts[found:], lasts[found:]


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
