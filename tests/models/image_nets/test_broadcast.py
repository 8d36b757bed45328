"""The broadcast-residual net of whole clips, against the keyword network that it is made of."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from speechcnn.models import MODELS
from speechcnn.models.fields import probe, receptive_field
from speechcnn.models.image_nets import BcResNet
from speechcnn.models.keyword_nets import KeywordBcNet

SHAPE = {"channels": 4, "blocks": [1, 2, 1, 1], "dilations": [1, 2, 1, 4], "sub_bands": 2, "dropout": 0.0}
CLASSES, BANDS = 5, 16


@pytest.fixture
def net() -> BcResNet:
    """A net whose batch normalisation has seen data, so that it does something in each layer."""
    torch.manual_seed(0)
    built = MODELS["bc_resnet"](CLASSES, 1, BANDS, **SHAPE).double()
    assert isinstance(built, BcResNet)
    built(torch.randn(4, 1, BANDS, 90).double() * 2 + 0.5)
    return built.eval()


@pytest.mark.parametrize("n_frames", [1, 2, 31, 60])
def test_scores_are_of_the_mean_over_windows_cut_by_hand(net: BcResNet, n_frames: int) -> None:
    pictures = torch.randn(2, 1, BANDS, n_frames).double()
    size = receptive_field(net, (1, BANDS, 1), "maps").frames.size
    # Around every other frame a window of what one place sees, with zeros beyond the picture's edges.
    before = size - 1 - size // 2
    padded = F.pad(pictures, (size, size))
    windows = [padded[..., size + middle - before : size + middle - before + size] for middle in range(0, n_frames, 2)]
    places = [net.maps[1:](window) for window in windows]
    assert all(place.shape == (2, 16, 1, 1) for place in places)
    expected = sum(place.flatten(1) for place in places) / len(places) @ net.scores.weight.T + net.scores.bias
    torch.testing.assert_close(net(pictures), expected)
    assert net.feature_maps(pictures).shape == (2, 16, 1, len(windows))


def test_scores_are_the_keyword_networks_scores_averaged(net: BcResNet) -> None:
    around = receptive_field(net, (1, BANDS, 1), "maps").frames.size - 1
    spotter = KeywordBcNet(CLASSES, 1, BANDS, False, **SHAPE, lookahead_frames=around // 2 // 2 * 2).double()
    layers = {name.removeprefix("maps."): value for name, value in net.maps.state_dict(prefix="maps.").items()}
    first, _, rest = zip(*(name.partition(".") for name in layers), strict=True)
    moved = {f"{int(place) - 1}.{name}": value for place, name, value in zip(first, rest, layers.values(), strict=True)}
    spotter.body.load_state_dict(moved)
    with torch.no_grad():
        spotter.classes.weight.copy_(net.scores.weight[..., None])
        spotter.classes.bias.copy_(net.scores.bias)
    pictures = torch.randn(3, 1, BANDS, 40).double()
    torch.testing.assert_close(net(pictures), spotter.eval()(pictures).classes.mean(-1))


def test_the_field_agrees_with_the_probe(net: BcResNet) -> None:
    found = receptive_field(net, (1, BANDS, 1), "maps")
    assert found.bands.everything
    # 5 frames of the first layer; above it, every other frame: 3 taps in each block, dilated, and 5 in the last.
    size = 5 + 2 * (2 * (1 + 2 + 2 + 1 + 4) + 4)
    assert (found.frames.size, found.frames.stride) == (size, 2)
    low, high = probe(net.float(), (1, BANDS, 2 * size), "maps", -1)
    assert high - low + 1 == size


@pytest.mark.parametrize("shape", [(BANDS + 1, 9), (BANDS - 1, 9), (BANDS, 0)])
def test_other_bands_and_no_frames_are_refused(net: BcResNet, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"reads 16 bands and at least one frame; got pictures \[1, 1, "):
        net(torch.zeros(1, 1, *shape).double())
    assert net.minimum_size == (BANDS, 1)
