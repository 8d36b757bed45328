from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from speechcnn.features import LogMel, Mfcc, Normalizer
from speechcnn.features.arrays import ArrayLogMel
from speechcnn.layers import Conv2d
from speechcnn.models.array_scan import Unsupported
from speechcnn.models.keyword_arrays import ArrayChain
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.models.keyword_nets import KEYWORD_MODELS, KeywordNet

RNG = np.random.default_rng(3)
LEVELS = np.repeat(10 ** RNG.uniform(-2, 0, 40), 400)  # loud and soft, as speech is
SAMPLES = (0.3 * LEVELS * RNG.standard_normal(16000)).astype(np.float32)


def chain(name: str, kind: str = "corpus", energy: bool = False, **settings: object) -> KeywordChain:
    torch.manual_seed(1)
    features = LogMel(deltas=0, energy=energy)
    normalizer = Normalizer(kind, 1, 40, energy)  # type: ignore[arg-type]
    normalizer.fit([features(torch.from_numpy(SAMPLES)[None])[0][0]])
    network = KEYWORD_MODELS[name](n_classes=3, n_streams=1, n_bands=40, energy=energy, **settings)  # type: ignore[arg-type]
    norms = [one for one in network.modules() if isinstance(one, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)]
    for norm in norms:  # as after training: no two scales alike, and what a layer gives follows what it is given
        norm.momentum = 1.0
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.5, 0.5)
    with torch.no_grad():
        network(torch.randn(4, 1, 40 + energy, 150))
        network.times.weight.mul_(0.25)  # parts of a second, as of words
    return KeywordChain(features, normalizer, network).eval()


@pytest.mark.parametrize(("name", "settings"), [
    ("keyword_tdnn", {}),
    ("keyword_tdnn", {"lookahead_frames": 0, "dropout": 0.2, "stride": 3, "dilations": [1, 3]}),
    ("keyword_ds_tcn", {}),
    ("keyword_ds_tcn", {"repeats": 2, "kernels": [5, 7], "channels": 8, "dropout": 0.1}),
    ("keyword_bc_net", {}),
    ("keyword_bc_net", {"lookahead_frames": 0, "blocks": [1, 2, 1, 1], "sub_bands": 1, "channels": 4}),
    ("keyword_bc_net", {"lookahead_frames": 9, "stride": 3, "dilations": [2, 3, 1, 2], "dropout": 0.0}),
])  # fmt: skip
@pytest.mark.parametrize("chunk", [20, 77, 160, 320, 4000, 10240, 16000])
def test_arrays_give_what_torch_gives_for_the_whole(name: str, settings: dict, chunk: int) -> None:
    torch_chain = chain(name, **settings)
    with torch.inference_mode():
        whole = torch_chain(torch.from_numpy(SAMPLES)[None])
    scanner = ArrayChain(torch_chain)
    state, found = scanner.start(), []
    for start in range(0, len(SAMPLES), chunk):
        one, state = scanner.step(SAMPLES[start : start + chunk], state)
        found.append(one)
    found.append(scanner.finish(state))
    for place, expected in enumerate(whole):
        assert expected.std(-1).min() > 0.01  # or any scanner would do
        streamed = np.concatenate([one[place] for one in found], 1)
        np.testing.assert_allclose(streamed, expected[0].numpy(), atol=1e-5)


@pytest.mark.parametrize(("kind", "energy"), [("none", True), ("corpus", True)])
def test_energy_and_no_normalisation(kind: str, energy: bool) -> None:
    torch_chain = chain("keyword_tdnn", kind, energy)
    scanner = ArrayChain(torch_chain)
    one, state = scanner.step(SAMPLES, scanner.start())
    with torch.inference_mode():
        whole = torch_chain(torch.from_numpy(SAMPLES)[None]).keywords[0].numpy()
    np.testing.assert_allclose(np.concatenate([one[0], scanner.finish(state)[0]], 1), whole, atol=1e-5)


@pytest.mark.parametrize("name", ["keyword_tdnn", "keyword_bc_net"])
@pytest.mark.parametrize("n_samples", [0, 1, 399, 400, 401, 3000])
def test_short_recordings(name: str, n_samples: int) -> None:
    torch_chain = chain(name)
    scanner = ArrayChain(torch_chain)
    one, state = scanner.step(SAMPLES[:n_samples], scanner.start())
    found = np.concatenate([one[0], scanner.finish(state)[0]], 1)
    if not n_samples:
        assert found.shape == (2, 0)
        return
    with torch.inference_mode():
        whole = torch_chain(torch.from_numpy(SAMPLES[:n_samples])[None]).keywords[0].numpy()
    np.testing.assert_allclose(found, whole, atol=1e-5)


@pytest.mark.parametrize("name", ["keyword_ds_tcn", "keyword_bc_net"])
def test_a_state_is_never_changed(name: str) -> None:
    scanner = ArrayChain(chain(name))
    _, state = scanner.step(SAMPLES[:5000], scanner.start())
    first = scanner.step(SAMPLES[5000:9000], state)[0]
    scanner.step(SAMPLES[9000:], state)
    again = scanner.step(SAMPLES[5000:9000], state)[0]
    np.testing.assert_array_equal(first[0], again[0])


def test_features_are_those_of_torch() -> None:
    features = LogMel(deltas=0, n_bands=23, rate=8000, preemphasis=0.9, remove_mean=False)
    expected = features(torch.from_numpy(SAMPLES)[None])[0][0, 0].numpy()
    np.testing.assert_allclose(ArrayLogMel(features)(SAMPLES), expected, atol=1e-5)


def test_what_has_no_counterpart_is_left_to_torch() -> None:
    torch_chain = chain("keyword_tdnn")
    with pytest.raises(Unsupported, match="cepstra"):
        ArrayChain(KeywordChain(Mfcc(deltas=0), Normalizer("none", 1, 13, False), torch_chain.network))


def without_statistics(network: KeywordNet) -> None:
    norm = network.body[3].shortcut[-1].norm
    norm.running_mean = norm.running_var = None


@pytest.mark.parametrize(("name", "change", "what"), [
    ("keyword_tdnn", lambda network: network.body.append(torch.nn.Tanh()), "Tanh is not"),
    ("keyword_bc_net", lambda network: network.body.insert(2, torch.nn.Tanh()), "Tanh is not"),
    ("keyword_bc_net", lambda network: network.body.insert(2, Conv2d(16, 16, (1, 3), padding=(0, 1))), "Conv2d is not"),
    ("keyword_bc_net", lambda network: network.body[3].shortcut.insert(1, torch.nn.Tanh()), "Tanh is not"),
    ("keyword_bc_net", lambda network: network.body[4].body.insert(2, torch.nn.Tanh()), "Tanh is not"),
    ("keyword_bc_net", without_statistics, "without running statistics is not"),
])  # fmt: skip
def test_layers_that_have_no_counterpart_are_left_to_torch(
    name: str, change: Callable[[KeywordNet], object], what: str
) -> None:
    torch_chain = chain(name)
    change(torch_chain.network)
    with pytest.raises(Unsupported, match=what):
        ArrayChain(torch_chain)
