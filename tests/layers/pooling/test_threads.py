"""Sharing maps among threads: the same bits for any number of them, from several callers, and after a fork."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from speechcnn.layers.pooling import HeterogeneousPool, MaxPool, MeanPool, SoftPool, threads

LAYERS = [MaxPool(3, 1, 1), MeanPool((6, 1), (2, 1)), SoftPool(5, 2), HeterogeneousPool(5)]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def results(layer, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    y.pow(2).sum().backward()
    return y.detach(), x.grad


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_results_are_the_same_bits_for_any_number_of_threads(layer) -> None:
    x = torch.randn(7, 5, 15, 100)
    assert x.numel() >= threads.SMALL
    found = []
    for n in (1, 2, 3, 8):
        torch.set_num_threads(n)
        found.append(results(layer, x))
    for y, dx in found[1:]:
        assert torch.equal(y, found[0][0])
        assert torch.equal(dx, found[0][1])


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_maps", [0, 1, 3, 50])
def test_every_map_is_done_once(n_maps: int, n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    done: list[int] = []
    threads.share(lambda first, last: done.extend(range(first, last)), (), n_maps, threads.SMALL)
    assert sorted(done) == list(range(n_maps))


def test_a_fault_in_a_kernel_reaches_the_caller() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        threads.share(lambda first, last: 1 / 0, (), 8, threads.SMALL)


def test_several_python_threads_may_pool_at_once() -> None:
    torch.set_num_threads(2)
    layer, inputs = LAYERS[0], torch.randn(12, 7, 5, 15, 100)
    expected = [results(layer, x) for x in inputs]
    with ThreadPoolExecutor(6) as callers:
        found = list(callers.map(lambda x: (torch.set_num_threads(2), results(layer, x))[1], inputs))
    for (y, dx), (z, dz) in zip(found, expected, strict=True):
        assert torch.equal(y, z)
        assert torch.equal(dx, dz)


def test_a_forked_child_pools_with_threads_of_its_own() -> None:
    script = """
import os, torch
from speechcnn.layers.pooling import MaxPool, threads
torch.set_num_threads(2)
x = torch.randn(7, 5, 15, 100)
before = MaxPool(3)(x)
assert threads._helpers is not None
child = os.fork()
if child == 0:
    assert threads._helpers is None
    same = torch.equal(MaxPool(3)(x), before) and threads._helpers is not None
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=120)
