"""The event finder: targets and times agree, files come back the same, files that are not its own are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechcnn import bundle
from speechcnn.arguments import SettingsError
from speechcnn.bundle import BundleError
from speechcnn.decoding.events import EventSettings
from speechcnn.event_finder import EventFinder
from speechcnn.events import Event
from speechcnn.labels import Labels
from speechcnn.models.building import Recipe

SMALL = Recipe(
    {"deltas": 0, "energy": False, "shift_ms": 20, "n_bands": 16},
    {"kind": "corpus"},
    {"maps": [4, 6], "width": 8, "usual_share": 0.5},  # an untrained net that finds something
)
PLAIN = EventSettings(0.5, 0.5, 0, 0, 0)


def built(recipe: Recipe = SMALL) -> EventFinder:
    torch.manual_seed(3)
    return EventFinder(recipe, Labels(("bell", "siren")), PLAIN)


def test_targets_decode_to_the_events_they_were_made_of() -> None:
    events = [Event("siren", 0.5, 1.5, 300.0, 2000.0), Event("bell", 1.2, 2.3, 1000.0, 5000.0)]
    finder = built()
    targets = finder.targets(events, 150)
    bands = finder.hertz(targets[:, 2:]).unflatten(1, (2, 2)).numpy()
    found = finder.decode(targets[:, :2].numpy(), bands)
    assert [one.label for one in found] == ["siren", "bell"]
    for one, true in zip(found, events, strict=True):
        assert abs(one.onset - true.onset) <= 0.0101
        assert abs(one.offset - true.offset) <= 0.0101
        assert one.band == pytest.approx(true.band, rel=1e-3)


def test_frames_are_active_whose_centre_the_event_holds() -> None:
    targets = built().targets([Event("bell", 0.0525, 0.0925)], 6)
    # Centres lie at 12.5 ms and every 20 ms from there on: 12.5, 32.5, 52.5, 72.5, 92.5.
    assert targets[:, 0].tolist() == [0, 0, 1, 1, 0, 0]
    assert not targets[:, 1].any()


def test_a_model_file_finds_the_same(tmp_path) -> None:
    finder, sound = built(), 0.1 * np.random.default_rng(0).standard_normal(32000)
    finder.normalizer.fit([finder.extract(sound, 16000)])
    finder.settings = EventSettings(0.2, 0.1, 0.06, 0.02, 0.0)
    finder.save(tmp_path / "a.speechcnn")
    again = EventFinder.load(tmp_path / "a.speechcnn")
    found = finder.find(sound, 16000)
    assert found
    assert again.find(sound, 16000) == found
    assert again.settings == finder.settings


def test_what_is_shorter_than_a_frame_has_no_events() -> None:
    assert built().find(np.zeros(100), 16000) == []


def test_a_network_without_bands_gives_events_without_bands() -> None:
    finder = built(Recipe(SMALL.features, SMALL.normalisation, {**SMALL.model, "bands": False}))
    finder.settings = EventSettings(0.2, 0.1, 0, 0, 0)
    assert finder.targets([Event("bell", 0, 1, 100, 200)], 20).shape == (20, 2)
    assert all(one.band is None for one in finder.find(np.random.default_rng(0).normal(0, 0.1, 16000), 16000))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "phones"}, "a model for 'phones'; an event finder was asked for"),
        ({"labels": ["bell"]}, "do not fit|must be"),
        ({"labels": ["bell", "bell"]}, "label names must differ"),
        ({"model": {"maps": [100000] * 8, "width": 8}}, "model"),
        ({"decoder": {"onset_threshold": 9}}, "thresholds"),
    ],
)
def test_a_file_that_is_no_event_finder_is_refused(tmp_path, change, sentence) -> None:
    path = tmp_path / "a.speechcnn"
    built().save(path)
    content = bundle.read(path)
    bundle.write(path, bundle.Bundle({**content.card, **change}, content.tensors))
    with pytest.raises(BundleError, match=sentence):
        EventFinder.load(path)


def test_too_large_a_network_is_refused_before_memory_is_spent() -> None:
    with pytest.raises(SettingsError, match="parameters; at most"):
        built(Recipe(SMALL.features, SMALL.normalisation, {"maps": [16, 16], "width": 20000}))
