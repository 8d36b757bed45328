"""Prefix beam search for connectionist temporal classification, with a phone language model.

Each prefix of labels holds the probability of all paths that spell it, apart for paths that end in a blank and in its
last label, since only the first can repeat that label. Source: Graves (2008), section 7.5; Hannun et al. (2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from speechcnn.decoding.ctc import BLANK
from speechcnn.decoding.forward_backward import log_add
from speechcnn.decoding.ngram import NgramModel


@dataclass(frozen=True)
class Hypothesis:
    """A label sequence that the search ended with."""

    labels: tuple[int, ...]
    log_probability: float  # of all its paths that the beam kept
    score: float  # with the language model and the insertion penalty


def prefix_beam_search(
    log_probabilities: NDArray[np.float32],
    width: int = 32,
    language_model: NgramModel | None = None,
    lm_scale: float = 1.0,
    insertion_penalty: float = 0.0,
) -> list[Hypothesis]:
    """Return up to `width` label sequences, the best first. Class 0 is the blank, label l is class l + 1.

    A sequence's score is its log probability, plus `lm_scale` times the language model's, less the penalty for each
    label. The search is exact where `width` is at least the number of prefixes.

    Args:
        log_probabilities: the network's.
        width: prefixes kept after each frame.
        language_model: over labels, its end counting at the end of the utterance; None: none.
        lm_scale: factor on its log probabilities.
        insertion_penalty: nats subtracted for each label; below 0 a bonus.

    Shape: log_probabilities [T, L + 1].

    Raises:
        ValueError: the width is below 1, or the language model has another number of labels.
    """
    n_labels = log_probabilities.shape[1] - 1
    if width < 1:
        raise ValueError(f"width must be at least 1; got {width}.")
    if language_model is not None and language_model.log_probabilities.shape[-1] != n_labels + 1:
        known = language_model.log_probabilities.shape[-1] - 1
        raise ValueError(f"the language model must know the network's {n_labels} labels; it knows {known}.")
    prices = np.zeros(n_labels + 1) if language_model is None else lm_scale * language_model.log_probabilities
    prices[..., :-1] -= insertion_penalty  # the end of the utterance is no label
    nodes, totals, scores, parents, labels = search(
        np.ascontiguousarray(log_probabilities, np.float32),
        np.array(np.broadcast_to(prices, (n_labels + 1,) * 3), order="C"),
        width,
    )
    return [
        Hypothesis(_spelled(nodes[i], parents, labels), float(totals[i]), float(scores[i]))
        for i in np.argsort(-scores, kind="stable")
    ]


def _spelled(node: int, parents: NDArray[np.int64], labels: NDArray[np.int64]) -> tuple[int, ...]:
    found: list[int] = []
    while parents[node] >= 0:
        found.append(int(labels[node]))
        node = parents[node]
    return tuple(reversed(found))


@njit(cache=True, nogil=True)
def search(
    log_probabilities: NDArray[np.float32], prices: NDArray[np.float64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the prefixes left at the end, as nodes of a tree, their log probabilities and scores, and the tree.

    Node 0 is the empty prefix. Every prefix has one node, so that two nodes are never the same labels.

    Shape: log_probabilities [T, L + 1]; prices [L + 1, L + 1, L + 1] for a label after two others.
    """
    n_frames, n_labels = len(log_probabilities), log_probabilities.shape[1] - 1
    tree = np.full((4, 1 + n_frames * width), -1)  # parent, label, first child, next child of the same parent
    tree[1, 0] = n_labels
    size, nodes, paid = 1, np.zeros(1, np.int64), np.zeros(1)
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)
    for t in range(n_frames):
        frame, count = log_probabilities[t], len(nodes)
        blank, label, longer = extend(frame, nodes, tree, in_blank, in_label)
        ranks = np.empty(count * (n_labels + 1))
        for i in range(count):
            price = following(nodes[i], tree, prices)
            for c in range(n_labels):
                ranks[i * (n_labels + 1) + c] = longer[i, c] + paid[i] + price[c]
            ranks[i * (n_labels + 1) + n_labels] = log_add(blank[i], label[i]) + paid[i]
        chosen = best_of(ranks, width)
        new_nodes, new_paid = np.empty(len(chosen), np.int64), np.empty(len(chosen))
        in_blank, in_label = np.full(len(chosen), -np.inf), np.full(len(chosen), -np.inf)
        for k in range(len(chosen)):
            i, c = chosen[k] // (n_labels + 1), chosen[k] % (n_labels + 1)
            if c == n_labels:
                new_nodes[k], new_paid[k], in_blank[k], in_label[k] = nodes[i], paid[i], blank[i], label[i]
            else:
                new_nodes[k], size = child(nodes[i], c, tree, size)
                new_paid[k], in_label[k] = paid[i] + following(nodes[i], tree, prices)[c], longer[i, c]
        nodes, paid = new_nodes, new_paid
    totals, scores = np.empty(len(nodes)), np.empty(len(nodes))
    for i in range(len(nodes)):
        totals[i] = log_add(in_blank[i], in_label[i])
        scores[i] = totals[i] + paid[i] + following(nodes[i], tree, prices)[n_labels]
    return nodes, totals, scores, tree[0], tree[1]


