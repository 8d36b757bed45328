from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from speechcnn.features import FEATURES, LogMel, Mfcc, Normalizer
from speechcnn.models import MODELS
from speechcnn.models.building import input_shape
from speechcnn.models.keyword_chain import KeywordChain, Posteriors, joined
from speechcnn.models.keyword_nets import KEYWORD_MODELS


def chain(name: str = "keyword_tdnn", features: LogMel | Mfcc | None = None, kind: str = "corpus") -> KeywordChain:
    """Return a chain of the networks' own size with random weights, normalised by the statistics of noise."""
    torch.manual_seed(4)
    features = features or LogMel(deltas=0, energy=False)
    shape = input_shape(features)
    normalizer = Normalizer(kind, **shape)
    normalizer.fit([features(0.1 * torch.randn(1, 16000))[0][0]])
    return KeywordChain(features, normalizer, MODELS[name](n_classes=3, **shape)).eval()


def streamed(one: KeywordChain, samples: Tensor, sizes: list[int]) -> Posteriors:
    state, pieces = one.start(len(samples)), []
    for piece in samples.split(sizes, -1):
        found, state = one.step(piece, state)
        pieces.append(found)
    return joined([*pieces, one.finish(state)])


def cuts(n: int, smallest: int, largest: int, seed: int) -> list[int]:
    rng, sizes = np.random.default_rng(seed), []
    while (left := n - sum(sizes)) > 0:
        sizes.append(int(min(left, rng.integers(smallest, largest + 1))))
    return sizes


@pytest.mark.parametrize("name", sorted(KEYWORD_MODELS))
@pytest.mark.parametrize("frames", [1, 5, 64])
def test_stream_and_recording_agree_for_chunks_of_frames(name: str, frames: int) -> None:
    one, n = chain(name), 5555
    samples = 0.1 * torch.randn(2, n)
    with torch.no_grad():
        whole = one(samples)
        found = streamed(one, samples, [160 * frames] * (n // (160 * frames)) + [n % (160 * frames)])
    assert whole.keywords.shape == (2, 2, 17)
    torch.testing.assert_close(tuple(found), tuple(whole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("smallest", "largest"), [(0, 7), (1, 401), (0, 12345)])
def test_stream_and_recording_agree_for_any_number_of_samples(smallest: int, largest: int, seed: int) -> None:
    n = 1500 if largest == 7 else 12345 + seed
    one, samples = chain(), 0.1 * torch.randn(1, n)
    with torch.no_grad():
        whole, found = one(samples), streamed(one, samples, cuts(n, smallest, largest, seed))
    torch.testing.assert_close(tuple(found), tuple(whole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("features", ["log_mel", "mfcc"])
@pytest.mark.parametrize("kind", ["corpus", "none"])
def test_each_front_end_streams(features: str, kind: str) -> None:
    one = chain(features=FEATURES[features](deltas=0, energy=True), kind=kind)
    samples = 0.1 * torch.randn(1, 4000)
    with torch.no_grad():
        whole, found = one(samples), streamed(one, samples, cuts(4000, 1, 500, 0))
    torch.testing.assert_close(tuple(found), tuple(whole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [1, 399, 400, 401])
def test_less_than_a_window_is_filled_with_silence(n: int) -> None:
    one, samples = chain(), 0.1 * torch.randn(1, n)
    with torch.no_grad():
        filled = one(torch.cat([samples, torch.zeros(1, 401 - n)], -1))
        whole, found = one(samples), streamed(one, samples, [n])
    torch.testing.assert_close(tuple(whole), tuple(filled))
    torch.testing.assert_close(tuple(found), tuple(whole), rtol=0, atol=1e-5)


def test_a_stream_of_nothing_gives_nothing() -> None:
    one = chain()
    assert one.finish(one.start()).keywords.shape == (1, 2, 0)


def test_the_sum_of_posteriors_leaves_a_share_for_none() -> None:
    found = chain()(0.1 * torch.randn(1, 3000)).keywords
    assert found.min() > 0
    assert found.sum(1).max() < 1


def test_an_output_depends_on_no_later_sample_than_its_latency() -> None:
    one, samples = chain(), (0.1 * torch.randn(1, 16000)).requires_grad_()
    one(samples).keywords[0, 0, 20].backward()
    last = int(samples.grad[0].nonzero()[-1, 0])
    centre = one.features.first_centre_seconds + 20 * one.hop_seconds
    assert last + 1 == round(16000 * (centre + one.latency_seconds))
    assert one.context_seconds == pytest.approx((400 + 176 * 160) / 16000)


@pytest.mark.parametrize(
    ("features", "kind", "sentence"),
    [
        (LogMel(deltas=1), "corpus", "a stream has no deltas, .* got features with 1 of them. Give deltas=0"),
        (LogMel(deltas=0), "utterance", "whose utterance is not known before its end; .* corpus, none"),
    ],
)
def test_what_cannot_be_streamed_is_refused(features: LogMel, kind: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        chain(features=features, kind=kind)
