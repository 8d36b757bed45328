"""A running mean of the weights that training goes through: steadier than the last ones, and better on other data.

Sources: Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging"; Izmailov et al. (2018),
"Averaging weights leads to wider optima and better generalization"; for data unlike those trained on, Cha et al.
(2021), "SWAD: domain generalization by seeking flat minima".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightMean:
    """Mean of a model's weights and running statistics over its steps, the older the less.

    Until as many steps are done as it reaches back, it is the plain mean of all; from then on each step counts the same
    share of it.

    Args:
        epochs: of training that it reaches back, about; 0: no mean is kept.
    """

    def __init__(self, epochs: float) -> None:
        self.epochs = epochs
        self.tensors: dict[str, Tensor] = {}

    @torch.no_grad()
    def follow(self, model: nn.Module, step: int, epoch_steps: int) -> None:
        """Take in the model as it is after step number `step`, from 0, where an epoch has so many."""
        if not self.epochs:
            return
        share = 1 / max(1.0, min(step + 1, self.epochs * epoch_steps))
        for name, now in model.state_dict().items():
            if name in self.tensors and now.is_floating_point():
                self.tensors[name].lerp_(now, share)
            else:
                self.tensors[name] = now.clone()

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Let the model have the mean's weights for a while, where there is a mean."""
        if not self.tensors:
            yield
            return
        trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.tensors)
        try:
            yield
        finally:
            model.load_state_dict(trained)
