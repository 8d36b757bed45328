from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.export import KeywordGraph, KeywordStreamGraph
from speechcnn.features import LogMel, Normalizer
from speechcnn.models import MODELS
from speechcnn.models.keyword_chain import KeywordChain

SMALL = {
    "keyword_tdnn": {"channels": 6, "dilations": [1, 2]},
    "keyword_ds_tcn": {"channels": 4, "kernels": [3]},
    "keyword_bc_net": {"channels": 2, "blocks": [1, 1, 1, 1]},
}


def chain(name: str = "keyword_tdnn", **more: object) -> KeywordChain:
    torch.manual_seed(5)
    features = LogMel(deltas=0, energy=False)
    shape = {"n_streams": 1, "n_bands": 40, "energy": False}
    normalizer = Normalizer("corpus", **shape)
    normalizer.fit([features(0.1 * torch.randn(1, 16000))[0][0]])
    arguments = {"backprop": "torch", "lookahead_frames": 8, **SMALL[name], **more}
    return KeywordChain(features, normalizer, MODELS[name](n_classes=3, **shape, **arguments)).eval()


def scanned(graph: KeywordStreamGraph, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames of a recording that the streaming graph gives chunk by chunk."""
    n, state, found = samples.shape[-1], graph.start(), []
    n_chunks = math.ceil(n / graph.chunk)
    padded = F.pad(samples, (0, (n_chunks + graph.chunks_after) * graph.chunk - n))
    for number, piece in enumerate(padded.split(graph.chunk, -1)):
        length = min(max(n - number * graph.chunk, 0), graph.chunk)
        keywords, times, *state = graph(piece, torch.tensor([length]), *state)
        found.append((keywords, times))
    return tuple(torch.cat(parts, -1)[..., graph.delay :] for parts in zip(*found, strict=True))


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize(("n", "frames"), [(16000, 8), (15999, 2), (1281, 20), (400, 2)])
@torch.no_grad()
def test_the_stream_gives_what_the_whole_gives(name: str, n: int, frames: int) -> None:
    one, samples = chain(name), 0.1 * torch.randn(1, n)
    whole, found = KeywordGraph(one)(samples), scanned(KeywordStreamGraph(one, 160 * frames), samples)
    n_outputs = whole[0].shape[-1]
    assert found[0].shape[-1] >= n_outputs
    for a, b in zip(found, whole, strict=True):
        torch.testing.assert_close(a[..., :n_outputs], b, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("stride", "lookahead"), [(1, 0), (1, 5), (2, 0), (3, 0), (3, 9)])
@torch.no_grad()
def test_any_stride_and_lookahead(stride: int, lookahead: int) -> None:
    one, samples = chain(stride=stride, lookahead_frames=lookahead), 0.1 * torch.randn(1, 7777)
    whole, found = KeywordGraph(one)(samples), scanned(KeywordStreamGraph(one, 480 * stride), samples)
    for a, b in zip(found, whole, strict=True):
        torch.testing.assert_close(a[..., : b.shape[-1]], b, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_shapes_of_the_state_never_change() -> None:
    graph = KeywordStreamGraph(chain(), 640)
    state = graph.start()
    after = graph(torch.zeros(1, 640), torch.tensor([640]), *state)
    assert [one.shape for one in after[2:]] == [one.shape for one in state]
    assert len(graph.inputs) == len(state) + 2
    assert len(graph.outputs) == len(after)


@pytest.mark.parametrize("chunk", [0, 160, 500])
def test_chunks_must_be_whole_outputs(chunk: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of the 320 samples between two outputs; got {chunk}"):
        KeywordStreamGraph(chain(), chunk)
