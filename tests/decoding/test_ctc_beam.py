"""The beam against the sum over every path of every label sequence."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechcnn.decoding.ctc_beam import Hypothesis, prefix_beam_search


def every_sequence(log_probabilities, model, lm_scale: float, penalty: float) -> list[Hypothesis]:
    n_frames, n_classes = log_probabilities.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in product(range(n_classes), repeat=n_frames):
        labels = tuple(c - 1 for c, _ in groupby(path) if c)
        value = sum(float(log_probabilities[t, c]) for t, c in enumerate(path))
        totals[labels] = np.logaddexp(totals.get(labels, -np.inf), value)
    scores = {
        labels: total - penalty * len(labels) + (lm_scale * model.log_probability(labels) if model else 0)
        for labels, total in totals.items()
    }
    return [Hypothesis(labels, totals[labels], scores[labels]) for labels in sorted(scores, key=scores.get)[::-1]]


@pytest.mark.parametrize("order", [None, 1, 2, 3])
@pytest.mark.parametrize(("n_classes", "n_frames"), [(3, 6), (4, 4), (2, 5), (3, 1)])
@pytest.mark.parametrize("penalty", [0.0, -1.5])
def test_a_wide_beam_finds_every_sequence(
    random_ngram, random_posteriors, order: int | None, n_classes: int, n_frames: int, penalty: float
) -> None:
    model = random_ngram(n_classes - 1, order) if order else None
    log_probabilities = random_posteriors(n_frames, n_classes, 1.0)
    expected = every_sequence(log_probabilities, model, 1.4, penalty)
    found = prefix_beam_search(log_probabilities, 10_000, model, 1.4, penalty)
    assert [one.labels for one in found] == [one.labels for one in expected]
    assert [one.score for one in found] == pytest.approx([one.score for one in expected])
    assert [one.log_probability for one in found] == pytest.approx([one.log_probability for one in expected])


def test_a_narrow_beam_is_a_lower_bound_of_the_loss(random_posteriors) -> None:
    log_probabilities = random_posteriors(60, 8)
    for one in prefix_beam_search(log_probabilities, width=20):
        targets = torch.tensor([one.labels]) + 1
        lengths = torch.tensor([60]), torch.tensor([len(one.labels)])
        exact = -F.ctc_loss(torch.from_numpy(log_probabilities)[:, None], targets, *lengths, reduction="sum")
        assert one.log_probability <= float(exact) + 1e-3


def test_a_narrow_beam_keeps_the_best_prefixes_of_each_frame(random_ngram, random_posteriors) -> None:
    """Against a plain beam over a dictionary of prefixes, also where prefixes fall out of the beam and come back."""
    for width in (1, 2, 3, 8):
        for _ in range(10):
            model, log_probabilities = random_ngram(4, 3), random_posteriors(40, 5, 0.6)
            expected = plain_beam(log_probabilities, width, model, 0.6, -0.5)
            found = prefix_beam_search(log_probabilities, width, model, 0.6, -0.5)
            assert [one.labels for one in found] == [labels for labels, _ in expected]
            assert [one.score for one in found] == pytest.approx([score for _, score in expected])


def plain_beam(log_probabilities, width: int, model, lm_scale: float, penalty: float) -> list[tuple[tuple, float]]:
    p, boundary = model.log_probabilities, log_probabilities.shape[1] - 1

    def priced(prefix: tuple[int, ...], ended: bool = False) -> float:
        padded = [boundary, boundary, *prefix, *([boundary] if ended else [])]
        return sum(lm_scale * p[tuple(padded[i : i + 3])] for i in range(len(padded) - 2)) - penalty * len(prefix)

    beam = {(): (0.0, -np.inf)}
    for frame in log_probabilities:
        grown: dict[tuple, list[list[float]]] = {}
        for prefix, (blank, label) in beam.items():
            total = np.logaddexp(blank, label)
            grown.setdefault(prefix, [[], []])[0].append(total + frame[0])
            if prefix:
                grown[prefix][1].append(label + frame[prefix[-1] + 1])
            for c in range(boundary):
                before = blank if prefix[-1:] == (c,) else total
                grown.setdefault((*prefix, c), [[], []])[1].append(before + frame[c + 1])
        sums = {prefix: [np.logaddexp.reduce([-np.inf, *part]) for part in parts] for prefix, parts in grown.items()}
        best = sorted(sums, key=lambda prefix: -np.logaddexp(*sums[prefix]) - priced(prefix))[:width]
        beam = {prefix: tuple(sums[prefix]) for prefix in best}
    final = {prefix: np.logaddexp(*parts) + priced(prefix, ended=True) for prefix, parts in beam.items()}
    return sorted(final.items(), key=lambda item: -item[1])


def test_a_bonus_lengthens_and_a_penalty_shortens(random_posteriors) -> None:
    log_probabilities = random_posteriors(50, 6, 1.0)
    lengths = [len(prefix_beam_search(log_probabilities, insertion_penalty=p)[0].labels) for p in (3.0, 0.0, -3.0)]
    assert lengths[0] < lengths[1] < lengths[2]


def test_no_frames_are_the_empty_sequence(random_posteriors) -> None:
    assert prefix_beam_search(random_posteriors(0, 3)) == [Hypothesis((), 0.0, 0.0)]


def test_what_cannot_be_searched_is_refused(random_ngram, random_posteriors) -> None:
    with pytest.raises(ValueError, match="width must be at least 1; got 0"):
        prefix_beam_search(random_posteriors(4, 3), 0)
    with pytest.raises(ValueError, match="must know the network's 2 labels; it knows 3"):
        prefix_beam_search(random_posteriors(4, 3), 8, random_ngram(3))
