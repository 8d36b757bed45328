from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from speechcnn.augment import Affine
from speechcnn.augment.affine import warped


def by_scipy(features: torch.Tensor, matrix: torch.Tensor, shift: torch.Tensor) -> np.ndarray:
    """The same warp, map by map, over (frequency, time), inside the range of values only."""
    inverse = np.linalg.inv(matrix.numpy())[::-1, ::-1]
    centre = (np.array(features.shape[1:]) - 1) / 2
    offset = centre - inverse @ (centre + shift.numpy()[::-1])
    least = features.min().item()
    return np.stack([ndimage.affine_transform(one - least, inverse, offset, order=1, mode="grid-constant") + least
                     for one in features.numpy()])  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ranges", [Affine(), Affine.of_sound()])
def test_it_is_the_affine_warp_that_scipy_makes(ranges: Affine, seed: int, rng: np.random.Generator) -> None:
    features = torch.from_numpy(rng.normal(size=(2, 24, 41)))
    matrix, shift = (one.double() for one in ranges.drawn(np.random.default_rng(seed)))
    np.testing.assert_allclose(warped(features, matrix, shift), by_scipy(features, matrix, shift), atol=1e-9)


def test_whole_shifts_and_flips_only_move_values(rng: np.random.Generator) -> None:
    features = torch.from_numpy(rng.normal(size=(1, 6, 9)))
    moved = warped(features, torch.eye(2, dtype=torch.float64), torch.tensor([2.0, -1.0], dtype=torch.float64))
    assert moved[:, :5, 2:].numpy() == pytest.approx(features[:, 1:, :7].numpy())
    assert (moved[:, :, :2] == features.min()).all()
    backwards = warped(features, torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64)), torch.zeros(2).double())
    assert backwards.numpy() == pytest.approx(features.flip(-1).numpy())


def test_the_default_ranges_are_the_lectures() -> None:
    draws = np.random.default_rng(0)
    found = [Affine().drawn(draws) for _ in range(4000)]
    areas = np.array([matrix.det().abs().sqrt().item() for matrix, _ in found])  # scale times the root of stretch
    shifts = torch.stack([shift for _, shift in found])
    assert areas.max() < 1.6 * math.sqrt(1.3) < 1.03 * areas.max()
    assert np.log(areas).mean() == pytest.approx(0, abs=0.02)
    assert 9.9 < shifts.abs().max() <= 10
    assert np.mean([matrix.det().item() < 0 for matrix, _ in found]) == pytest.approx(0.5, abs=0.03)


def test_the_same_draw_gives_the_same_map(rng: np.random.Generator) -> None:
    features = torch.from_numpy(rng.normal(size=(1, 20, 30)).astype(np.float32))
    one, same, other = (Affine()(features, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("setting", "sentence"), [
    ({"scale": 0.5}, "scale must be from 1 to 10; got 0.5"),
    ({"rotation_degrees": 400}, "rotation_degrees must be from 0 to 360"),
    ({"flip": 2}, "flip must be from 0 to 1"),
])  # fmt: skip
def test_ranges_are_checked(setting: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Affine(**setting)
