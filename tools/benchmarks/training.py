"""Training: one scan over each utterance, by the layers' own backward pass, against copied windows and torch's pass.

And, of the deeper networks, in bf16 against fp32, as `training.precision=bf16` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from bench import Row, compare
from torch import Tensor, nn
from torch.nn import functional as F

from speechcnn.layers.conv import Convolution
from speechcnn.models import MODELS

B, T, CONTEXT = 8, 300, 15
SHAPE = {"n_classes": 183, "n_streams": 3, "n_bands": 40, "energy": True}


CASES = (
    ("train CNN-DNN, P = 6", "cnn_dnn", {"pool": 6}),
    ("train CNN-DNN, P = 1..12", "cnn_dnn", {"pool": list(range(1, 13))}),
    ("train DNN", "dnn", {}),
)
# Deep networks pad once for all their layers, so a window of theirs has no padding to take away.
DEEP_CASES = (
    ("train TDNN", "tdnn", {}),
    ("train CNN-TDNN, P = 6", "cnn_tdnn", {"pool": 6}),
    ("train residual CNN", "residual_cnn", {}),
)


def windows(features: Tensor) -> Tensor:
    """Copy each frame's context: [B, C, F, T] -> [B * T, C, F, CONTEXT]."""
    padded = F.pad(features, (CONTEXT // 2, CONTEXT // 2))
    return padded.unfold(-1, CONTEXT, 1).permute(0, 3, 1, 2, 4).flatten(0, 1).contiguous()


def unpadded(model: nn.Module) -> nn.Module:
    """Let the network see a window's 15 frames as one, without padding around them."""
    for module in model.modules():
        if isinstance(module, Convolution):
            module.padding = (0,) * module.n_axes
    return model


def step(model: nn.Module, features: Callable[[], Tensor], targets: Tensor, bf16: bool = False) -> Callable[[], Tensor]:
    """One forward and backward pass; making the windows is part of the windowed way."""

    def run() -> Tensor:
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            scores = model(features())
        loss = F.cross_entropy(scores.flatten(0, 1).float(), targets)
        loss.backward()
        return loss.detach()

    return run


def rows() -> Iterator[Row]:
    torch.manual_seed(0)
    utterances, targets = torch.randn(B, 3, 41, T), torch.randint(183, (B * T,))
    for title, name, arguments in CASES:
        scanned, native, windowed = (
            MODELS[name](**SHAPE, **arguments, backprop=b) for b in ("custom", "torch", "torch")
        )
        for peer in (native, unpadded(windowed)):
            peer.load_state_dict(scanned.state_dict())
        ours = step(scanned, lambda: utterances, targets)
        yield compared(title, ours, step(native, lambda: utterances, targets), 'backprop="torch"')
        yield compared(title, ours, step(windowed, lambda: windows(utterances), targets), "copied windows")
    for title, name, arguments in DEEP_CASES:
        ours, native = (MODELS[name](**SHAPE, **arguments, backprop=b) for b in ("custom", "torch"))
        native.load_state_dict(ours.state_dict())
        run = step(ours, lambda: utterances, targets)
        yield compared(title, run, step(native, lambda: utterances, targets), 'backprop="torch"')
        yield compared(f"{title}, bf16", step(ours, lambda: utterances, targets, bf16=True), run, "fp32")


def compared(title: str, ours: Callable[[], Tensor], peer: Callable[[], Tensor], peer_name: str) -> Row:
    """Run two steps turn about; the difference is that of the loss."""
    row = compare(title, ours, peer, peer_name=peer_name, difference=float((ours() - peer()).abs()))
    return replace(row, note=f"{1000 * B * T / row.ours_ms:,.0f} frames/s")
