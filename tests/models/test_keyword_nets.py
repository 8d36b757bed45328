from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.models import MODELS, count_parameters
from speechcnn.models.keyword_blocks import Floor
from speechcnn.models.keyword_nets import KEYWORD_MODELS, KeywordNet, KeywordScores

INPUT = {"n_classes": 3, "n_streams": 1, "n_bands": 16, "energy": False}
SMALL = {
    "keyword_tdnn": {"channels": 6, "dilations": [1, 2], "word_dilations": [1, 3]},
    "keyword_ds_tcn": {"channels": 4, "kernels": [3, 5], "repeats": 2},
    "keyword_bc_net": {"channels": 4, "blocks": [1, 2, 1, 1], "sub_bands": 1, "dropout": 0.0},
}
NAMES = sorted(SMALL)


def build(name: str, *, seed: int = 3, dtype: torch.dtype = torch.float64, **more: object) -> KeywordNet:
    """Return a small network whose batch normalisation has seen data, so that it does something in each layer."""
    torch.manual_seed(seed)
    net = MODELS[name](**{**INPUT, **SMALL[name], **more}).to(dtype)
    net(torch.randn(4, 1, 16, 90, dtype=dtype) * 2 + 0.5)
    return net.eval()


def joined(pieces: list[KeywordScores]) -> KeywordScores:
    return KeywordScores(*(torch.cat(parts, -1) for parts in zip(*map(answers, pieces), strict=True)))


def answers(scores: KeywordScores) -> tuple[Tensor, Tensor]:
    return scores.classes, scores.times


def streamed(net: KeywordNet, features: Tensor, sizes: list[int]) -> KeywordScores:
    state, pieces = net.start(features), []
    for piece in features.split(sizes, -1):
        scores, state = net.step(piece, state)
        pieces.append(scores)
    return joined([*pieces, net.finish(features, state)])


def cuts(n_frames: int, largest: int, rng: torch.Generator) -> list[int]:
    sizes = []
    while (left := n_frames - sum(sizes)) > 0:
        sizes.append(min(left, int(torch.randint(0, largest + 1, (), generator=rng))))
    return sizes


