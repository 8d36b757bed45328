from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn.models.building import Recipe
from speechcnn.spotter import KeywordSpotter
from speechcnn.spotting import EventRule

RECIPE = Recipe(
    {"name": "log_mel", "deltas": 0, "energy": False},
    {"kind": "corpus"},
    {"name": "keyword_tdnn", "channels": 16, "dilations": [1, 2], "word_dilations": [4], "lookahead_frames": 16},
)
RATE = 16000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def with_beeps(seconds: float, starts: list[float], rate: int = RATE) -> np.ndarray:
    """Return quiet noise with beeps of 0.3 s."""
    samples = 1e-3 * np.random.default_rng(0).standard_normal(round(seconds * rate)).astype(np.float32)
    for start in starts:
        at, beep = round(start * rate), tone(0.3, rate)
        samples[at : at + len(beep)] += beep
    return samples


def fitted() -> KeywordSpotter:
    """Return a spotter of beeps of 0.3 s, trained within a second: the target of a frame is its centre's."""
    torch.manual_seed(0)
    spotter = KeywordSpotter(RECIPE, ["beep"], EventRule(0.5, 0.1, 0.02, 0.3), {"licence": "MIT", "seed": 0})
    chain, starts = spotter.chain, [0.5, 1.4, 2.63, 3.3, 4.21, 5.75, 7.02, 8.4]
    plain = with_beeps(9.0, starts)
    plain[99000:105000] = 0  # digital silence is no beep either
    samples = torch.from_numpy(plain)[None]
    features, _ = chain.features(samples)
    chain.normalizer.fit([features[0]])
    net = chain.network.requires_grad_(True).train()
    centres = spotter.frames.first_seconds + torch.arange(0, features.shape[-1], 2) * chain.features.shift_seconds
    onsets = torch.tensor(starts)[(centres[:, None] - torch.tensor(starts) - 0.15).abs().argmin(1)]
    back = torch.stack([centres - onsets, centres - onsets - 0.3])
    inside = (back[0] >= 0) & (back[1] < 0)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(200):
        scores = net(chain.normalized(features))
        loss = torch.nn.functional.cross_entropy(scores.classes[0].T, inside.long())
        loss = loss + 10 * (scores.times[0] - back)[:, inside].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.requires_grad_(False).eval()
    return spotter


@pytest.fixture(scope="session")
def spotter() -> KeywordSpotter:
    return fitted()


@pytest.fixture(scope="session")
def model_file(spotter: KeywordSpotter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "beep.speechcnn"
    spotter.save(path)
    return path
