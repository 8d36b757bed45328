"""What every one of the lecture's nets promises, on spectrograms small enough to train in an instant."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechcnn.models import MODELS
from speechcnn.models.image_nets import IMAGE_NETS, BcResNet, GoogLeNet
from speechcnn.models.image_nets.attentive import positions

SMALL = {"grid": [2, 2], "hidden": [12, 10]}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("lenet5", {}),
    ("lenet5", {"connections": "1998"}),
    ("alexnet", SMALL),
    ("zfnet", {**SMALL, "widths": [8, 8, 8]}),
    ("vgg", {**SMALL, "letter": "A"}),
    ("vgg", {"grid": [1, 1], "hidden": [], "letter": "A", "batch_norm": True}),
    ("googlenet", {}),
    ("resnet", {"blocks": [1, 1], "width": 8}),
    ("resnet", {"blocks": [2, 1], "width": 8, "bottleneck": True}),
    ("densenet", {"blocks": [2, 2], "growth": 4}),
    ("mobilenet", {"width": 0.125}),
    ("attentive", {"widths": [8, 16], "blocks": 2, "heads": 2}),
    ("cnn8", {"widths": [8, 12], "hidden": 10}),
    ("bc_resnet", {"n_bands": 8, "channels": 4, "blocks": [1, 2, 1, 1], "sub_bands": 1}),
]
CLASSES, STREAMS = 4, 2


def built(name: str, arguments: dict[str, Any], backprop: str = "custom") -> nn.Module:
    torch.manual_seed(7)
    return MODELS[name](CLASSES, STREAMS, **arguments, backprop=backprop)


def spectrograms(net: nn.Module, batch: int = 3) -> torch.Tensor:
    """Pictures a little larger than the smallest where the net takes them, and not square."""
    bands, frames = net.minimum_size
    return torch.randn(batch, STREAMS, bands + 3 * (not isinstance(net, BcResNet)), frames + 6)


def test_every_net_is_tried() -> None:
    assert {name for name, _ in CASES} == IMAGE_NETS.keys()


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_scores_are_made_of_the_embedding_and_that_of_the_maps(name: str, arguments: dict[str, Any]) -> None:
    net = built(name, arguments).eval()
    pictures = spectrograms(net)
    scores, vectors, maps = net(pictures), net.embed(pictures), net.feature_maps(pictures)
    assert scores.shape == (3, CLASSES)
    assert (vectors.dim(), maps.dim()) == (2, 4)
    torch.testing.assert_close(net.hidden(maps), vectors)
    torch.testing.assert_close(net.scores(vectors), scores)
    torch.testing.assert_close(net(pictures[1:2]), scores[1:2], rtol=1e-4, atol=1e-5)
    [(weight, trained)] = net.training_scores(pictures)
    assert weight == 1
    torch.testing.assert_close(trained, scores)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_minimum_size_is_taken_and_nothing_below_it(name: str, arguments: dict[str, Any]) -> None:
    net = built(name, arguments).eval()
    bands, frames = net.minimum_size
    assert net(torch.zeros(1, STREAMS, bands, frames)).shape == (1, CLASSES)
    for size in ((bands - 1, frames), (bands, frames - 1)):
        with pytest.raises((ValueError, RuntimeError)):
            net(torch.zeros(1, STREAMS, *size))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_every_parameter_gets_the_gradient_that_torch_gives(name: str, arguments: dict[str, Any]) -> None:
    gradients = []
    for backprop in ("custom", "torch"):
        net = built(name, arguments, backprop).double()
        torch.manual_seed(1)
        pictures = spectrograms(net).double()
        F.cross_entropy(net(pictures), torch.tensor([0, 1, 3])).backward()
        gradients.append([p.grad for p in net.parameters()])
    for custom, native in zip(*gradients, strict=True):
        assert custom is not None
        assert custom.isfinite().all()
        torch.testing.assert_close(custom, native, rtol=1e-6, atol=1e-9)
    assert sum(bool(g.any()) for g in gradients[0]) > 0.7 * len(gradients[0])  # a rectifier may sleep


def test_the_helping_heads_of_googlenet_train_with_weight_0_3() -> None:
    net = GoogLeNet(CLASSES, STREAMS, auxiliary=True, dropout=0).eval()
    pictures = torch.randn(2, STREAMS, 64, 96)
    (one, scores), *heads = net.training_scores(pictures)
    assert one == 1
    torch.testing.assert_close(scores, net(pictures))
    assert [weight for weight, _ in heads] == [0.3, 0.3]
    # The paper puts them behind the modules 4a and 4d, of 512 and 528 maps.
    assert [head[2][0].weight.shape[1] for head in net.auxiliary] == [512, 528]
    for (_, head), end, module in zip(heads, net.watched, net.auxiliary, strict=True):
        torch.testing.assert_close(head, module(net.maps[:end](pictures)))


def test_the_union_of_a_dense_block_begins_with_what_came_in() -> None:
    block = built("densenet", {"blocks": [3], "growth": 4}).eval().maps[2]
    maps = torch.randn(1, 8, 5, 6)
    union = block(maps)
    assert union.shape[1] == 8 + 3 * 4
    torch.testing.assert_close(union[:, :8], maps)
    torch.testing.assert_close(union[:, 16:], block.layers[2](union[:, :16]))


def test_positions_are_waves_of_bands_and_of_frames() -> None:
    waves = positions(torch.zeros(1, 16, 5, 7))
    assert waves.shape == (16, 5, 7)
    torch.testing.assert_close(waves[0], torch.arange(5.0).sin()[:, None].expand(5, 7))
    torch.testing.assert_close(waves[8], torch.arange(7.0).sin().expand(5, 7))
    torch.testing.assert_close(waves[15], (torch.arange(7) * 10_000 ** (-6 / 8)).cos().expand(5, 7))


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("lenet5", {"connections": "1989"}, "connections must be 'full' or '1998'; got '1989'"),
        ("alexnet", {"groups": 5}, "positive multiples of groups"),
        ("alexnet", {"grid": [6]}, r"grid must be two sizes \(bands, frames\) of at least 1; got \[6\]"),
        ("zfnet", {"widths": [512]}, r"widths must be three numbers of maps; got \[512\]"),
        ("vgg", {"letter": "F"}, "letter must be one of A, B, C, D, E; got 'F'"),
        ("vgg", {"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        ("resnet", {"depth": 20}, "depth must be one of 18, 34, 50, 101, 152, 200, or give `blocks`; got 20"),
        ("resnet", {"blocks": []}, r"blocks must list at least one stage of at least one block; got \[\]"),
        ("densenet", {"depth": 100}, "depth must be one of 121, 169, 201, 264"),
        ("densenet", {"growth": 0}, "growth must be at least 1"),
        ("mobilenet", {"width": 0.0}, "width must be above 0; got 0.0"),
        ("attentive", {"widths": [8, 18]}, "the last of widths must be a multiple of 4 and of heads=4"),
        ("attentive", {"blocks": 0}, "blocks must be at least 1; got 0"),
        ("bc_resnet", {"n_bands": 64}, r"n_bands must be a multiple of 8 \* sub_bands, 40; got 64"),
        ("cnn8", {"widths": []}, "widths must list the maps of at least one block"),
    ],
)
def test_bad_values_are_answered_by_a_sentence(name: str, arguments: dict[str, Any], sentence: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=sentence):
        MODELS[name](CLASSES, STREAMS, **arguments)


def test_no_classes_is_answered_by_a_sentence() -> None:
    with pytest.raises(ValueError, match="n_classes must be at least 1; got 0"):
        MODELS["cnn8"](0, 1)
