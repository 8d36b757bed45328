"""Decoding one minute of scores with 61 phones of 3 states, or of ten seconds where the peer is a loop in Python.

The peers are the same searches in torch, loops over frames of all states, a beam over a dictionary in plain Python and
torchaudio's forced alignment.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from bench import Row, compare

from speechcnn.decoding import ctc
from speechcnn.decoding.ctc_beam import prefix_beam_search
from speechcnn.decoding.forward_backward import path_posteriors
from speechcnn.decoding.hmm import DecodedPhone, PhoneHmm, align, decode, estimate_bigram
from speechcnn.decoding.ngram import NgramModel, estimate_ngram
from speechcnn.decoding.streaming import StreamingDecoder
from speechcnn.labels import timit_phones
from speechcnn.torchaudio_pair import torchaudio

N_FRAMES, SHORT, SECONDS, LM_SCALE, PENALTY, WIDTH = 6000, 1000, 60, 1.5, 1.0, 16


def rows() -> Iterator[Row]:
    posteriors, hmm, phones = _task()
    yield from _bigram_rows(posteriors, hmm)
    yield _trigram_row(posteriors, _with_trigram(hmm, phones))
    yield _stream_row(posteriors, hmm)
    yield _align_row(posteriors, hmm, phones)
    yield _posteriors_row(posteriors, hmm)
    yield from _ctc_rows(phones)


def _bigram_rows(posteriors: np.ndarray, hmm: PhoneHmm) -> Iterator[Row]:
    yield _with_speed(
        compare(
            "decode, 6000 frames",
            lambda: decode(posteriors, hmm, LM_SCALE, PENALTY),
            lambda: _torch_viterbi(posteriors, hmm),
            peer_name="torch, a loop over frames of 183 x 183",
            repeats=5,
            difference=float(_spans(decode(posteriors, hmm, LM_SCALE, PENALTY)) != _torch_viterbi(posteriors, hmm)),
        )
    )


def _trigram_row(posteriors: np.ndarray, hmm: PhoneHmm) -> Row:
    short = posteriors[:SHORT]
    return _with_speed(
        compare(
            "decode with a trigram, 1000 frames",
            lambda: decode(short, hmm, LM_SCALE, PENALTY),
            lambda: _torch_trigram(short, hmm),
            peer_name="torch, a loop over frames of 61 x 62 x 61",
            repeats=3,
            difference=float(_spans(decode(short, hmm, LM_SCALE, PENALTY)) != _torch_trigram(short, hmm)),
        ),
        SHORT / 100,
    )


def _stream_row(posteriors: np.ndarray, hmm: PhoneHmm) -> Row:
    decoder = StreamingDecoder(hmm, LM_SCALE, PENALTY)

    def stream() -> list[DecodedPhone]:
        state, found = decoder.start(), []
        for first in range(0, len(posteriors), 10):
            phones, state = decoder.step(posteriors[first : first + 10], state)
            found += phones
        return found + decoder.finish(state)

    whole = decode(posteriors, hmm, LM_SCALE, PENALTY)
    return _with_speed(
        compare(
            "stream in pieces of 10 frames, 6000 frames",
            stream,
            lambda: decode(posteriors, hmm, LM_SCALE, PENALTY),
            peer_name="our decode of the whole",
            repeats=5,
            difference=float(stream() != whole),
        )
    )


def _align_row(posteriors: np.ndarray, hmm: PhoneHmm, phones: list[int]) -> Row:
    return _with_speed(
        compare(
            f"align, {len(phones)} phones in 6000 frames",
            lambda: align(posteriors, phones, hmm),
            lambda: _torch_align(posteriors, phones, hmm),
            peer_name="torch, a loop over frames of 1800 states",
            repeats=3,
            difference=float((align(posteriors, phones, hmm) != _torch_align(posteriors, phones, hmm)).sum()),
        )
    )


def _posteriors_row(posteriors: np.ndarray, hmm: PhoneHmm) -> Row:
    short = posteriors[:SHORT]
    ours, peer = path_posteriors(short, hmm, LM_SCALE, PENALTY), _torch_posteriors(short, hmm)
    return _with_speed(
        compare(
            "posteriors over all paths, 1000 frames",
            lambda: path_posteriors(short, hmm, LM_SCALE, PENALTY),
            lambda: _torch_posteriors(short, hmm),
            peer_name="torch, two loops over frames of 183 x 183",
            repeats=3,
            difference=float(np.abs(ours - peer).max()),
        ),
        SHORT / 100,
    )


def _ctc_rows(phones: list[int]) -> Iterator[Row]:
    scores, model, labels = _ctc_task(phones)
    short = scores[:SHORT]
    ours, peer = prefix_beam_search(short, WIDTH, model, 0.5, -1.0)[0], _plain_beam(short, WIDTH, model, 0.5, -1.0)
    yield _with_speed(
        compare(
            f"CTC prefix beam of {WIDTH} with a trigram, 1000 frames",
            lambda: prefix_beam_search(short, WIDTH, model, 0.5, -1.0),
            lambda: _plain_beam(short, WIDTH, model, 0.5, -1.0),
            peer_name="Python, a dictionary of prefixes",
            repeats=1,
            difference=float(ours.labels != peer),
        ),
        SHORT / 100,
    )
    yield _with_speed(
        compare(
            f"CTC align, {len(labels)} phones in 6000 frames",
            lambda: ctc.align(scores, labels),
            lambda: _torchaudio_align(scores, labels),
            peer_name="torchaudio.functional.forced_align",
            difference=float((_classes(ctc.align(scores, labels)) != _torchaudio_align(scores, labels)).sum()),
        )
    )


def _with_speed(row: Row, seconds: float = SECONDS) -> Row:
    return replace(row, note=f"{1000 * seconds / row.ours_ms:.0f} times real time")


def _task() -> tuple[np.ndarray, PhoneHmm, list[int]]:
    rng, labels = np.random.default_rng(0), timit_phones()
    phones = rng.integers(len(labels), size=700).tolist()
    states = np.repeat(3 * np.repeat(phones, 3) + np.tile(np.arange(3), len(phones)), 3)[:N_FRAMES]
    states = np.append(states, np.full(N_FRAMES - len(states), states[-1]))
    bigram = estimate_bigram([labels.decode(phones)], labels)
    scores = torch.from_numpy(rng.standard_normal((N_FRAMES, 3 * len(labels))).astype(np.float32) * 2)
    scores[torch.arange(N_FRAMES), torch.from_numpy(states)] += 4
    return scores.log_softmax(-1).numpy(), PhoneHmm.estimate([states], labels, bigram), phones[:600]


def _with_trigram(hmm: PhoneHmm, phones: list[int]) -> PhoneHmm:
    return replace(hmm, language_model=estimate_ngram([hmm.labels.decode(phones)], hmm.labels, order=3))


def _ctc_task(phones: list[int]) -> tuple[np.ndarray, NgramModel, list[int]]:
    """Scores of a blank and 61 phones, each phone in two of eight frames."""
    labels = timit_phones()
    path = np.zeros(N_FRAMES, np.int64)
    for place, phone in enumerate(phones):
        path[10 * place + 4 : 10 * place + 6] = phone + 1
    scores = torch.from_numpy(np.random.default_rng(1).standard_normal((N_FRAMES, len(labels) + 1)).astype(np.float32))
    scores = 2 * scores
    scores[torch.arange(N_FRAMES), torch.from_numpy(path)] += 6
    return scores.log_softmax(-1).numpy(), estimate_ngram([labels.decode(phones)], labels, order=3), phones


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


def _torch_trigram(posteriors: np.ndarray, hmm: PhoneHmm) -> list[tuple[int, int, int]]:
    """States are [phone before, phone, state]; the phone before is 61 at the start."""
    n, s = len(hmm.labels), hmm.n_states
    lm = LM_SCALE * torch.from_numpy(hmm.language_model.log_probabilities)
    scores = torch.from_numpy(hmm.scaled_likelihoods(posteriors)).double().reshape(-1, n, s)
    stay, leave = (torch.from_numpy(array).reshape(n, s) for array in (hmm.log_self, hmm.log_next))
    best, history = torch.full((n + 1, n, s), -torch.inf, dtype=torch.float64), []
    best[n, :, 0] = lm[n, n, :n] - PENALTY + scores[0, :, 0]
    for frame in scores[1:]:
        entry, source = ((best[:, :, -1] + leave[:, -1])[:, :, None] + lm[:, :n, :n] - PENALTY).max(0)
        entry = torch.cat([entry, torch.full((1, n), -torch.inf, dtype=torch.float64)])
        moved = torch.cat([entry[:, :, None], (best + leave)[:, :, :-1]], 2)
        stayed = best + stay
        history.append((source, moved > stayed))
        best = torch.maximum(stayed, moved) + frame
    last = best[:, :, -1] + leave[:, -1] + lm[:, :n, n]
    (before, phone), state = divmod(int(last.argmax()), n), s - 1
    path = [phone * s + state]
    for source, moved in reversed(history):
        if moved[before, phone, state]:
            if state > 0:
                state -= 1
            else:
                before, phone, state = int(source[before, phone]), before, s - 1
        path.append(phone * s + state)
    return _phones(path[::-1], s)


def _torch_posteriors(posteriors: np.ndarray, hmm: PhoneHmm) -> np.ndarray:
    start, moves, finish = _graph(hmm)
    scores = torch.from_numpy(hmm.scaled_likelihoods(posteriors)).double()
    forward = [start + scores[0]]
    for frame in scores[1:]:
        forward.append((forward[-1][:, None] + moves).logsumexp(0) + frame)
    backward = [finish]
    for frame in reversed(scores[1:]):
        backward.append((moves + (backward[-1] + frame)).logsumexp(1))
    states = (torch.stack(forward) + torch.stack(backward[::-1])).softmax(-1)
    return states.reshape(len(scores), -1, hmm.n_states).sum(-1).numpy()


def _plain_beam(scores: np.ndarray, width: int, model: NgramModel, lm_scale: float, penalty: float) -> tuple[int, ...]:
    lm, n = lm_scale * model.log_probabilities - penalty, scores.shape[1] - 1
    beam = {(): (0.0, -math.inf, 0.0)}
    for frame in scores.astype(float).tolist():
        grown: dict[tuple[int, ...], tuple[float, float, float]] = {}
        for prefix, (blank, label, price) in beam.items():
            total, (u, v) = _log_add(blank, label), (n, n, *prefix)[-2:]
            stayed = label + frame[prefix[-1] + 1] if prefix else -math.inf
            old = grown.get(prefix, (-math.inf, -math.inf, price))
            grown[prefix] = (total + frame[0], _log_add(old[1], stayed), price)
            for c, following in enumerate(lm[u, v, :n].tolist()):
                longer = (*prefix, c)
                old = grown.get(longer, (-math.inf, -math.inf, price + following))
                spoken = (blank if prefix[-1:] == (c,) else total) + frame[c + 1]
                grown[longer] = (old[0], _log_add(old[1], spoken), old[2])
        beam = dict(heapq.nlargest(width, grown.items(), key=lambda item: _log_add(*item[1][:2]) + item[1][2]))
    return max(beam, key=lambda p: _log_add(*beam[p][:2]) + beam[p][2] + lm[(n, n, *p)[-2:]][n])


def _log_add(a: float, b: float) -> float:
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _torchaudio_align(scores: np.ndarray, labels: list[int]) -> np.ndarray:
    targets = torch.tensor([labels], dtype=torch.int32) + 1
    return torchaudio().functional.forced_align(torch.from_numpy(scores)[None], targets, blank=ctc.BLANK)[0][0].numpy()


def _classes(decoded: list[DecodedPhone]) -> np.ndarray:
    classes = np.zeros(N_FRAMES, np.int64)
    for one in decoded:
        classes[one.first_frame : one.last_frame + 1] = one.phone + 1
    return classes


def _spans(decoded: list[DecodedPhone]) -> list[tuple[int, int, int]]:
    return [(one.phone, one.first_frame, one.last_frame) for one in decoded]


def _phones(path: list[int], n_states: int) -> list[tuple[int, int, int]]:
    firsts = [t for t, k in enumerate(path) if k % n_states == 0 and (t == 0 or path[t - 1] != k)]
    lasts = [t - 1 for t in firsts[1:]] + [len(path) - 1]
    return [(path[first] // n_states, first, last) for first, last in zip(firsts, lasts, strict=True)]