def test_these_are_all() -> None:
    assert SMALL.keys() == KEYWORD_MODELS.keys() <= MODELS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_shapes(name: str) -> None:
    for n_frames in (1, 2, 7, 40):
        scores = build(name)(torch.randn(2, 1, 16, n_frames, dtype=torch.float64))
        n_outputs = (n_frames + 1) // 2
        assert scores.classes.shape == (2, 3, n_outputs)
        assert scores.times.shape == (2, 2, n_outputs)
        assert (scores.phones is not None) == (name == "keyword_tdnn")
        assert scores.phones is None or scores.phones.shape == (2, 39, n_outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lookahead", [0, 4])
def test_an_output_sees_its_receptive_field_and_nothing_else(name: str, lookahead: int) -> None:
    """Each frame that lies in the field moves the output, and none beyond it does."""
    net = build(name, lookahead_frames=lookahead)
    features = torch.randn(1, 1, 16, 160, dtype=torch.float64, requires_grad=True)
    scores = net(features)
    (scores.classes[..., 40].sum() + scores.times[..., 40].sum()).backward()
    seen = features.grad[0, 0].abs().sum(0).nonzero()[:, 0].tolist()
    first = 40 * 2 + lookahead - net.receptive_field.size + 1
    assert (seen[0], seen[-1]) == (first, 40 * 2 + lookahead)
    assert net.context_frames == 80 - first
    assert net.latency_ms(10) == 10 * lookahead


@pytest.mark.parametrize("name", NAMES)
def test_frame_by_frame_it_is_one_network_on_copied_windows(name: str) -> None:
    net = build(name)
    features = torch.randn(1, 1, 16, 31, dtype=torch.float64)
    padded = F.pad(features, (net.context_frames, net.lookahead_frames))
    windows = [padded[..., 2 * t : 2 * t + net.receptive_field.size] for t in range(16)]
    expected = joined([net.heads(net.body(window)) for window in windows])
    torch.testing.assert_close(answers(net(features)), answers(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_stream_and_recording_agree(name: str, stride: int) -> None:
    net, rng = build(name, stride=stride, lookahead_frames=2 * stride), torch.Generator().manual_seed(stride)
    features = torch.randn(2, 1, 16, 101, dtype=torch.float64)
    whole = net(features)
    for largest in (1, 2, 5, 64, 101):
        found = streamed(net, features, cuts(101, largest, rng))
        torch.testing.assert_close(answers(found), answers(whole), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_stream_and_recording_agree_at_full_size_in_single_precision(name: str) -> None:
    torch.manual_seed(0)
    net = MODELS[name](n_classes=2, n_streams=1, n_bands=40, energy=False).eval()
    features, rng = torch.randn(1, 1, 40, 150), torch.Generator().manual_seed(1)
    with torch.no_grad():
        whole = net(features)
        for size in (2, 64):
            found = streamed(net, features, cuts(150, size, rng))
            torch.testing.assert_close(answers(found), answers(whole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_come_as_soon_as_the_lookahead_allows(name: str) -> None:
    net = build(name, lookahead_frames=4)
    features = torch.randn(1, 1, 16, 9, dtype=torch.float64)
    state, ready = net.start(features), []
    for frame in features.split(1, -1):
        scores, state = net.step(frame, state)
        ready.append(scores.classes.shape[-1])
    assert ready == [0, 0, 0, 0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_leaves_the_state_it_was_given(name: str) -> None:
    net = build(name)
    features = torch.randn(1, 1, 16, 30, dtype=torch.float64)
    _, state = net.step(features, net.start(features))
    first, again = net.step(features, state)[0], net.step(features, state)[0]
    assert torch.equal(first.classes, again.classes)


@pytest.mark.parametrize("name", NAMES)
def test_zeros_that_pad_a_batch_change_nothing(name: str) -> None:
    net = build(name)
    features = torch.randn(1, 1, 16, 24, dtype=torch.float64)
    padded = net(F.pad(features, (0, 30)))
    torch.testing.assert_close(padded.classes[..., :12], net(features).classes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    net = build(name).train()
    scores = net(torch.randn(3, 1, 16, 60, dtype=torch.float64))
    (scores.classes.square().sum() + scores.times.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_both_backward_passes_train_alike(name: str) -> None:
    curves = []
    for backprop in ("custom", "torch"):
        net = build(name, backprop=backprop).train()
        features, targets = torch.randn(3, 1, 16, 40, dtype=torch.float64), torch.randint(3, (3, 20))
        optimizer, curve = torch.optim.SGD(net.parameters(), 0.05), []
        for _ in range(8):
            scores = net(features)
            loss = F.cross_entropy(scores.classes, targets) + scores.times.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(float(loss.detach()))
        curves.append(curve)
    assert curves[0][-1] < 0.95 * curves[0][0]
    assert curves[0] == pytest.approx(curves[1], rel=0, abs=1e-10)


def test_parameters_counted_by_hand() -> None:
    net = MODELS["keyword_tdnn"](n_classes=2, n_streams=1, n_bands=40, energy=True)
    phones = (64 + 1) * 39 + 39 * 64 * 3
    assert count_parameters(net) == 41 * 64 * 5 + 6 * 64 * 64 * 3 + phones + 8 * 2 * 64 + (64 + 1) * (2 + 2)


@pytest.mark.parametrize(("lookahead", "first", "last"), [(20, 34, 46), (4, 32, 44), (0, 28, 40)])
def test_phones_are_read_around_the_frame_that_they_belong_to(lookahead: int, first: int, last: int) -> None:
    """The phones of output 20 see 13 frames with frame 40 in their middle, where the network waits for that long."""
    more = {"channels": 32, "dilations": [1, 1], "word_dilations": [8]}
    net = build("keyword_tdnn", lookahead_frames=lookahead, **more)
    features = torch.randn(1, 1, 16, 90, dtype=torch.float64, requires_grad=True)
    phones = net(features).phones
    phones[0, :5, 20].sum().backward()
    seen = features.grad[0, 0].abs().sum(0).nonzero()[:, 0].tolist()
    assert (seen[0], seen[-1]) == (first, last)
    torch.testing.assert_close(phones.exp().sum(1), torch.ones(1, 45, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        (
            "keyword_tdnn",
            {"lookahead_frames": 3},
            "multiple of the stride, 2, from 0 .* 33 .* got 3",
        ),
        ("keyword_tdnn", {"lookahead_frames": 34}, "below the receptive field of 33 frames; got 34"),
        ("keyword_tdnn", {"n_classes": 1}, "n_classes must be at least 2, none and one keyword; got 1"),
        ("keyword_tdnn", {"word_dilations": []}, "word_dilations must be at least one number"),
        ("keyword_tdnn", {"stride": 6}, "must not pad time, nor move by more than it covers"),
        ("keyword_bc_net", {"energy": True}, "give features.energy=false"),
        ("keyword_bc_net", {"n_bands": 12}, "multiple of 8 . sub_bands, 8; got 12"),
        ("keyword_bc_net", {"channels": 3}, "channels must be even"),
        ("keyword_bc_net", {"blocks": [1, 2]}, "four numbers of at least 1"),
    ],
)
def test_bad_values_are_answered_by_a_sentence(name: str, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(name, **arguments)


def test_no_frames_are_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="takes at least one frame"):
        build("keyword_tdnn")(torch.zeros(1, 1, 16, 0, dtype=torch.float64))


def test_words_do_not_depend_on_how_unlikely_a_phone_is() -> None:
    net = build("keyword_tdnn")
    phones = torch.randn(1, 39, 200, dtype=torch.float64).mul(4).log_softmax(1)
    lower = torch.where(phones < math.log(1e-5), phones - 20, phones)
    assert (lower != phones).any()
    torch.testing.assert_close(net.body[1:](lower), net.body[1:](phones), atol=0.02, rtol=0)
    torch.testing.assert_close(Floor()(phones), torch.from_numpy(np.log(np.exp(phones.numpy()) + 0.01)))
