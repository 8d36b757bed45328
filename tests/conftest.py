"""Fixtures that every room's tests share."""

from __future__ import annotations

import numpy as np
import pytest
import torch


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20130526)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20130526)