@njit(cache=True, nogil=True)
def extend(
    frame: NDArray[np.float32],
    nodes: NDArray[np.int64],
    tree: NDArray[np.int64],
    in_blank: NDArray[np.float64],
    in_label: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the log probabilities of each prefix after one more frame, and of each with one more label.

    A prefix that is another's parent gives its extension to that one.

    Shape: frame [L + 1]; the others [N] -> ending in a blank [N], in the label [N], longer [N, L].
    """
    count = len(nodes)
    blank, label, longer = np.empty(count), np.full(count, -np.inf), np.empty((count, len(frame) - 1))
    for i in range(count):
        total, last = log_add(in_blank[i], in_label[i]), tree[1, nodes[i]]
        blank[i] = total + frame[BLANK]
        for c in range(len(frame) - 1):
            longer[i, c] = total + frame[c + 1]
        if nodes[i] > 0:
            label[i] = in_label[i] + frame[last + 1]
            longer[i, last] = in_blank[i] + frame[last + 1]
    for i in range(count):
        for j in range(count):
            if tree[0, nodes[j]] == nodes[i]:
                last = tree[1, nodes[j]]
                label[j] = log_add(label[j], longer[i, last])
                longer[i, last] = -np.inf
    return blank, label, longer


@njit(cache=True, nogil=True)
def following(node: int, tree: NDArray[np.int64], prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the price of each label, and of the end, after a prefix."""
    boundary = prices.shape[0] - 1
    older = tree[1, tree[0, node]] if node > 0 else boundary
    return prices[older, tree[1, node]]


@njit(cache=True, nogil=True)
def child(node: int, label: int, tree: NDArray[np.int64], size: int) -> tuple[int, int]:
    """Return the node of a prefix and a label, made if there is none, and the size of the tree."""
    found = tree[2, node]
    while found >= 0 and tree[1, found] != label:
        found = tree[3, found]
    if found >= 0:
        return found, size
    tree[0, size], tree[1, size], tree[3, size] = node, label, tree[2, node]
    tree[2, node] = size
    return size, size + 1


@njit(cache=True, nogil=True)
def best_of(ranks: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of up to `count` largest values, the largest first; minus infinity is never among them."""
    places, found = np.empty(count, np.int64), 0
    for place in range(len(ranks)):
        value = ranks[place]
        if value == -np.inf or (found == count and value <= ranks[places[count - 1]]):
            continue
        at = min(found, count - 1)
        while at > 0 and ranks[places[at - 1]] < value:
            places[at] = places[at - 1]
            at -= 1
        places[at] = place
        found = min(found + 1, count)
    return places[:found]
