"""Models of events: shapes at any length, the switch, a gradient for every value, and that they learn to point."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from speechcnn.models import EVENT_MODELS, MODELS
from speechcnn.models.localisation import TIME_UNIT_FRAMES, expected_place
from speechcnn.training.batches import Batch
from speechcnn.training.localisation import ClassAndBox

FEATURES = {"n_classes": 3, "n_streams": 1, "n_bands": 16}
SMALL = {"event_segmenter": {"maps": (4, 5, 6), "width": 7}, "event_localizer": {"maps": (4, 5, 6), "n_points": 2}}


def built(name: str, backprop: str = "custom", dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(7)
    return MODELS[name](**FEATURES, **SMALL[name], backprop=backprop).to(dtype)


def test_every_event_model_is_tested() -> None:
    assert SMALL.keys() == EVENT_MODELS.keys()


@pytest.mark.parametrize("n_frames", [1, 2, 5, 16, 31, 32, 33, 100])
@pytest.mark.parametrize("bands", [True, False])
def test_every_frame_is_scored(n_frames: int, bands: bool) -> None:
    model = MODELS["event_segmenter"](**FEATURES, maps=(4, 4, 4, 4), width=6, bands=bands).eval()
    assert model(torch.randn(2, 1, 16, n_frames)).shape == (2, n_frames, 9 if bands else 3)


def test_an_untrained_net_gives_events_their_usual_share() -> None:
    model = MODELS["event_segmenter"](**FEATURES, maps=(4, 4), width=6, usual_share=0.1).eval()
    with torch.no_grad():
        model.scores.weight.zero_()
        scores = model(torch.randn(1, 1, 16, 9))
    torch.testing.assert_close(scores[..., :3].sigmoid(), torch.full((1, 9, 3), 0.1))
    with pytest.raises(ValueError, match="usual_share must lie between 0 and 1; got 1"):
        MODELS["event_segmenter"](**FEATURES, usual_share=1)


def test_a_row_of_energy_is_not_looked_at() -> None:
    model = built("event_segmenter").eval()
    features = torch.randn(1, 1, 17, 20, dtype=torch.float64)
    other = features.clone()
    other[:, :, 16] = 5
    assert torch.equal(model(features), model(other))


@pytest.mark.parametrize("name", list(SMALL))
def test_both_backward_passes_give_the_same_training(name: str) -> None:
    curves = []
    for backprop in ("custom", "torch"):
        model = built(name, backprop)
        torch.manual_seed(1)
        features = torch.randn(3, 1, 16, 24, dtype=torch.float64)
        wanted = torch.randn(model(features).shape, dtype=torch.float64)
        optimizer = torch.optim.SGD(model.parameters(), 0.03)
        curve = []
        for step in range(15):
            torch.manual_seed(step)
            loss = (model(features) - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(float(loss.detach()))
        curves.append(curve)
        assert all(
            p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in model.parameters()
        )
    assert curves[0][-1] < curves[0][0]
    assert curves[0] == pytest.approx(curves[1], rel=0, abs=1e-10)


def test_the_segmenter_moves_with_its_input() -> None:
    model = built("event_segmenter").eval()
    features = torch.zeros(1, 1, 16, 200, dtype=torch.float64)
    features[..., 80:90] = torch.randn(16, 10, dtype=torch.float64)
    shift = model.least_frames * 4
    moved = model(features.roll(shift, -1))
    assert torch.allclose(moved[:, 60:160], model(features).roll(shift, 1)[:, 60:160])
    assert not torch.allclose(moved[:, 60:160], model(features)[:, 60:160])


def test_the_expected_place_of_a_peak_is_its_middle() -> None:
    scores = torch.full((1, 2, 10), -100.0)
    scores[0, 0, 3] = 100
    scores[0, 1, [4, 8]] = 100
    assert expected_place(scores).tolist() == [[3.5, 6.5]]


def test_the_localizer_learns_to_point() -> None:
    """Noise on a quiet ground in one of three bands: class, box and the landmark in its middle."""
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)

    def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        features, targets = 0.1 * torch.randn(count, 1, 16, 60, generator=rng), torch.zeros(count, 7)
        for i in range(count):
            label = int(torch.randint(3, (), generator=rng))
            on, length = (int(torch.randint(a, b, (), generator=rng)) for a, b in ((2, 30), (10, 26)))
            low, high = 5 * label, 5 * label + 5
            features[i, 0, low:high, on : on + length] += 2
            times = torch.tensor([on, on + length, on + length / 3, on + length / 2]) / TIME_UNIT_FRAMES
            targets[i] = torch.tensor([label, *times[:2], low / 16, high / 16, *times[2:]])
        return features, targets

    model = MODELS["event_localizer"](**FEATURES, **SMALL["event_localizer"], dropout=0.0)
    task, optimizer = ClassAndBox(3, box_weight=20, point_weight=20), torch.optim.AdamW(model.parameters(), 0.01)
    for _ in range(100):
        features, targets = drawn(16)
        loss = task.loss(model(features), Batch((), features, targets, torch.full((16,), 60)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    features, targets = drawn(64)
    found = model.eval()(features)
    assert (found[:, :3].argmax(1) == targets[:, 0].long()).float().mean() > 0.95
    times = [3, 4, 7, 8]
    assert (found[:, times] - targets[:, [1, 2, 5, 6]]).abs().mean() * TIME_UNIT_FRAMES < 3
    assert (found[:, 5:7] - targets[:, 3:5]).abs().mean() * 16 < 1


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bands can be halved 4 times, not for 6 stages"):
        MODELS["event_segmenter"](**FEATURES, maps=(2,) * 6)
    with pytest.raises(ValueError, match="maps must list the channels of 1 to 8 stages"):
        MODELS["event_localizer"](**FEATURES, maps=())
    with pytest.raises(ValueError, match="n_points must be at least 0"):
        MODELS["event_localizer"](**FEATURES, n_points=-1)
