"""Decoding one minute of scores with 61 phones of 3 states, against the same search over 183 states in torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from bench import Row, compare

from speechcnn.decoding.hmm import PhoneHmm, align, decode, estimate_bigram
from speechcnn.labels import timit_phones

N_FRAMES, SECONDS, LM_SCALE, PENALTY = 6000, 60, 1.5, 1.0


def rows() -> Iterator[Row]:
    posteriors, hmm, phones = _task()
    found = [(one.phone, one.first_frame, one.last_frame) for one in decode(posteriors, hmm, LM_SCALE, PENALTY)]
    peer = _torch_viterbi(posteriors, hmm)
    yield _with_speed(
        compare(
            "decode, 6000 frames",
            lambda: decode(posteriors, hmm, LM_SCALE, PENALTY),
            lambda: _torch_viterbi(posteriors, hmm),
            peer_name="torch, a loop over frames of 183 x 183",
            repeats=5,
            difference=float(found != peer),
        )
    )
    yield _with_speed(
        compare(
            f"align, {len(phones)} phones in 6000 frames",
            lambda: align(posteriors, phones, hmm),
            lambda: _torch_align(posteriors, phones, hmm),
            peer_name="torch, a loop over frames of 1800 states",
            repeats=3,
            difference=float((align(posteriors, phones, hmm) != _torch_align(posteriors, phones, hmm)).sum()),
        )
    )


def _with_speed(row: Row) -> Row:
    return replace(row, note=f"{1000 * SECONDS / row.ours_ms:.0f} times real time")


def _task() -> tuple[np.ndarray, PhoneHmm, list[int]]:
    rng, labels = np.random.default_rng(0), timit_phones()
    phones = rng.integers(len(labels), size=700).tolist()
    states = np.repeat(3 * np.repeat(phones, 3) + np.tile(np.arange(3), len(phones)), 3)[:N_FRAMES]
    states = np.append(states, np.full(N_FRAMES - len(states), states[-1]))
    bigram = estimate_bigram([labels.decode(phones)], labels)
    scores = torch.from_numpy(rng.standard_normal((N_FRAMES, 3 * len(labels))).astype(np.float32) * 2)
    scores[torch.arange(N_FRAMES), torch.from_numpy(states)] += 4
    return scores.log_softmax(-1).numpy(), PhoneHmm.estimate([states], labels, bigram), phones[:600]


def _graph(hmm: PhoneHmm) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the log weights of starting in, moving from one to another of, and ending in the 183 states."""
    n, s = len(hmm.log_prior), hmm.n_states
    lm = LM_SCALE * hmm.language_model.log_probabilities
    moves, start, finish = np.full((n, n), -np.inf), np.full(n, -np.inf), np.full(n, -np.inf)
    np.fill_diagonal(moves, hmm.log_self)
    inner = np.array([k for k in range(n) if k % s != s - 1])
    moves[inner, inner + 1] = hmm.log_next[inner]
    moves[s - 1 :: s, ::s] = hmm.log_next[s - 1 :: s, None] + lm[:-1, :-1] - PENALTY
    start[::s], finish[s - 1 :: s] = lm[-1, :-1] - PENALTY, hmm.log_next[s - 1 :: s] + lm[:-1, -1]
    return torch.from_numpy(start), torch.from_numpy(moves), torch.from_numpy(finish)


def _torch_viterbi(posteriors: np.ndarray, hmm: PhoneHmm) -> list[tuple[int, int, int]]:
    start, moves, finish = _graph(hmm)
    scores = torch.from_numpy(hmm.scaled_likelihoods(posteriors)).double()
    best, sources = start + scores[0], []
    for frame in scores[1:]:
        best, source = (best[:, None] + moves).max(0)
        best = best + frame
        sources.append(source)
    path = [int((best + finish).argmax())]
    for source in reversed(sources):
        path.append(int(source[path[-1]]))
    return _phones(path[::-1], hmm.n_states)


def _torch_align(posteriors: np.ndarray, phones: list[int], hmm: PhoneHmm) -> np.ndarray:
    states = (torch.tensor(phones)[:, None] * hmm.n_states + torch.arange(hmm.n_states)).flatten()
    scores = torch.from_numpy(hmm.scaled_likelihoods(posteriors)).double()[:, states]
    stay, leave = torch.from_numpy(hmm.log_self)[states], torch.from_numpy(hmm.log_next)[states]
    nowhere = torch.full((1,), -torch.inf, dtype=torch.float64)
    best, advanced = torch.cat([scores[0, :1], nowhere.expand(len(states) - 1)]), []
    for frame in scores[1:]:
        stayed, moved = best + stay, torch.cat([nowhere, (best + leave)[:-1]])
        advanced.append(moved > stayed)
        best = torch.maximum(stayed, moved) + frame
    places = [len(states) - 1]
    for moved in reversed(advanced):
        places.append(places[-1] - int(moved[places[-1]]))
    return states[places[::-1]].numpy()


def _phones(path: list[int], n_states: int) -> list[tuple[int, int, int]]:
    firsts = [t for t, k in enumerate(path) if k % n_states == 0 and (t == 0 or path[t - 1] != k)]
    lasts = [t - 1 for t in firsts[1:]] + [len(path) - 1]
    return [(path[first] // n_states, first, last) for first, last in zip(firsts, lasts, strict=True)]
