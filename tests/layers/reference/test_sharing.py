"""Limited weight sharing against one torch convolution a section."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from speechcnn.layers.reference.sharing import limited_sharing_backward, limited_sharing_forward


@pytest.mark.parametrize(("width", "shift", "padding"), [(4, 4, 0), (5, 2, 1), (3, 3, 2)])
def test_sections_agree_with_torch(width, shift, padding, rng, agrees_with_torch) -> None:
    def truth(x, w, b):
        bands = [x[:, :, s * shift : s * shift + width] for s in range(len(w))]
        return torch.stack([F.conv2d(bands[s], w[s], b[s], padding=(0, padding)) for s in range(len(w))], 1)

    n_bands = 2 * shift + width
    arrays = [rng.standard_normal(s) for s in [(2, 2, n_bands, 6), (3, 4, 2, 3, 2), (3, 4)]]
    settings = {"width": width, "shift": shift, "padding": padding}
    agrees_with_torch(limited_sharing_forward, limited_sharing_backward, truth, *arrays, **settings)


def test_derivatives_agree_with_finite_differences(rng, agrees_with_differences) -> None:
    arrays = [rng.standard_normal(s) for s in [(1, 2, 5, 3), (2, 2, 2, 2, 2), (2, 2)]]
    agrees_with_differences(limited_sharing_forward, limited_sharing_backward, *arrays, width=3, shift=2)
