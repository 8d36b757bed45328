from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn.features import LogMel, Mfcc, Normalizer
from speechcnn.features.arrays import ArrayLogMel
from speechcnn.models.array_scan import Unsupported
from speechcnn.models.keyword_arrays import ArrayChain
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.models.keyword_nets import KEYWORD_MODELS

SAMPLES = 0.1 * np.random.default_rng(3).standard_normal(16000).astype(np.float32)


def chain(name: str, kind: str = "corpus", energy: bool = False, **settings: object) -> KeywordChain:
    torch.manual_seed(1)
    features = LogMel(deltas=0, energy=energy)
    normalizer = Normalizer(kind, 1, 40, energy)  # type: ignore[arg-type]
    normalizer.fit([features(torch.from_numpy(SAMPLES)[None])[0][0]])
    network = KEYWORD_MODELS[name](n_classes=3, n_streams=1, n_bands=40, energy=energy, **settings)  # type: ignore[arg-type]
    for module in network.modules():  # statistics and scales as after training, no two alike
        if isinstance(module, torch.nn.BatchNorm1d):
            for values in (module.running_mean, module.running_var, module.weight.data, module.bias.data):
                values.uniform_(0.5, 1.5)
    return KeywordChain(features, normalizer, network).eval()


@pytest.mark.parametrize(("name", "settings"), [
    ("keyword_tdnn", {}),
    ("keyword_tdnn", {"lookahead_frames": 0, "dropout": 0.2, "stride": 3, "dilations": [1, 3]}),
    ("keyword_ds_tcn", {}),
    ("keyword_ds_tcn", {"repeats": 2, "kernels": [5, 7], "channels": 8, "dropout": 0.1}),
])  # fmt: skip
@pytest.mark.parametrize("chunk", [20, 77, 320, 4000, 16000])
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
        np.testing.assert_allclose(np.concatenate([one[place] for one in found], 1), expected[0].numpy(), atol=1e-5)


@pytest.mark.parametrize(("kind", "energy"), [("none", True), ("corpus", True)])
def test_energy_and_no_normalisation(kind: str, energy: bool) -> None:
    torch_chain = chain("keyword_tdnn", kind, energy)
    scanner = ArrayChain(torch_chain)
    one, state = scanner.step(SAMPLES, scanner.start())
    with torch.inference_mode():
        whole = torch_chain(torch.from_numpy(SAMPLES)[None]).keywords[0].numpy()
    np.testing.assert_allclose(np.concatenate([one[0], scanner.finish(state)[0]], 1), whole, atol=1e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 399, 400, 401, 3000])
def test_short_recordings(n_samples: int) -> None:
    torch_chain = chain("keyword_tdnn")
    scanner = ArrayChain(torch_chain)
    one, state = scanner.step(SAMPLES[:n_samples], scanner.start())
    found = np.concatenate([one[0], scanner.finish(state)[0]], 1)
    if not n_samples:
        assert found.shape == (2, 0)
        return
    with torch.inference_mode():
        whole = torch_chain(torch.from_numpy(SAMPLES[:n_samples])[None]).keywords[0].numpy()
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_a_state_is_never_changed() -> None:
    scanner = ArrayChain(chain("keyword_ds_tcn"))
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
    with pytest.raises(Unsupported, match="not computed on arrays"):
        ArrayChain(
            KeywordChain(
                torch_chain.features, torch_chain.normalizer, KEYWORD_MODELS["keyword_bc_net"](3, 1, 40, False)
            )
        )
