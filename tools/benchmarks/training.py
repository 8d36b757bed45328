"""Training: one scan over each utterance against the same network fed with copied 15-frame windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from bench import Row, compare
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.models import MODELS

B, T, CONTEXT = 8, 300, 15
SHAPE = {"n_classes": 183, "n_streams": 3, "n_bands": 40, "energy": True}


def windows(features: Tensor) -> Tensor:
    """Copy each frame's context: [B, C, F, T] -> [B * T, C, F, CONTEXT]."""
    padded = F.pad(features, (CONTEXT // 2, CONTEXT // 2))
    return padded.unfold(-1, CONTEXT, 1).permute(0, 3, 1, 2, 4).flatten(0, 1).contiguous()


def unpadded(model: nn.Module) -> nn.Module:
    """Let the network see a window's 15 frames as one, without padding around them."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            module.padding = (0,) * len(module.padding)
    return model


def step(model: nn.Module, features: Callable[[], Tensor], targets: Tensor) -> Callable[[], Tensor]:
    """One forward and backward pass; making the windows is part of the windowed way."""

    def run() -> Tensor:
        model.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(features()).flatten(0, 1), targets)
        loss.backward()
        return loss.detach()

    return run


def rows() -> Iterator[Row]:
    torch.manual_seed(0)
    utterances, targets = torch.randn(B, 3, 41, T), torch.randint(183, (B * T,))
    for name, arguments in (("cnn_dnn", {"pool": 6}), ("dnn", {})):
        scanned, windowed = (MODELS[name](**SHAPE, **arguments) for _ in range(2))
        unpadded(windowed).load_state_dict(scanned.state_dict())
        ours = step(scanned, lambda: utterances, targets)
        peer = step(windowed, lambda: windows(utterances), targets)
        difference = float((ours() - peer()).abs())
        row = compare(f"train {name}, {B} x {T} frames", ours, peer, peer_name="copied windows", difference=difference)
        yield Row(**{**vars(row), "note": f"{1000 * B * T / row.ours_ms:,.0f} frames/s"})
